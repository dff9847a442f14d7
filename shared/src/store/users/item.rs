//! Conversion between users and DynamoDB items.
//!
//! Both directions name every field of [`User`]. So a new field does not compile until it is both
//! written and read.

use uuid::Uuid;

use crate::domain::{
    AvatarUrl, Email, EncryptedField, InternalError, Nickname, PasswordHash, Phone, ShortText,
    User, Username, WechatOpenId,
};
use crate::store::dynamodb::{
    AttributeValue, Item, ItemReader, bytes, flag, number, text, time, unreadable,
};

/// The item of a user. An absent value has no attribute.
pub(super) fn from_user(user: &User) -> Item {
    let User {
        uuid,
        username,
        nickname,
        email,
        email_verified,
        phone,
        avatar,
        apikey,
        real_name,
        id_card,
        wechat_open_id,
        sid,
        block,
        room,
        isp,
        account,
        role,
        blocked,
        featured,
        password,
        token_version,
        email_version,
        version,
        created_at,
        updated_at,
        last_login,
    } = user;
    let attributes = [
        ("uuid", Some(text(uuid))),
        ("username", Some(text(username))),
        ("nickname", Some(text(nickname))),
        ("email", Some(text(email))),
        ("email_verified", Some(flag(*email_verified))),
        ("phone", phone.as_ref().map(text)),
        ("avatar", avatar.as_ref().map(text)),
        ("apikey", apikey.as_ref().map(encrypted)),
        ("real_name", real_name.as_ref().map(encrypted)),
        ("id_card", id_card.as_ref().map(encrypted)),
        ("wechat_open_id", wechat_open_id.as_ref().map(text)),
        ("sid", sid.as_ref().map(text)),
        ("block", block.as_ref().map(text)),
        ("room", room.as_ref().map(text)),
        ("isp", isp.as_ref().map(text)),
        ("account", account.as_ref().map(text)),
        ("role", Some(text(role.as_str()))),
        ("blocked", Some(flag(*blocked))),
        ("featured", Some(flag(*featured))),
        ("password", Some(text(password.as_str()))),
        ("password_fits_admin", Some(flag(password.fits_admin()))),
        ("token_version", Some(number(*token_version))),
        ("email_version", Some(number(*email_version))),
        ("version", Some(number(*version))),
        ("created_at", Some(time(*created_at))),
        ("updated_at", Some(time(*updated_at))),
        ("last_login", last_login.map(time)),
    ];
    let present = attributes
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    present.collect()
}

fn encrypted(EncryptedField(field): &EncryptedField) -> AttributeValue {
    bytes(field)
}

/// The user of an item.
///
/// # Errors
/// If an attribute is missing or malformed.
pub(super) fn to_user(item: &Item) -> Result<User, InternalError> {
    let reader = ItemReader(item);
    let short_text = |name| reader.maybe_text(name).map(ShortText::stored);
    let encrypted = |name| reader.maybe_bytes(name).map(EncryptedField);
    Ok(User {
        uuid: reader.uuid("uuid")?,
        username: Username::stored(reader.text("username")?),
        nickname: Nickname::stored(reader.text("nickname")?),
        email: Email::stored(reader.text("email")?),
        email_verified: reader.flag("email_verified")?,
        phone: reader.maybe_text("phone").map(Phone::stored),
        avatar: reader.maybe_text("avatar").map(AvatarUrl::stored),
        apikey: encrypted("apikey"),
        real_name: encrypted("real_name"),
        id_card: encrypted("id_card"),
        wechat_open_id: reader
            .maybe_text("wechat_open_id")
            .map(WechatOpenId::stored),
        sid: short_text("sid"),
        block: short_text("block"),
        room: short_text("room"),
        isp: short_text("isp"),
        account: short_text("account"),
        role: reader
            .text("role")?
            .parse()
            .map_err(|_| unreadable("role"))?,
        blocked: reader.flag("blocked")?,
        featured: reader.flag("featured")?,
        password: PasswordHash::stored(
            reader.text("password")?,
            reader.flag("password_fits_admin")?,
        ),
        token_version: reader.number("token_version")?,
        email_version: reader.number("email_version")?,
        version: reader.number("version")?,
        created_at: reader.time("created_at")?,
        updated_at: reader.time("updated_at")?,
        last_login: reader.maybe_time("last_login")?,
    })
}

/// The UUID in a user's item.
pub(super) fn uuid(item: &Item) -> Option<Uuid> {
    ItemReader(item).uuid("uuid").ok()
}

/// The UUID of the user that owns a marker.
pub(super) fn owner(marker: &Item) -> Option<Uuid> {
    ItemReader(marker).uuid("owner").ok()
}

/// The marker of a unique name that `owner` has.
pub(super) fn marker(owner: Uuid) -> Item {
    Item::from([("owner".into(), text(owner))])
}
