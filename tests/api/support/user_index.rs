//! The list of users, and the table that it is read from.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};

use super::{Item, Response, TestApp};

impl TestApp {
    /// The list of users, once everything written so far is in the index.
    pub async fn list_users(&self, token: &str, query: &str) -> Response {
        self.settle().await;
        let query = match query {
            "" => String::new(),
            query => format!("?{query}"),
        };
        self.get_as(token, &format!("/api/users/{query}")).await
    }

    /// The e-mail addresses on a page of the list, and the total.
    pub async fn list_emails(&self, token: &str, query: &str) -> (Vec<String>, u64) {
        let response = self.list_users(token, query).await;
        assert_eq!(response.json()["code"], 0, "{query}: {response}");
        let data = &response.json()["data"];
        (emails(data), data["total"].as_u64().expect("a total"))
    }

    /// Signs up the user with this number.
    pub async fn numbered_account(&self, n: usize) -> (Value, String) {
        self.whale_account(&format!("user{n}@b.co")).await
    }

    /// Every item of the user index.
    pub async fn index_items(&self) -> Vec<Item> {
        self.scan("UserIndexTable").await
    }

    /// Deletes an item of the user index.
    pub async fn delete_index_item(&self, item: &Item) {
        let table = self.physical_id("UserIndexTable");
        let delete = self.dynamodb().delete_item().table_name(table);
        let delete = delete
            .key("pk", item["pk"].clone())
            .key("sk", item["sk"].clone());
        delete.send().await.expect("a deletion");
    }

    /// Removes the user from their set of ids in the index and leaves the counts as they are.
    pub async fn damage_user_index(&self, user: &Value) {
        self.settle().await;
        let id = user["id"].as_u64().expect("an id");
        let leaf = AttributeValue::S(format!("{:020}", id >> 24));
        let [.., high, middle, low] = id.to_be_bytes();
        for mut item in self.index_items().await {
            let Some(ids) = item.get("ids").and_then(|ids| ids.as_b().ok()) else {
                continue;
            };
            let others = ids
                .as_ref()
                .chunks(3)
                .filter(|id| *id != [high, middle, low]);
            let others = others.collect::<Vec<_>>().concat();
            if item["sk"] != leaf || others == ids.as_ref() {
                continue;
            }
            if others.is_empty() {
                self.delete_index_item(&item).await;
            } else {
                item.insert("ids".into(), AttributeValue::B(others.into()));
                self.put_item("UserIndexTable", item).await;
            }
            return;
        }
        panic!("the user is not in the index");
    }

    /// Adds an id of no user to the index, without a count.
    pub async fn list_nobody(&self) {
        let item = [
            ("pk", AttributeValue::S("IDS#001".into())),
            ("sk", AttributeValue::S(format!("{:020}", 1))),
            ("ids", AttributeValue::B(vec![0, 0, 7].into())),
        ];
        let item = item.map(|(name, value)| (name.to_owned(), value));
        self.put_item("UserIndexTable", item.into()).await;
    }

    /// Compares or rebuilds the index, once everything written so far is in it.
    pub async fn check_user_index(&self, command: &str) -> Value {
        self.settle().await;
        self.admin(json!({ "command": command })).await
    }
}

/// The e-mail addresses on a page of the list.
pub fn emails(data: &Value) -> Vec<String> {
    let users = data["users"].as_array().expect("a list of users");
    users
        .iter()
        .map(|user| {
            user["email"]
                .as_str()
                .expect("an e-mail address")
                .to_owned()
        })
        .collect()
}
