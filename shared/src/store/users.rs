//! The store of user accounts: one DynamoDB table.
//!
//! A user is one item. A marker item for each unique name holds the UUID of its owner, and is
//! written in the same transaction as the user. Every read is strongly consistent, so no read uses
//! a secondary index.

mod account;
mod administrators;
mod authority;
mod avatar;
mod avatar_cleanup;
mod change;
mod delete;
mod import;
pub(super) mod item;
mod lookup;
mod sessions;
mod sign_in;
mod sign_up;

use std::ops::Deref;

use uuid::Uuid;

use account::Enumeration;
use change::{Lock, dated};

pub use avatar_cleanup::CleanupReport;
pub use change::PasswordChangeProof;
pub use import::{ImportedRow, RowOutcome};
pub use sign_in::SignIn;
pub use sign_up::NewUserAccess;

use crate::aws::{Connections, FromConfig};
use crate::domain::{
    Account, Actor, AuditEvent, Email, Error, InternalError, PhoneRegion, Result, User, UserChange,
    UserId, Username, WechatOpenId,
};
use crate::store::dynamodb::{Database, Key, key};
use crate::store::rate_limits::RateLimiter;
use crate::store::{
    AuditLog, AuditRecord, NotificationKind, PasswordTries, RateLimits, mail_codes, outbox,
    rate_limits,
};

/// The store of user accounts. It reads no password hashes.
///
/// [`UsersWithPasswords`] does, for the functions that IAM lets read them.
pub struct Users {
    database: Database,
    audit_log: AuditLog,
    limiter: RateLimiter,
    enumeration: Enumeration,
    phone_region: PhoneRegion,
    reads_passwords: bool,
}

impl FromConfig for Users {
    async fn open(connections: &Connections) -> Result<Self, InternalError> {
        let database = connections.shared::<Database>().await?;
        let audit_log = AuditLog::from_config(&connections.config)?;
        let phone_region = connections.config.required("PHONE_REGION")?;
        let unknown = |reason| InternalError::new(format!("the variable PHONE_REGION {reason}"));
        Ok(Self {
            limiter: RateLimiter {
                database: database.clone(),
                audit_log,
            },
            database,
            audit_log,
            enumeration: Enumeration::parse(&connections.config.required("ENUMERATION")?)?,
            phone_region: phone_region.parse().map_err(unknown)?,
            reads_passwords: false,
        })
    }
}

/// The store of user accounts, with password hashes.
///
/// What depends on a hash is a method of this type and not of [`Users`]: signing in, new passwords,
/// roles and the import. A function that opens it needs `MayReadPasswords` in the place of
/// `MayReadUsers`.
pub struct UsersWithPasswords(Users);

impl FromConfig for UsersWithPasswords {
    async fn open(connections: &Connections) -> Result<Self, InternalError> {
        Ok(Self(Users {
            reads_passwords: true,
            ..Users::open(connections).await?
        }))
    }
}

impl Deref for UsersWithPasswords {
    type Target = Users;

    fn deref(&self) -> &Users {
        &self.0
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
        let key = key::user(id);
        let item = if self.reads_passwords {
            self.database.get(&key).await?
        } else {
            let attributes = item::attributes_for(item::Use::Read);
            self.database.get_attributes(&key, &attributes).await?
        };
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

    /// The owner of this e-mail, and not the user for whom it is held. One read.
    ///
    /// # Errors
    /// Only an internal error.
    pub async fn owner_of_email(&self, email: &Email) -> Result<Option<Uuid>> {
        self.owner(&key::email(&email.canonical())).await
    }

    /// The owner of this e-mail, or the user for whom it is held. One read.
    ///
    /// # Errors
    /// Only an internal error.
    pub(super) async fn owner_or_holder_of_email(&self, email: &Email) -> Result<Option<Uuid>> {
        let marker = self.database.get(&key::email(&email.canonical())).await?;
        Ok(marker.as_ref().and_then(item::owner_or_holder))
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

    /// Sends the link that verifies the e-mail address of `account`. One transaction.
    ///
    /// # Errors
    /// [`Error::AlreadyVerified`], unless responses must not reveal which accounts exist. Then nothing
    /// is sent. [`Error::RateLimited`].
    pub async fn send_verification(
        &self,
        account: &Account,
        limits: &RateLimits,
        actor: &Actor,
    ) -> Result<()> {
        let user = &account.user;
        let message = if account.exists() && !user.email_verified {
            let kind = NotificationKind::VerifyEmail {
                version: user.email_version,
            };
            outbox::enqueue(&kind, user, actor.language)?
        } else if self.is_strict() {
            outbox::enqueue_nothing()?
        } else {
            return Err(Error::AlreadyVerified);
        };
        let requests = limits.mail_requests("verify", user, &actor.source());
        limits
            .limiter()
            .write(&requests, account.id(), actor, || vec![message.clone()])
            .await?
            .committed()?;
        Ok(())
    }

    /// Resets the rate limits of `user`, and the tries of their mail code. Two writes.
    ///
    /// # Errors
    /// As [`Users::change`].
    pub async fn clear_limits(&self, user: User, actor: &Actor) -> Result<User> {
        let conflicts =
            |before: &User, _: &User| Ok(vec![rate_limits::clear_name_conflicts(before.uuid)]);
        let user = self
            .write(
                user,
                actor,
                Lock::User,
                dated(UserChange::clear_limits),
                conflicts,
            )
            .await?;
        self.database
            .write(vec![mail_codes::clear_tries(&user)])
            .await?;
        Ok(user)
    }

    /// Adds a record to the audit log. One write.
    async fn record(&self, user: Option<UserId>, event: AuditEvent, actor: &Actor) -> Result<()> {
        let record = self.audit_log.record(user, event, actor)?;
        self.database.write(vec![record]).await?;
        Ok(())
    }

    async fn owner(&self, marker: &Key) -> Result<Option<Uuid>> {
        let item = self.database.get(marker).await?;
        Ok(item.as_ref().and_then(item::owner))
    }
}

impl UsersWithPasswords {
    /// Verifies the old password of `account`, to change it. Counts a try first. Returns the tries, to
    /// reset when the password is changed.
    ///
    /// # Errors
    /// [`Error::WrongPassword`], which is recorded; [`Error::RateLimited`].
    pub async fn verify_password(
        &self,
        account: &Account,
        password: &str,
        limits: &RateLimits,
        actor: &Actor,
    ) -> Result<PasswordTries> {
        let tries = limits.password_tries(account, actor, None);
        limits.consume_password_try(&tries, actor).await?;
        if account.user.password_hash()?.verify(password)? && account.exists() {
            return Ok(tries);
        }
        self.record(account.id(), AuditEvent::WrongPassword, actor)
            .await?;
        Err(Error::WrongPassword)
    }
}
