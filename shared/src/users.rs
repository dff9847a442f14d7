//! The store of users, in verbs.
//!
//! One DynamoDB table. A user is one item; every name that must be unique is a marker item
//! with its owner, written in the same transaction as the user. Nothing is decided from an
//! index, and every read is strongly consistent.

mod administrators;
mod avatar;
mod change;
mod delete;
mod history;
mod import;
mod item;
mod sign_in;
mod sign_up;

use uuid::Uuid;

pub use administrators::Administrator;
pub use import::{Imported, Outcome};
pub(crate) use item::user as user_of_item;

use crate::audit::Trail;
use crate::database::{Database, Key, key};
use crate::env::{Env, Resource};
use crate::{Email, Fault, OpenId, Result, User, UserId, Username};

/// The users.
pub struct Users {
    pub(crate) database: Database,
    trail: Trail,
}

impl Resource for Users {
    async fn open(env: &Env) -> Result<Self, Fault> {
        Ok(Self {
            database: env.database().await?,
            trail: Trail::of(env)?,
        })
    }
}

impl Users {
    /// The user of this identity. One read.
    ///
    /// # Errors
    /// Only a fault of ours.
    pub async fn by_uuid(&self, uuid: Uuid) -> Result<Option<User>> {
        let user = self.by_id(uuid.into()).await?;
        Ok(user.filter(|user| user.uuid == uuid)) // two UUIDs can begin alike
    }

    /// The user of this integer. One read.
    ///
    /// # Errors
    /// Only a fault of ours.
    pub async fn by_id(&self, id: UserId) -> Result<Option<User>> {
        let item = self.database.get(&key::user(id)).await?;
        Ok(item.as_ref().map(item::user).transpose()?)
    }

    /// Who has this name: a user name, or an e-mail where it holds an `@`. One read, also where
    /// nobody could have it.
    ///
    /// # Errors
    /// Only a fault of ours.
    pub async fn owner_of_name(&self, name: &str) -> Result<Option<Uuid>> {
        let marker = if name.contains(['@', '\u{FF20}', '\u{FE6B}']) {
            name.parse()
                .map(|email: Email| key::email(&email.canonical()))
        } else {
            name.parse()
                .map(|name: Username| key::username(&name.canonical()))
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

    /// Who has this user name. One read.
    ///
    /// # Errors
    /// Only a fault of ours.
    pub async fn owner_of_username(&self, name: &Username) -> Result<Option<Uuid>> {
        self.owner(&key::username(&name.canonical())).await
    }

    /// Who has this OpenID. One read.
    ///
    /// # Errors
    /// Only a fault of ours.
    pub async fn owner_of_wx(&self, wx: &OpenId) -> Result<Option<Uuid>> {
        self.owner(&key::wx(wx)).await
    }

    async fn owner(&self, marker: &Key) -> Result<Option<Uuid>> {
        let item = self.database.get(marker).await?;
        Ok(item.as_ref().and_then(item::owner))
    }
}
