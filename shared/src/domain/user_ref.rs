//! References to users: the ways in which requests and commands name one.

use serde::{Deserialize, Deserializer, de};
use serde_json::Value;
use uuid::Uuid;

use crate::domain::{Email, Error, Result, User, UserId, Username, WechatOpenId};

/// A reference to a user, unresolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserRef {
    /// By integer id.
    Id(UserId),
    /// By e-mail address.
    Email(Email),
    /// By user name.
    Username(Username),
    /// By UUID.
    Uuid(Uuid),
    /// By WeChat OpenID.
    WechatOpenId(WechatOpenId),
    /// By a malformed name, which no user has. It parses, because permission is checked before
    /// existence.
    Nobody,
}

impl UserRef {
    /// The user of a body with `user_id` or `email`. With both, `user_id` wins.
    ///
    /// # Errors
    /// [`Error::Missing`] if both are absent.
    pub fn from_id_or_email(user_id: Option<UserId>, email: Option<&str>) -> Result<Self> {
        match (user_id, email) {
            (Some(id), _) => Ok(Self::Id(id)),
            (None, Some(email)) => Ok(email.parse().map_or(Self::Nobody, Self::Email)),
            (None, None) => Err(Error::Missing("user_id")),
        }
    }

    /// Parses a name of the family `campus`: an OpenID, or [`User::campus_name`].
    #[must_use]
    pub fn from_campus_name(name: &str) -> Self {
        match name.trim().strip_prefix(WechatOpenId::LOCAL) {
            Some(uuid) => uuid.parse().map_or(Self::Nobody, Self::Uuid),
            None => name.parse().map_or(Self::Nobody, Self::WechatOpenId),
        }
    }

    pub(crate) fn refers_to(&self, user: &User) -> bool {
        match self {
            Self::Id(id) => user.id() == *id,
            Self::Email(email) => user.email.canonical() == email.canonical(),
            Self::Username(name) => user.username.canonical() == name.canonical(),
            Self::Uuid(uuid) => user.uuid == *uuid,
            Self::WechatOpenId(wx) => user.wechat_open_id.as_ref() == Some(wx),
            Self::Nobody => false,
        }
    }
}

impl User {
    /// The user's name in the family `campus`: the OpenID, or `local:` and the UUID if none is
    /// bound.
    #[must_use]
    pub fn campus_name(&self) -> String {
        match &self.wechat_open_id {
            Some(wx) => wx.to_string(),
            None => format!("{}{}", WechatOpenId::LOCAL, self.uuid),
        }
    }
}

/// A reference whose kind is explicit, such as `{"email": "…"}`.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum TaggedUserRef {
    Id(UserId),
    Uuid(Uuid),
    Email(Email),
    Username(Username),
    Wx(WechatOpenId),
}

impl<'de> Deserialize<'de> for UserRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        match value.as_str() {
            Some(text) => parse_untagged(text).map_err(de::Error::custom),
            None if value.is_u64() => UserId::deserialize(value)
                .map(Self::Id)
                .map_err(de::Error::custom),
            None => {
                match TaggedUserRef::deserialize(value)
                    .map_err(|error| de::Error::custom(format!("user: {error}")))?
                {
                    TaggedUserRef::Id(id) => Ok(Self::Id(id)),
                    TaggedUserRef::Uuid(uuid) => Ok(Self::Uuid(uuid)),
                    TaggedUserRef::Email(email) => Ok(Self::Email(email)),
                    TaggedUserRef::Username(name) => Ok(Self::Username(name)),
                    TaggedUserRef::Wx(wx) => Ok(Self::WechatOpenId(wx)),
                }
            }
        }
    }
}

/// Parses a reference without a tag.
///
/// A text with `@` is an e-mail address, a UUID is a UUID, digits are an integer id. Anything else
/// is a user name.
fn parse_untagged(text: &str) -> Result<UserRef, String> {
    let invalid = |reason: &str| format!("user: {reason}");
    let text = text.trim();
    if text.contains('@') {
        return text.parse().map(UserRef::Email).map_err(invalid);
    }
    if let Ok(uuid) = text.parse() {
        return Ok(UserRef::Uuid(uuid));
    }
    if let Ok(id) = text.parse::<u64>() {
        return UserId::deserialize(Value::from(id))
            .map(UserRef::Id)
            .map_err(|error| invalid(&error.to_string()));
    }
    text.parse().map(UserRef::Username).map_err(invalid)
}
