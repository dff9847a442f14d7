//! Users and their field types.
//!
//! Each type validates in its constructor, so every existing value is valid.

mod canonical;
mod change;
mod former_email;
mod id;
mod password;
mod phone_region;
mod refresh_token;
mod role;
mod schema;
mod session;
mod session_id;
mod values;

use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::{InternalError, KnownSources, Result, clock};

pub use canonical::Canonical;
pub use change::UserChange;
pub use former_email::FormerEmail;
pub use id::UserId;
pub(crate) use id::new_uuid;
pub use password::{Password, PasswordHash};
pub use phone_region::PhoneRegion;
pub(crate) use refresh_token::{RefreshHashes, RefreshState, RefreshToken, SecretHash};
pub use role::Role;
pub use session::{Client, NewSession, Session, Sessions};
pub use session_id::SessionId;
pub use values::{
    ApiKey, AvatarUrl, Email, IdCard, Nickname, Phone, RealName, ShortText, SignUpUsername,
    Username, WechatOpenId,
};

/// A user as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct User {
    /// The permanent identity. Its first bits are [`User::id`].
    pub uuid: Uuid,
    /// The login name, unique in canonical form.
    pub username: Username,
    /// The display name, not unique.
    pub nickname: Nickname,
    /// The e-mail address, unique in canonical form.
    pub email: Email,
    /// Whether the e-mail address is verified.
    pub email_verified: bool,
    /// The former address, if it was verified. Read it through [`User::held_email`].
    pub former_email: Option<FormerEmail>,
    /// The phone number, unique in canonical form.
    pub phone: Option<Phone>,
    /// The URL of the avatar.
    pub avatar: Option<AvatarUrl>,
    /// A third-party API key that the user stores here. It grants nothing in this service.
    pub apikey: Option<EncryptedField>,
    /// The real name. It can be saved once.
    pub real_name: Option<EncryptedField>,
    /// The ID card number, saved together with the real name.
    pub id_card: Option<EncryptedField>,
    /// The WeChat OpenID, bound by an operator. Unique, case-sensitive.
    pub wechat_open_id: Option<WechatOpenId>,
    /// The student number.
    pub sid: Option<ShortText>,
    /// The dormitory block.
    pub block: Option<ShortText>,
    /// The dormitory room.
    pub room: Option<ShortText>,
    /// The internet service provider.
    pub isp: Option<ShortText>,
    /// The account at the internet service provider.
    pub account: Option<ShortText>,
    /// The role.
    pub role: Role,
    /// Whether the user may not log in.
    pub blocked: bool,
    /// Whether the user is featured.
    pub featured: bool,
    /// The password hash. `None` if it was not read: only few functions may read it.
    pub password: Option<PasswordHash>,
    /// Incremented to revoke all access tokens.
    pub token_version: u64,
    /// The sessions that have not ended.
    pub sessions: Sessions,
    /// Incremented by every new address, to void links and codes mailed to the former one.
    pub email_version: u64,
    /// Part of the keys of the user's rate limits. Incremented to reset them.
    pub limit_epoch: u64,
    /// The sources that the user signed in from lately.
    pub known_sources: KnownSources,
    /// The version for optimistic locking, incremented by every write.
    pub version: u64,
    /// The time of creation.
    pub created_at: Timestamp,
    /// The time of the last change by the user or an administrator.
    pub updated_at: Timestamp,
    /// The time of the last login.
    pub last_login: Option<Timestamp>,
}

/// A field encrypted by `FieldCipher` (layer `aws`).
#[derive(Clone, PartialEq, Eq)]
pub struct EncryptedField(pub(crate) Vec<u8>);

impl std::fmt::Debug for EncryptedField {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EncryptedField")
    }
}

/// The initial values of a new user.
#[derive(Clone)]
pub struct NewUser {
    /// The user name. Without one it becomes `u<id>`.
    pub username: Option<Username>,
    /// The display name.
    pub nickname: Nickname,
    /// The e-mail address.
    pub email: Email,
    /// The password hash.
    pub password: PasswordHash,
    /// The role.
    pub role: Role,
}

impl NewUser {
    /// Creates the user with a new UUID.
    ///
    /// # Errors
    /// Only an internal error.
    pub(crate) fn into_user(self) -> Result<User> {
        let now = clock::now();
        let uuid = id::new_uuid(now)?;
        Ok(User {
            uuid,
            username: self
                .username
                .unwrap_or_else(|| Username::for_id(UserId::from(uuid))),
            nickname: self.nickname,
            email: self.email,
            email_verified: false,
            former_email: None,
            phone: None,
            avatar: None,
            apikey: None,
            real_name: None,
            id_card: None,
            wechat_open_id: None,
            sid: None,
            block: None,
            room: None,
            isp: None,
            account: None,
            role: self.role,
            blocked: false,
            featured: false,
            password: Some(self.password),
            token_version: 1,
            sessions: Sessions::default(),
            email_version: 1,
            limit_epoch: 0,
            known_sources: KnownSources::default(),
            version: 1,
            created_at: now,
            updated_at: now,
            last_login: None,
        })
    }
}

impl User {
    /// The integer id that some families use.
    #[must_use]
    pub fn id(&self) -> UserId {
        self.uuid.into()
    }

    /// The former address during its hold. `None` if there is none, or the hold has ended.
    #[must_use]
    pub fn held_email(&self) -> Option<&FormerEmail> {
        self.former_email.as_ref().filter(|former| former.is_held())
    }

    /// The address that recovers the account, and whether it is verified. During a hold that is
    /// the former address, so that whoever changed it cannot recover the account.
    pub(crate) fn recovery_email(&self) -> (&Email, bool) {
        self.held_email()
            .map_or((&self.email, self.email_verified), |held| {
                (&held.email, true)
            })
    }

    /// The password hash.
    ///
    /// # Errors
    /// If it was not read.
    pub(crate) fn password_hash(&self) -> Result<&PasswordHash, InternalError> {
        self.password
            .as_ref()
            .ok_or_else(|| InternalError::new("the password hash was not read"))
    }

    /// Whether an import created the account without a password, and nobody has set one since. A hash
    /// that was not read counts as a password.
    pub(crate) fn has_no_password(&self) -> bool {
        self.password.as_ref() == Some(&PasswordHash::of_nobody())
    }

    /// Whether the user is an administrator and not blocked.
    #[must_use]
    pub fn is_active_admin(&self) -> bool {
        self.role == Role::Admin && !self.blocked
    }
}
