//! Direct access to the store, without the API.

use std::collections::HashMap;

use argon2::password_hash::PasswordHasher;
use argon2::{Algorithm, Argon2, Params, Version};
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::Value;
use shared::{
    Actor, Connections, FromConfig, PasswordHash, Role, User, UserChange, UsersWithPasswords,
};

use super::{PASSWORD, TestApp};

/// An item of a table: attribute values by name.
pub type Item = HashMap<String, AttributeValue>;

impl TestApp {
    /// The environment of a principal with all permissions.
    pub fn operator(&self) -> Connections {
        Connections::from_variables(self.variables()).expect("an environment")
    }

    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        self.operator().clients.dynamodb()
    }

    pub async fn users(&self) -> UsersWithPasswords {
        UsersWithPasswords::open(&self.operator())
            .await
            .expect("the store opens")
    }

    /// The stored user that a response shows as `user`.
    pub async fn stored_user(&self, user: &Value) -> User {
        let uuid = ["uuid", "id"]
            .iter()
            .find_map(|name| user[name].as_str())
            .unwrap_or_else(|| panic!("no UUID in {user}"));
        let uuid = uuid.parse().expect("a UUID");
        let users = self.users().await;
        users.by_uuid(uuid).await.expect("a read").expect("a user")
    }

    /// Changes the stored user that a response shows as `user`.
    pub async fn update_directly(&self, user: &Value, change: impl Fn(&mut UserChange)) {
        let stored = self.stored_user(user).await;
        let users = self.users().await;
        users
            .change(stored, &Actor::operator(), change)
            .await
            .expect("a change");
    }

    /// Makes `user` an administrator, although [`PASSWORD`] is too short for one.
    pub async fn promote(&self, user: &Value) {
        self.update_directly(user, |user| {
            let password = user.password.take();
            user.password = password.map(PasswordHash::exempt_from_admin_length);
            user.role = Role::Admin;
        })
        .await;
    }

    /// The current value of a secret, by its logical id.
    pub async fn secret(&self, logical: &str) -> String {
        let secrets = self.operator().clients.secrets_manager();
        let found = secrets
            .get_secret_value()
            .secret_id(self.physical_id(logical))
            .send()
            .await;
        found.expect("a secret").secret_string.expect("a text")
    }

    /// Every item of the users table.
    pub async fn items(&self) -> Vec<Item> {
        self.scan("UsersTable").await
    }

    /// Every item of the table of mailed codes.
    pub async fn mail_code_items(&self) -> Vec<Item> {
        self.scan("MailCodesTable").await
    }

    /// Every message of the outbox.
    pub async fn outbox(&self) -> Vec<Item> {
        self.scan("OutboxTable").await
    }

    /// The audit log's events, oldest first.
    pub async fn audit_events(&self) -> Vec<String> {
        let mut records = self.scan("AuditTable").await;
        records.sort_by_key(|record| record["sk"].as_s().expect("a text").clone());
        records
            .iter()
            .map(|record| record["event"].as_s().expect("a text").clone())
            .collect()
    }

    /// Every item of a table, by its logical id.
    pub async fn scan(&self, table: &str) -> Vec<Item> {
        let scan = self.dynamodb().scan().table_name(self.physical_id(table));
        scan.into_paginator()
            .items()
            .send()
            .collect::<Result<_, _>>()
            .await
            .expect("a scan")
    }

    /// Puts an item into a table, by its logical id.
    pub async fn put_item(&self, table: &str, item: Item) {
        let put = self.dynamodb().put_item();
        put.table_name(self.physical_id(table))
            .set_item(Some(item))
            .send()
            .await
            .expect("a put");
    }

    /// The stored item of the user with this attribute.
    pub async fn user_item(&self, attribute: &str, value: &str) -> Item {
        let has = |item: &Item| {
            let found = item.get(attribute).and_then(|found| found.as_s().ok());
            item.contains_key("uuid") && found.is_some_and(|found| found == value)
        };
        let items = self.items().await;
        let item = items.into_iter().find(has);
        item.unwrap_or_else(|| panic!("no user whose {attribute} is {value}"))
    }

    /// Stores `hash` as the user's password hash.
    pub async fn store_password_hash(&self, user: &Item, hash: &str) {
        let update = self.dynamodb().update_item();
        let update = update
            .table_name(self.physical_id("UsersTable"))
            .key("pk", user["pk"].clone())
            .update_expression("SET password = :hash");
        update
            .expression_attribute_values(":hash", AttributeValue::S(hash.into()))
            .send()
            .await
            .expect("an update");
    }

    /// Stores a hash of [`PASSWORD`] with outdated parameters, which the next login renews.
    pub async fn store_outdated_hash(&self, email: &str) {
        let parameters = Params::new(8192, 1, 1, None).unwrap();
        let outdated = Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters);
        let hash = outdated.hash_password(PASSWORD.as_bytes()).unwrap();
        let user = self.user_item("email", email).await;
        self.store_password_hash(&user, &hash.to_string()).await;
    }
}

/// The items in the order of their partition keys.
pub fn sorted(mut items: Vec<Item>) -> Vec<Item> {
    items.sort_by_key(|item| item["pk"].as_s().unwrap().clone());
    items
}
