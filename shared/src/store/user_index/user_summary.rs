//! The listed fields of a user.

use jiff::Timestamp;
use uuid::Uuid;

use super::filter::Flags;
use crate::domain::{AvatarUrl, Email, InternalError, Nickname, User, UserId};
use crate::store::dynamodb::{Item, ItemReader};

/// The attributes of a user's item that the sync of the index reads.
pub(in crate::store) const SYNCED_ATTRIBUTES: [&str; 4] =
    ["uuid", "email_verified", "blocked", "featured"];

/// The attributes of a user's item that the list shows.
pub(in crate::store) const ATTRIBUTES: [&str; 10] = [
    "uuid",
    "nickname",
    "email",
    "email_verified",
    "avatar",
    "blocked",
    "featured",
    "created_at",
    "updated_at",
    "last_login",
];

/// A user as the list has them.
#[derive(Debug, Clone, PartialEq)]
pub struct UserSummary {
    /// The UUID of the user.
    pub uuid: Uuid,
    /// The e-mail address.
    pub email: Email,
    /// Whether the e-mail address is verified.
    pub email_verified: bool,
    /// The display name.
    pub nickname: Nickname,
    /// The URL of the avatar.
    pub avatar: Option<AvatarUrl>,
    /// Whether the user is blocked and cannot log in.
    pub blocked: bool,
    /// Whether the user is featured.
    pub featured: bool,
    /// The creation time of the user.
    pub created_at: Timestamp,
    /// The time of the last change of the user.
    pub updated_at: Timestamp,
    /// The time of the last login. `None` if the user never logged in.
    pub last_login: Option<Timestamp>,
}

impl UserSummary {
    /// The user's integer id.
    #[must_use]
    pub fn id(&self) -> UserId {
        self.uuid.into()
    }

    /// The flags by which the list can be filtered.
    pub(super) fn flags(&self) -> Flags {
        Flags::new(self.email_verified, self.blocked, self.featured)
    }

    /// The listed fields of a user's item.
    pub(super) fn from_item(item: &Item) -> Result<Self, InternalError> {
        let reader = ItemReader(item);
        Ok(Self {
            uuid: reader.uuid("uuid")?,
            email: Email::stored(reader.text("email")?),
            email_verified: reader.flag("email_verified")?,
            nickname: Nickname::stored(reader.text("nickname")?),
            avatar: reader.maybe_text("avatar").map(AvatarUrl::stored),
            blocked: reader.flag("blocked")?,
            featured: reader.flag("featured")?,
            created_at: reader.time("created_at")?,
            updated_at: reader.time("updated_at")?,
            last_login: reader.maybe_time("last_login")?,
        })
    }
}

impl From<User> for UserSummary {
    fn from(user: User) -> Self {
        Self {
            uuid: user.uuid,
            email: user.email,
            email_verified: user.email_verified,
            nickname: user.nickname,
            avatar: user.avatar,
            blocked: user.blocked,
            featured: user.featured,
            created_at: user.created_at,
            updated_at: user.updated_at,
            last_login: user.last_login,
        }
    }
}
