//! Conversion between users and DynamoDB items.
//!
//! Both directions name every field of [`User`]. So a new field does not compile until it is both
//! written and read.

use uuid::Uuid;

use crate::domain::{
    AvatarUrl, Client, Email, EncryptedField, FormerEmail, InternalError, KnownSources, Nickname,
    PasswordHash, Phone, RefreshHashes, SecretHash, Session, SessionId, Sessions, ShortText, User,
    Username, WechatOpenId, clock,
};
use crate::store::dynamodb::{
    AttributeValue, Item, ItemReader, bytes, flag, map, number, text, time, unreadable,
};

/// The attribute that holds the sessions.
pub(super) const SESSIONS: &str = "sessions";
/// The attribute that holds the known sources.
pub(super) const KNOWN_SOURCES: &str = "known_sources";

/// The item of a user. An absent value has no attribute.
pub(super) fn from_user(user: &User) -> Item {
    let User {
        uuid,
        username,
        nickname,
        email,
        email_verified,
        former_email,
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
        sessions,
        email_version,
        limit_epoch,
        known_sources,
        version,
        created_at,
        updated_at,
        last_login,
    } = user;
    let former = former_email.as_ref();
    let attributes = [
        ("uuid", Some(text(uuid))),
        ("username", Some(text(username))),
        ("nickname", Some(text(nickname))),
        ("email", Some(text(email))),
        ("email_verified", Some(flag(*email_verified))),
        ("former_email", former.map(|former| text(&former.email))),
        (
            "former_email_until",
            former.map(|former| number(former.until)),
        ),
        (
            "former_email_version",
            former.map(|former| number(former.version)),
        ),
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
        (SESSIONS, from_sessions(sessions)),
        ("email_version", Some(number(*email_version))),
        ("limit_epoch", Some(number(*limit_epoch))),
        (KNOWN_SOURCES, from_sources(known_sources)),
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

/// A map of all sessions by id. `None` if there are none.
fn from_sessions(sessions: &Sessions) -> Option<AttributeValue> {
    let sessions = sessions.all().iter();
    let members: Item = sessions
        .map(|(id, session)| (id.to_string(), from_session(session)))
        .collect();
    (!members.is_empty()).then(|| map(members))
}

fn from_session(session: &Session) -> AttributeValue {
    let Session {
        created_at,
        last_used_at,
        expires_at,
        client: Client {
            address,
            user_agent,
        },
        refresh,
    } = session;
    let hash = |hash: &SecretHash| bytes(hash.as_bytes());
    let refresh = refresh.as_ref();
    let members = [
        ("created_at", Some(time(*created_at))),
        ("last_used_at", Some(time(*last_used_at))),
        ("valid_until", Some(time(*expires_at))),
        ("address", Some(text(address))),
        ("user_agent", Some(text(user_agent))),
        ("family", refresh.map(|hashes| hash(&hashes.family))),
        ("refresh_token", refresh.map(|hashes| hash(&hashes.current))),
        (
            "former_refresh_token",
            refresh.and_then(|hashes| hashes.previous.as_ref().map(hash)),
        ),
    ];
    let present = members
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    map(present.collect())
}

fn encrypted(EncryptedField(field): &EncryptedField) -> AttributeValue {
    bytes(field)
}

/// The map of known sources. `None` if there are none.
fn from_sources(known: &KnownSources) -> Option<AttributeValue> {
    let members: Item = known
        .entries()
        .map(|(hash, at)| (hash.clone(), number(at)))
        .collect();
    (!members.is_empty()).then(|| map(members))
}

/// The user of an item.
///
/// # Errors
/// If an attribute is missing or malformed.
pub(super) fn to_user(item: &Item) -> Result<User, InternalError> {
    let reader = ItemReader(item);
    let short_text = |name| reader.maybe_text(name).map(ShortText::stored);
    let encrypted = |name| reader.maybe_bytes(name).map(EncryptedField);
    let former_email = match reader.maybe_text("former_email") {
        Some(email) => Some(FormerEmail {
            email: Email::stored(email),
            until: reader.number("former_email_until")?,
            version: reader.number("former_email_version")?,
        }),
        None => None,
    };
    Ok(User {
        uuid: reader.uuid("uuid")?,
        username: Username::stored(reader.text("username")?),
        nickname: Nickname::stored(reader.text("nickname")?),
        email: Email::stored(reader.text("email")?),
        email_verified: reader.flag("email_verified")?,
        former_email,
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
        sessions: to_sessions(&reader)?,
        email_version: reader.number("email_version")?,
        limit_epoch: reader.number("limit_epoch")?,
        known_sources: KnownSources::stored(reader.numbers(KNOWN_SOURCES)?),
        version: reader.number("version")?,
        created_at: reader.time("created_at")?,
        updated_at: reader.time("updated_at")?,
        last_login: reader.maybe_time("last_login")?,
    })
}

fn to_sessions(user: &ItemReader<'_>) -> Result<Sessions, InternalError> {
    let stored = user.maybe_map(SESSIONS).into_iter().flatten();
    let sessions = stored.map(|(id, session)| {
        let id: SessionId = id.parse().map_err(|()| unreadable(SESSIONS))?;
        let session = session.as_m().map_err(|_| unreadable(SESSIONS))?;
        Ok((id, to_session(session)?))
    });
    Ok(Sessions::stored(sessions.collect::<Result<_, _>>()?))
}

fn to_session(item: &Item) -> Result<Session, InternalError> {
    let reader = ItemReader(item);
    let refresh = match reader.maybe_bytes("family") {
        None => None,
        Some(family) => Some(RefreshHashes {
            family: SecretHash::stored(family),
            current: SecretHash::stored(reader.bytes("refresh_token")?),
            previous: reader
                .maybe_bytes("former_refresh_token")
                .map(SecretHash::stored),
        }),
    };
    Ok(Session {
        created_at: reader.time("created_at")?,
        last_used_at: reader.time("last_used_at")?,
        expires_at: reader.time("valid_until")?,
        client: Client {
            address: reader.text("address")?,
            user_agent: reader.text("user_agent")?,
        },
        refresh,
    })
}

/// The UUID in a user's item.
pub(super) fn uuid(item: &Item) -> Option<Uuid> {
    ItemReader(item).uuid("uuid").ok()
}

/// The UUID of the user that has a marker's name. `None` if the name is only held.
pub(super) fn owner(marker: &Item) -> Option<Uuid> {
    let is_held = marker.contains_key("expires_at");
    ItemReader(marker).uuid("owner").ok().filter(|_| !is_held)
}

/// The UUID of the user that has a marker's name, or for whom it is still held.
///
/// DynamoDB's TTL deletes items late, so the time is compared here.
pub(super) fn owner_or_holder(marker: &Item) -> Option<Uuid> {
    let reader = ItemReader(marker);
    let has_ended = reader
        .number("expires_at")
        .is_ok_and(|end| end <= clock::seconds());
    reader.uuid("owner").ok().filter(|_| !has_ended)
}
