//! A user as an item, and back.

use uuid::Uuid;

use crate::database::{Item, Reading, bytes, flag, number, text, time};
use crate::seal::Sealed;
use crate::user::PasswordHash;
use crate::{Access, AvatarUrl, Email, Fault, Nickname, Phone, User, Username};

/// The item of a user.
pub(super) fn of(user: &User) -> Item {
    let mut item = Item::from([
        ("uuid".into(), text(user.uuid)),
        ("username".into(), text(&user.username)),
        ("nickname".into(), text(&user.nickname)),
        ("email".into(), text(&user.email)),
        ("email_verified".into(), flag(user.email_verified)),
        ("access".into(), text(access_word(user.access))),
        ("blocked".into(), flag(user.blocked)),
        ("featured".into(), flag(user.featured)),
        ("password".into(), text(user.password.as_str())),
        ("token_version".into(), number(user.token_version)),
        ("version".into(), number(user.version)),
        ("created_at".into(), time(user.created_at)),
        ("updated_at".into(), time(user.updated_at)),
    ]);
    let some = [
        ("phone", user.phone.as_ref().map(text)),
        ("avatar", user.avatar.as_ref().map(text)),
        ("apikey", user.apikey.as_ref().map(|Sealed(sealed)| bytes(sealed))),
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
        featured: reading.flag("featured")?,
        password: PasswordHash::stored(reading.text("password")?),
        token_version: reading.number("token_version")?,
        version: reading.number("version")?,
        created_at: reading.time("created_at")?,
        updated_at: reading.time("updated_at")?,
        last_login: reading.maybe_time("last_login")?,
    })
}

/// Who holds a marker.
pub(super) fn owner(marker: &Item) -> Option<Uuid> {
    Reading(marker).uuid("owner").ok()
}

/// A marker that `owner` holds.
pub(super) fn marker(owner: Uuid) -> Item {
    Item::from([("owner".into(), text(owner))])
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
        _ => Err(Fault::new("the attribute access of an item is malformed")),
    }
}
