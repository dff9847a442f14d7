//! A user as an item, and back.
//!
//! Times are milliseconds since 1970, as numbers. An attribute that has no value is absent.

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use uuid::Uuid;

use super::key;
use crate::seal::Sealed;
use crate::user::PasswordHash;
use crate::{Access, AvatarUrl, Email, Fault, Nickname, Phone, User, Username};

/// An item: attribute values by name.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// The item of a user.
pub(super) fn of(user: &User) -> Item {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let number = |number: u64| AttributeValue::N(number.to_string());
    let time = |at: Timestamp| AttributeValue::N(at.as_millisecond().to_string());
    let mut item = Item::from([
        (key::NAME.into(), AttributeValue::S(key::user(user.id()))),
        ("uuid".into(), AttributeValue::S(user.uuid.to_string())),
        ("username".into(), AttributeValue::S(user.username.to_string())),
        ("nickname".into(), AttributeValue::S(user.nickname.to_string())),
        ("email".into(), AttributeValue::S(user.email.to_string())),
        ("email_verified".into(), AttributeValue::Bool(user.email_verified)),
        ("access".into(), text(access_word(user.access))),
        ("blocked".into(), AttributeValue::Bool(user.blocked)),
        ("password".into(), text(user.password.as_str())),
        ("token_version".into(), number(user.token_version)),
        ("version".into(), number(user.version)),
        ("created_at".into(), time(user.created_at)),
        ("updated_at".into(), time(user.updated_at)),
    ]);
    let some = [
        ("phone", user.phone.as_ref().map(|phone| AttributeValue::S(phone.to_string()))),
        ("avatar", user.avatar.as_ref().map(|avatar| AttributeValue::S(avatar.to_string()))),
        ("apikey", user.apikey.as_ref().map(|Sealed(bytes)| AttributeValue::B(Blob::new(bytes.clone())))),
        ("last_login", user.last_login.map(time)),
    ];
    item.extend(some.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    item
}

/// The user of an item.
pub(super) fn user(item: &Item) -> Result<User, Fault> {
    let reading = Reading(item);
    Ok(User {
        uuid: reading.uuid("uuid")?,
        username: Username::stored(reading.text("username")?),
        nickname: Nickname::stored(reading.text("nickname")?),
        email: Email::stored(reading.text("email")?),
        email_verified: reading.flag("email_verified")?,
        phone: reading.maybe_text("phone").map(Phone::stored),
        avatar: reading.maybe_text("avatar").map(AvatarUrl::stored),
        apikey: reading.maybe_bytes("apikey").map(Sealed),
        access: access_of(&reading.text("access")?)?,
        blocked: reading.flag("blocked")?,
        password: PasswordHash::stored(reading.text("password")?),
        token_version: reading.number("token_version")?,
        version: reading.number("version")?,
        created_at: reading.time("created_at")?,
        updated_at: reading.time("updated_at")?,
        last_login: item.contains_key("last_login").then(|| reading.time("last_login")).transpose()?,
    })
}

/// Who holds a marker.
pub(super) fn owner(marker: &Item) -> Option<Uuid> {
    Reading(marker).uuid("owner").ok()
}

/// A marker that `owner` holds.
pub(super) fn marker(marker: &str, owner: Uuid) -> Item {
    Item::from([
        (key::NAME.into(), AttributeValue::S(marker.to_owned())),
        ("owner".into(), AttributeValue::S(owner.to_string())),
    ])
}

fn access_word(access: Access) -> &'static str {
    match access {
        Access::Admin => "admin",
        Access::User => "user",
        Access::Unregistered => "unregistered",
    }
}

fn access_of(word: &str) -> Result<Access, Fault> {
    match word {
        "admin" => Ok(Access::Admin),
        "user" => Ok(Access::User),
        "unregistered" => Ok(Access::Unregistered),
        _ => Err(unreadable("access")),
    }
}

/// Typed access to an item's attributes.
pub(crate) struct Reading<'a>(pub &'a Item);

impl Reading<'_> {
    fn text(&self, name: &str) -> Result<String, Fault> {
        self.maybe_text(name).ok_or_else(|| unreadable(name))
    }

    fn maybe_text(&self, name: &str) -> Option<String> {
        self.0.get(name)?.as_s().ok().cloned()
    }

    fn maybe_bytes(&self, name: &str) -> Option<Vec<u8>> {
        Some(self.0.get(name)?.as_b().ok()?.as_ref().to_vec())
    }

    fn flag(&self, name: &str) -> Result<bool, Fault> {
        let value = self.0.get(name).and_then(|value| value.as_bool().ok());
        value.copied().ok_or_else(|| unreadable(name))
    }

    pub(crate) fn number(&self, name: &str) -> Result<u64, Fault> {
        let value = self.0.get(name).and_then(|value| value.as_n().ok()?.parse().ok());
        value.ok_or_else(|| unreadable(name))
    }

    fn uuid(&self, name: &str) -> Result<Uuid, Fault> {
        self.text(name)?.parse().map_err(|_| unreadable(name))
    }

    fn time(&self, name: &str) -> Result<Timestamp, Fault> {
        let milliseconds = self.number(name)?.try_into().map_err(|_| unreadable(name))?;
        Timestamp::from_millisecond(milliseconds).map_err(|_| unreadable(name))
    }
}

fn unreadable(attribute: &str) -> Fault {
    Fault::new(format!("the attribute {attribute} of an item is missing or malformed"))
}
