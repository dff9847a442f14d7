//! An entry: what the list shows of a user, and the version of the user that it was made from.

use jiff::Timestamp;
use uuid::Uuid;

use super::filter::Flags;
use crate::database::{Item, Reading, flag, number, text, time};
use crate::{AvatarUrl, Email, Fault, Nickname, User, UserId};

/// What is read of a user's item to make an entry.
pub(super) const ATTRIBUTES: [&str; 11] = [
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

/// What the list shows of a user.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// The user.
    pub uuid: Uuid,
    /// The address.
    pub email: Email,
    /// Whether the address is verified.
    pub email_verified: bool,
    /// The name to be shown.
    pub nickname: Nickname,
    /// Where the picture is.
    pub avatar: Option<AvatarUrl>,
    /// Whether the user is kept from logging in.
    pub blocked: bool,
    /// Whether the user is recommended.
    pub featured: bool,
    /// When the user was made.
    pub created_at: Timestamp,
    /// When the user last changed.
    pub updated_at: Timestamp,
    /// When the user last logged in.
    pub last_login: Option<Timestamp>,
    /// The version of the user that this shows.
    pub(super) version: u64,
}

impl Listed {
    /// The user's integer.
    #[must_use]
    pub fn id(&self) -> UserId {
        self.uuid.into()
    }

    /// As an item. The flags stand in it a second time, as the key of the index by flags.
    pub(super) fn item(&self) -> Item {
        let mut item = Item::from([
            ("uuid".into(), text(self.uuid)),
            ("email".into(), text(&self.email)),
            ("email_verified".into(), flag(self.email_verified)),
            ("nickname".into(), text(&self.nickname)),
            ("blocked".into(), flag(self.blocked)),
            ("featured".into(), flag(self.featured)),
            ("flags".into(), text(Flags::of(self).digits())),
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

    /// The entry of an item; or of a user's item, which names these attributes alike.
    pub(super) fn of(item: &Item) -> Result<Self, Fault> {
        let reading = Reading(item);
        Ok(Self {
            uuid: reading.uuid("uuid")?,
            email: Email::stored(reading.text("email")?),
            email_verified: reading.flag("email_verified")?,
            nickname: Nickname::stored(reading.text("nickname")?),
            avatar: reading.maybe_text("avatar").map(AvatarUrl::stored),
            blocked: reading.flag("blocked")?,
            featured: reading.flag("featured")?,
            created_at: reading.time("created_at")?,
            updated_at: reading.time("updated_at")?,
            last_login: reading.maybe_time("last_login")?,
            version: reading.number("version")?,
        })
    }
}

impl From<User> for Listed {
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
