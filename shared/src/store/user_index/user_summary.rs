//! Entries of the user index: the listed fields of a user, and their version.

use jiff::Timestamp;
use uuid::Uuid;

use super::filter::Flags;
use crate::domain::{AvatarUrl, Email, InternalError, Nickname, User, UserId};
use crate::store::dynamodb::{Item, ItemReader, flag, number, text, time};

/// The attributes of a user's item that an entry consists of.
pub(in crate::store) const ATTRIBUTES: [&str; 11] = [
    "uuid",
    "nickname",
    "email",
    "email_verified",
    "avatar",
    "blocked",
    "featured",
    "version",
    "created_at",
    "updated_at",
    "last_login",
];

/// An entry of the user index: a user as the list has them.
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
    /// The version of the user that the entry was made from.
    pub(super) version: u64,
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

    /// The entry as an item. The flags are stored twice: `flags` is the key of the secondary index.
    pub(super) fn to_item(&self) -> Item {
        let mut item = Item::from([
            ("uuid".into(), text(self.uuid)),
            ("email".into(), text(&self.email)),
            ("email_verified".into(), flag(self.email_verified)),
            ("nickname".into(), text(&self.nickname)),
            ("blocked".into(), flag(self.blocked)),
            ("featured".into(), flag(self.featured)),
            ("flags".into(), text(self.flags().digits())),
            ("created_at".into(), time(self.created_at)),
            ("updated_at".into(), time(self.updated_at)),
            ("version".into(), number(self.version)),
        ]);
        item.extend(
            self.avatar
                .as_ref()
                .map(|avatar| ("avatar".into(), text(avatar))),
        );
        item.extend(self.last_login.map(|at| ("last_login".into(), time(at))));
        item
    }

    /// The entry of an index item or of a user's item: both have the same attribute names.
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
            version: reader.number("version")?,
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
            version: user.version,
        }
    }
}
