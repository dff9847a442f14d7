//! The store of user accounts: one DynamoDB table.
//!
//! A user is one item. A marker item for each unique name holds the UUID of its owner, and is
//! written in the same transaction as the user. Every read is strongly consistent, so no read uses
//! a secondary index.

mod administrators;
mod authority;
mod avatar;
mod avatar_cleanup;
mod change;
mod delete;
mod import;
mod item;
mod lookup;
mod sign_in;
mod sign_up;

use uuid::Uuid;

pub use administrators::NewAdministrator;
pub use avatar_cleanup::CleanupReport;
pub use import::{ImportedRow, RowOutcome};
pub use sign_up::NewUserAccess;

use crate::aws::{Connections, FromConfig};
use crate::domain::{
    Email, InternalError, Language, PhoneRegion, Result, User, UserId, Username, WechatOpenId,
};
use crate::store::dynamodb::{Database, Key, key};
use crate::store::{AuditLog, AuditRecord, NotificationKind, RateLimit, outbox, rate_limits};

/// The store of user accounts.
pub struct Users {
    database: Database,
    audit_log: AuditLog,
    phone_region: PhoneRegion,
}

impl FromConfig for Users {
    async fn open(connections: &Connections) -> Result<Self, InternalError> {
        let phone_region = connections.config.required("PHONE_REGION")?;
        let unknown = |reason| InternalError::new(format!("the variable PHONE_REGION {reason}"));
        Ok(Self {
            phone_region: phone_region.parse().map_err(unknown)?,
            database: connections.shared::<Database>().await?,
            audit_log: AuditLog::from_config(&connections.config)?,
        })
    }
}

impl Users {
    /// The user of this UUID. One read.
    ///
    /// # Errors
    /// Only an internal error.
    pub async fn by_uuid(&self, uuid: Uuid) -> Result<Option<User>> {
        let user = self.by_id(uuid.into()).await?;
        Ok(user.filter(|user| user.uuid == uuid)) // an id is only a prefix of a UUID
    }

    /// The user of this integer id. One read.
    ///
    /// # Errors
    /// Only an internal error.
    pub async fn by_id(&self, id: UserId) -> Result<Option<User>> {
        let item = self.database.get(&key::user(id)).await?;
        Ok(item.as_ref().map(item::to_user).transpose()?)
    }

    /// The owner of this name: an e-mail if it contains an `@`, or else a user name. One read, even
    /// if the name is invalid, so that all names take the same time.
    ///
    /// # Errors
    /// Only an internal error.
    pub async fn owner_of_name(&self, name: &str) -> Result<Option<Uuid>> {
        let marker = if name.contains(['@', '\u{FF20}', '\u{FE6B}']) {
            name.parse()
                .map(|email: Email| key::email(&email.canonical()))
        } else {
            name.parse()
                .map(|name: Username| key::username(&name.canonical()))
        };
        self.owner(&marker.unwrap_or_else(|_| key::connection_probe()))
            .await
    }

    /// The owner of this e-mail. One read.
    ///
    /// # Errors
    /// Only an internal error.
    pub async fn owner_of_email(&self, email: &Email) -> Result<Option<Uuid>> {
        self.owner(&key::email(&email.canonical())).await
    }

    /// The owner of this user name. One read.
    ///
    /// # Errors
    /// Only an internal error.
    pub async fn owner_of_username(&self, name: &Username) -> Result<Option<Uuid>> {
        self.owner(&key::username(&name.canonical())).await
    }

    /// The owner of this WeChat OpenID. One read.
    ///
    /// # Errors
    /// Only an internal error.
    pub async fn owner_of_wx(&self, wx: &WechatOpenId) -> Result<Option<Uuid>> {
        self.owner(&key::wx(wx)).await
    }

    /// The newest audit records about a user, newest first. The user may be deleted.
    ///
    /// # Errors
    /// Only an internal error.
    pub async fn audit_log(&self, user: UserId, max: usize) -> Result<Vec<AuditRecord>> {
        let items = self.database.newest(&key::audit_log(user), max).await?;
        Ok(items
            .iter()
            .map(AuditRecord::from_item)
            .collect::<Result<_, InternalError>>()?)
    }

    /// Sends `user` the link that verifies their e-mail address. One transaction.
    ///
    /// # Errors
    /// [`Error::RateLimited`](crate::domain::Error::RateLimited) if the limit is used up.
    pub async fn send_verification(
        &self,
        user: &User,
        limit: &RateLimit,
        language: Language,
    ) -> Result<()> {
        let kind = NotificationKind::VerifyEmail {
            version: user.email_version,
        };
        let message = outbox::enqueue(&kind, user, language)?;
        rate_limits::write_counted(&self.database, Some(limit), || vec![message.clone()])
            .await?
            .committed()?;
        Ok(())
    }

    async fn owner(&self, marker: &Key) -> Result<Option<Uuid>> {
        let item = self.database.get(marker).await?;
        Ok(item.as_ref().and_then(item::owner))
    }
}
