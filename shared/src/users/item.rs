//! A user as an item, and back.

use uuid::Uuid;

use crate::database::{Item, Reading, bytes, flag, number, text, time, unreadable};
use crate::seal::Sealed;
use crate::user::PasswordHash;
use crate::{AvatarUrl, Detail, Email, Fault, Nickname, OpenId, Phone, User, Username};

/// The item of a user.
pub(super) fn of(user: &User) -> Item {
    let mut item = Item::from([
        ("uuid".into(), text(user.uuid)),
        ("username".into(), text(&user.username)),
        ("nickname".into(), text(&user.nickname)),
        ("email".into(), text(&user.email)),
        ("email_verified".into(), flag(user.email_verified)),
        ("access".into(), text(user.access.as_str())),
        ("blocked".into(), flag(user.blocked)),
        ("featured".into(), flag(user.featured)),
        ("password".into(), text(user.password.as_str())),
        ("token_version".into(), number(user.token_version)),
        ("email_version".into(), number(user.email_version)),
        ("version".into(), number(user.version)),
        ("created_at".into(), time(user.created_at)),
        ("updated_at".into(), time(user.updated_at)),
    ]);
    let some = [
        ("phone", user.phone.as_ref().map(text)),
        ("avatar", user.avatar.as_ref().map(text)),
        (
            "apikey",
            user.apikey.as_ref().map(|Sealed(sealed)| bytes(sealed)),
        ),
        (
            "real_name",
            user.real_name.as_ref().map(|Sealed(sealed)| bytes(sealed)),
        ),
        (
            "id_card",
            user.id_card.as_ref().map(|Sealed(sealed)| bytes(sealed)),
        ),
        ("wx", user.wx.as_ref().map(text)),
        ("sid", user.sid.as_ref().map(text)),
        ("block", user.block.as_ref().map(text)),
        ("room", user.room.as_ref().map(text)),
        ("isp", user.isp.as_ref().map(text)),
        ("account", user.account.as_ref().map(text)),
        ("last_login", user.last_login.map(time)),
    ];
    item.extend(
        some.into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?))),
    );
    item
}

/// The user of an item.
pub(crate) fn user(item: &Item) -> Result<User, Fault> {
    let reading = Reading(item);
    let detail = |name| reading.maybe_text(name).map(Detail::stored);
    Ok(User {
        uuid: reading.uuid("uuid")?,
        username: Username::stored(reading.text("username")?),
        nickname: Nickname::stored(reading.text("nickname")?),
        email: Email::stored(reading.text("email")?),
        email_verified: reading.flag("email_verified")?,
        phone: reading.maybe_text("phone").map(Phone::stored),
        avatar: reading.maybe_text("avatar").map(AvatarUrl::stored),
        apikey: reading.maybe_bytes("apikey").map(Sealed),
        real_name: reading.maybe_bytes("real_name").map(Sealed),
        id_card: reading.maybe_bytes("id_card").map(Sealed),
        wx: reading.maybe_text("wx").map(OpenId::stored),
        sid: detail("sid"),
        block: detail("block"),
        room: detail("room"),
        isp: detail("isp"),
        account: detail("account"),
        access: reading
            .text("access")?
            .parse()
            .map_err(|_| unreadable("access"))?,
        blocked: reading.flag("blocked")?,
        featured: reading.flag("featured")?,
        password: PasswordHash::stored(reading.text("password")?),
        token_version: reading.number("token_version")?,
        email_version: reading.number("email_version").unwrap_or(1), // absent in items of before it was kept
        version: reading.number("version")?,
        created_at: reading.time("created_at")?,
        updated_at: reading.time("updated_at")?,
        last_login: reading.maybe_time("last_login")?,
    })
}

/// Whose item this is.
pub(super) fn uuid(user: &Item) -> Option<Uuid> {
    Reading(user).uuid("uuid").ok()
}

/// Who holds a marker.
pub(super) fn owner(marker: &Item) -> Option<Uuid> {
    Reading(marker).uuid("owner").ok()
}

/// A marker that `owner` holds.
pub(super) fn marker(owner: Uuid) -> Item {
    Item::from([("owner".into(), text(owner))])
}
