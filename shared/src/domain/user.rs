//! Users and their field types.
//!
//! Each type validates in its constructor, so every existing value is valid.

mod canonical;
mod change;
mod id;
mod password;
mod phone_region;
mod role;
mod schema;
mod values;

use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::{Result, clock};

pub use canonical::Canonical;
pub use change::UserChange;
pub use id::UserId;
pub(crate) use id::new_uuid;
pub use password::{Password, PasswordHash};
pub use phone_region::PhoneRegion;
pub use role::Role;
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
    /// The password hash.
    pub password: PasswordHash,
    /// Incremented to revoke all access tokens.
    pub token_version: u64,
    /// Incremented by every new address, to void links and codes mailed to the former one.
    pub email_version: u64,
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
            password: self.password,
            token_version: 1,
            email_version: 1,
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

    /// Whether the user is an administrator and not blocked.
    #[must_use]
    pub fn is_active_admin(&self) -> bool {
        self.role == Role::Admin && !self.blocked
    }
}
