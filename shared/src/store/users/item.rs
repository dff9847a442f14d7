//! Conversion between users and DynamoDB items.
//!
//! Both directions name every field of [`User`]. So a new field does not compile until it is both
//! written and read. Nor does a new attribute until [`ATTRIBUTES`] has it.

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
/// The attribute that every write of a user increments.
pub(super) const VERSION: &str = "version";

/// A capability that IAM limits to some attributes of a user's item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Use {
    /// Reading a user without the password hash.
    Read,
    /// Checking, in the transaction of a change, that the caller is still an administrator.
    CheckHolder,
    /// Changing a user, by the user or an administrator.
    Change,
    /// Setting a new password.
    SetPassword,
    /// Recording a login.
    RecordLogin,
}

use Use::{Change, CheckHolder, Read, RecordLogin, SetPassword};

/// The attributes of a user's item, and which capabilities may name them. All others are for the
/// operator, and for sign-ups, which write a whole item.
///
/// IAM does not distinguish an attribute that a request writes from one in its condition. So an update
/// that must not write an attribute cannot lock it either.
const ATTRIBUTES: [(&str, &[Use]); 33] = [
    ("uuid", &[Read, CheckHolder]),
    ("username", &[Read, Change]),
    ("nickname", &[Read, Change]),
    ("email", &[Read, Change]),
    ("email_verified", &[Read, Change, SetPassword]),
    ("former_email", &[Read, Change]),
    ("former_email_until", &[Read, Change]),
    ("former_email_version", &[Read, Change]),
    ("phone", &[Read, Change, SetPassword]),
    ("avatar", &[Read, Change]),
    ("apikey", &[Read, Change]),
    ("real_name", &[Read, Change, SetPassword]),
    ("id_card", &[Read, Change, SetPassword]),
    ("wechat_open_id", &[Read]),
    ("sid", &[Read]),
    ("block", &[Read, Change]),
    ("room", &[Read, Change]),
    ("isp", &[Read, Change]),
    ("account", &[Read, Change]),
    ("role", &[Read, CheckHolder, SetPassword]),
    ("blocked", &[Read, CheckHolder]),
    ("featured", &[Read]),
    ("password", &[SetPassword, RecordLogin]),
    ("password_fits_admin", &[SetPassword]),
    ("token_version", &[Read, CheckHolder, SetPassword]),
    (
        SESSIONS,
        &[Read, CheckHolder, Change, SetPassword, RecordLogin],
    ),
    ("email_version", &[Read, Change, SetPassword]),
    ("limit_epoch", &[Read]),
    (KNOWN_SOURCES, &[Read, SetPassword, RecordLogin]),
    (VERSION, &[Read, Change, SetPassword, RecordLogin]),
    ("created_at", &[Read]),
    ("updated_at", &[Read, Change, SetPassword]),
    ("last_login", &[Read, RecordLogin]),
];

/// The attributes that a capability may name.
pub(in crate::store) fn attributes_for(purpose: Use) -> Vec<&'static str> {
    let allowed = ATTRIBUTES
        .iter()
        .filter(|(_, uses)| uses.contains(&purpose));
    allowed.map(|(name, _)| *name).collect()
}

/// The item of a user. An absent value has no attribute, and neither has a password hash that was not
/// read.
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
    let password = password.as_ref();
    let attributes: [_; ATTRIBUTES.len()] = [
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
        ("password", password.map(|hash| text(hash.as_str()))),
        (
            "password_fits_admin",
            password.map(|hash| flag(hash.fits_admin())),
        ),
        ("token_version", Some(number(*token_version))),
        (SESSIONS, from_sessions(sessions)),
        ("email_version", Some(number(*email_version))),
        ("limit_epoch", Some(number(*limit_epoch))),
        (KNOWN_SOURCES, from_sources(known_sources)),
        (VERSION, Some(number(*version))),
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

/// The user of an item, without the password hash if the item has none.
///
/// # Errors
/// If an attribute is missing or malformed.
pub(super) fn to_user(item: &Item) -> Result<User, InternalError> {
    let reader = ItemReader(item);
    let short_text = |name| reader.maybe_text(name).map(ShortText::stored);
    let encrypted = |name| reader.maybe_bytes(name).map(EncryptedField);
    let password = match reader.maybe_text("password") {
        Some(hash) => {
            let fits_admin = reader.flag("password_fits_admin")?;
            Some(PasswordHash::stored(hash, fits_admin))
        }
        None => None,
    };
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
        password,
        token_version: reader.number("token_version")?,
        sessions: to_sessions(&reader)?,
        email_version: reader.number("email_version")?,
        limit_epoch: reader.number("limit_epoch")?,
        known_sources: KnownSources::stored(reader.numbers(KNOWN_SOURCES)?),
        version: reader.number(VERSION)?,
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use jiff::SignedDuration;

    use super::*;
    use crate::domain::{NewSession, NewUser, Role, Source, UserChange};

    /// A user with a value in every field.
    fn user() -> User {
        let new = NewUser {
            username: None,
            nickname: "nickname".parse().unwrap(),
            email: "new@example.com".parse().unwrap(),
            password: PasswordHash::of_nobody(),
            role: Role::Admin,
        };
        let encrypted = || Some(EncryptedField(vec![1]));
        let short = || Some("text".parse().unwrap());
        let user = User {
            email_verified: true,
            phone: Some("13800138000".parse().unwrap()),
            avatar: Some("https://example.com/a.png".parse().unwrap()),
            apikey: encrypted(),
            real_name: encrypted(),
            id_card: encrypted(),
            wechat_open_id: Some("openid".parse().unwrap()),
            sid: short(),
            block: short(),
            room: short(),
            isp: short(),
            account: short(),
            last_login: Some(clock::now()),
            ..new.into_user().unwrap()
        };
        let client = Client::new("192.0.2.1", None);
        let session = NewSession::new(client, SignedDuration::from_hours(1), false).unwrap();
        let mut user = UserChange::new(user);
        user.set_email("newer@example.com".parse().unwrap()); // the former address is held
        user.start_session(&session);
        user.add_source(&Source::from_client_ip("192.0.2.1"));
        user.finish().0
    }

    #[test]
    fn the_table_has_exactly_the_attributes_of_an_item() {
        let item = from_user(&user());
        let written: BTreeSet<&str> = item.keys().map(String::as_str).collect();
        let listed: BTreeSet<&str> = ATTRIBUTES.iter().map(|(name, _)| *name).collect();
        assert_eq!(written, listed);
    }

    #[test]
    fn a_reader_gets_all_but_the_password() {
        let (user, readable) = (user(), attributes_for(Read));
        let mut item = from_user(&user);
        item.retain(|name, _| readable.contains(&name.as_str()));
        let read = to_user(&item).unwrap();
        assert!(read.password_hash().is_err());
        let password = user.password.clone();
        assert_eq!(User { password, ..read }, user);
    }

    #[test]
    fn only_the_operator_may_change_what_grants_access() {
        for (name, uses) in ATTRIBUTES {
            let may_change = uses.contains(&Change);
            let grants_access = [
                "uuid",
                "role",
                "blocked",
                "featured",
                "password",
                "password_fits_admin",
                "token_version",
                "wechat_open_id",
                "sid",
                "limit_epoch",
                "known_sources",
                "created_at",
                "last_login",
            ];
            assert_eq!(may_change, !grants_access.contains(&name), "{name}");
        }
    }
}
