//! The store of users, in verbs.
//!
//! One DynamoDB table. A user is one item; every name that must be unique is a marker item
//! with its owner, written in the same transaction as the user. Nothing is decided from an
//! index, and every read is strongly consistent.

mod change;
pub(crate) mod item;
pub(crate) mod key;
mod sign_up;
pub(crate) mod table;

use uuid::Uuid;

use crate::env::{Env, Resource};
use crate::{Email, Error, Fault, Result, User, UserId, Username};
use table::Table;

/// The users.
pub struct Users {
    pub(crate) table: Table,
}

impl Resource for Users {
    async fn open(env: &Env) -> Result<Self, Fault> {
        let table = Table::of(env)?;
        table.connect().await;
        Ok(Self { table })
    }
}

impl Users {
    /// The user of this identity. One read.
    ///
    /// # Errors
    /// Only a fault of ours.
    pub async fn by_uuid(&self, uuid: Uuid) -> Result<Option<User>> {
        let Some(item) = self.table.get(&key::user(UserId::from(uuid))).await? else {
            return Ok(None);
        };
        let user = item::user(&item)?;
        Ok((user.uuid == uuid).then_some(user)) // two UUIDs can begin alike
    }

    /// Who has this name: a user name, or an e-mail where it holds an `@`. One read, also where
    /// nobody could have it.
    ///
    /// # Errors
    /// Only a fault of ours.
    pub async fn owner_of_name(&self, name: &str) -> Result<Option<Uuid>> {
        let marker = if name.contains(['@', '\u{FF20}', '\u{FE6B}']) {
            name.parse().map(|email: Email| key::email(&email.canonical()))
        } else {
            name.parse().map(|name: Username| key::username(&name.canonical()))
        };
        self.owner(&marker.unwrap_or_else(|_| key::nothing())).await
    }

    /// Who has this e-mail. One read.
    ///
    /// # Errors
    /// Only a fault of ours.
    pub async fn owner_of_email(&self, email: &Email) -> Result<Option<Uuid>> {
        self.owner(&key::email(&email.canonical())).await
    }

    async fn owner(&self, marker: &str) -> Result<Option<Uuid>> {
        let item = self.table.get(marker).await?;
        Ok(item.as_ref().and_then(item::owner))
    }
}

/// The conflict that a taken marker is.
fn taken(marker: &str) -> Error {
    match key::kind(marker) {
        key::Kind::Username => Error::UsernameTaken,
        key::Kind::Phone => Error::PhoneTaken,
        key::Kind::Email => Error::EmailTaken,
    }
}
