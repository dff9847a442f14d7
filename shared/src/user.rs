//! A user, and the values it is made of. Each value parses at the door: one that exists is valid.

mod access;
mod canonical;
mod id;
mod password;
mod schema;
mod values;

use jiff::Timestamp;
use uuid::Uuid;

use crate::seal::Sealed;
use crate::{Result, clock};

pub use access::Access;
pub use canonical::Canonical;
pub use id::UserId;
pub(crate) use id::new_uuid;
pub use password::{Password, PasswordHash};
pub use values::{
    ApiKey, AvatarUrl, Detail, Email, IdCard, Nickname, OpenId, Phone, RealName, Username,
};

/// A user as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct User {
    /// The identity that never changes; its first bits are [`User::id`].
    pub uuid: Uuid,
    /// The name to log in with, unique in canonical form.
    pub username: Username,
    /// The name to be shown, not unique.
    pub nickname: Nickname,
    /// The address mail goes to, unique in canonical form.
    pub email: Email,
    /// Whether the user has shown that the address is theirs.
    pub email_verified: bool,
    /// Unique in canonical form.
    pub phone: Option<Phone>,
    /// Where the picture is.
    pub avatar: Option<AvatarUrl>,
    /// A key to something of the user's own, kept for them: no credential of ours.
    pub apikey: Option<Sealed>,
    /// The real name, saved once.
    pub real_name: Option<Sealed>,
    /// The ID number, saved with it.
    pub id_card: Option<Sealed>,
    /// The WeChat OpenID, bound by an operator, unique as it stands.
    pub wx: Option<OpenId>,
    /// The student number.
    pub sid: Option<Detail>,
    /// The dormitory.
    pub block: Option<Detail>,
    /// The room in it.
    pub room: Option<Detail>,
    /// Who provides the user's line.
    pub isp: Option<Detail>,
    /// The user's account there.
    pub account: Option<Detail>,
    /// What the user may do.
    pub access: Access,
    /// Whether the user is kept from logging in.
    pub blocked: bool,
    /// Whether the user is recommended to others.
    pub featured: bool,
    /// What the user's password is compared with.
    pub password: PasswordHash,
    /// Raised to end every token issued before.
    pub token_version: u64,
    /// Raised by every new address, to end what was mailed for the one before.
    pub email_version: u64,
    /// Raised by every change of the item.
    pub version: u64,
    /// When the user was made.
    pub created_at: Timestamp,
    /// When the user, or an administrator, last changed something.
    pub updated_at: Timestamp,
    /// When the user last logged in.
    pub last_login: Option<Timestamp>,
}

/// What a new user brings.
#[derive(Clone)]
pub struct NewUser {
    /// Where there is none, the user is called `u<id>`.
    pub username: Option<Username>,
    /// The name to be shown.
    pub nickname: Nickname,
    /// The address.
    pub email: Email,
    /// The password's hash.
    pub password: PasswordHash,
    /// What the user may do.
    pub access: Access,
}

impl NewUser {
    /// The user, with a new identity.
    ///
    /// # Errors
    /// Only a fault of ours.
    pub(crate) fn into_user(self) -> Result<User> {
        let now = clock::now();
        let uuid = id::new_uuid(now)?;
        Ok(User {
            uuid,
            username: self
                .username
                .unwrap_or_else(|| Username::of(UserId::from(uuid))),
            nickname: self.nickname,
            email: self.email,
            email_verified: false,
            phone: None,
            avatar: None,
            apikey: None,
            real_name: None,
            id_card: None,
            wx: None,
            sid: None,
            block: None,
            room: None,
            isp: None,
            account: None,
            access: self.access,
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
    /// The integer by which some families know the user.
    #[must_use]
    pub fn id(&self) -> UserId {
        self.uuid.into()
    }

    /// Whether the user may do anything, to anyone, now.
    #[must_use]
    pub fn administers(&self) -> bool {
        self.access == Access::Admin && !self.blocked
    }

    /// Sets the address; one that differs in canonical form has yet to be verified, and what was
    /// mailed for the one before is void, even if that comes back.
    pub fn set_email(&mut self, email: Email) {
        if email.canonical() != self.email.canonical() {
            self.email_verified = false;
            self.email_version = self.email_version.saturating_add(1);
        }
        self.email = email;
    }
}
