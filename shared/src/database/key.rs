//! Every key of every table.

use jiff::Timestamp;
use uuid::Uuid;

use super::{Item, Row, text};
use crate::{Canonical, OpenId, User, UserId};

/// The names of the key attributes; the second is in the trail and the directory only.
const PARTITION: &str = "pk";
const SORT: &str = "sk";

/// The tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Table {
    /// Users, the markers of their names, counts of tries, and how far a sweep came.
    Users,
    /// Codes sent by mail.
    Captchas,
    /// Mails to be sent.
    Outbox,
    /// The audit trail.
    Audit,
    /// The list of users, and how many there are.
    Directory,
}

/// Where an item is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    /// In which table.
    pub table: Table,
    /// Under which key.
    pub id: String,
    /// Where among the items of that key, in a table that keeps several.
    pub sort: Option<String>,
}

impl Key {
    /// The key as attributes.
    pub(super) fn attributes(&self) -> Item {
        let sort = self.sort.as_ref().map(|sort| (SORT.to_owned(), text(sort)));
        sort.into_iter()
            .chain([(PARTITION.to_owned(), text(&self.id))])
            .collect()
    }
}

/// A name that one user at most has. A marker item keeps it unique.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UniqueName {
    Username,
    Email,
    Phone,
    Wx,
}

const USERNAME: &str = "USERNAME#";
const EMAIL: &str = "EMAIL#";
const PHONE: &str = "PHONE#";
const WX: &str = "WX#";
const ENTRIES: &str = "USERS";

fn one(table: Table, id: String) -> Key {
    Key {
        table,
        id,
        sort: None,
    }
}

fn users(id: String) -> Key {
    one(Table::Users, id)
}

/// What the keys of all users' items begin with.
pub(crate) const USERS: &str = "USER#";

/// A user's item.
pub(crate) fn user(id: UserId) -> Key {
    users(format!("{USERS}{id}"))
}

/// The marker of a user name.
pub(crate) fn username(name: &Canonical) -> Key {
    users(format!("{USERNAME}{}", name.as_str()))
}

/// The marker of an e-mail.
pub(crate) fn email(email: &Canonical) -> Key {
    users(format!("{EMAIL}{}", email.as_str()))
}

/// The marker of a phone number.
pub(crate) fn phone(phone: &Canonical) -> Key {
    users(format!("{PHONE}{}", phone.as_str()))
}

/// The marker of an OpenID, which is compared as it stands.
pub(crate) fn wx(id: &OpenId) -> Key {
    users(format!("{WX}{}", id.as_str()))
}

/// The count of passwords tried for one account, real or not.
pub(crate) fn login_tries(account: &str) -> Key {
    users(format!("TRIES#login#{account}"))
}

/// The count of sign-ups from one source address.
pub(crate) fn sign_ups(address: &str) -> Key {
    users(format!("TRIES#sign-up#{address}"))
}

/// The count of mails of one kind that a user asked for.
pub(crate) fn mails(kind: &str, user: UserId) -> Key {
    users(format!("TRIES#{kind}#{user}"))
}

/// The count of administrators who are not blocked.
pub(crate) fn administrators() -> Key {
    users("ADMINS".into())
}

/// How far the last sweep of the pictures came.
pub(crate) fn sweep() -> Key {
    users("SWEEP".into())
}

/// No item: what is read to open the connection.
pub(crate) fn nothing() -> Key {
    users("NOTHING".into())
}

/// A user's code of a group: the newest takes the place of the one before.
pub(crate) fn captcha(user: UserId, group: u64) -> Key {
    one(Table::Captchas, format!("{user}#{group}"))
}

/// A mail to be sent.
pub(crate) fn mail(id: Uuid) -> Key {
    one(Table::Outbox, id.to_string())
}

/// An entry of a user's trail. What concerns no user is spread over many keys, so that guessing
/// at names heats none of them.
pub(crate) fn trail(user: Option<UserId>, at: Timestamp, random: u64) -> Key {
    let id = match user {
        Some(user) => trail_of(user).id,
        None => format!("NOBODY#{}", random % 64),
    };
    Key {
        table: Table::Audit,
        id,
        sort: Some(format!("{:013}#{random:016x}", at.as_millisecond())),
    }
}

/// The whole of a user's trail.
pub(crate) fn trail_of(user: UserId) -> Key {
    one(Table::Audit, user.to_string())
}

/// The integer of the user whose item has this key.
pub(crate) fn user_of(pk: &str) -> Option<UserId> {
    pk.strip_prefix(USERS)?.parse().ok()
}

/// A user's entry in the directory.
pub(crate) fn entry(id: UserId) -> Key {
    Key {
        table: Table::Directory,
        id: ENTRIES.into(),
        sort: Some(place(id.get())),
    }
}

/// What stays in the directory of a user who is gone, for as long as records may speak of them.
pub(crate) fn tombstone(id: UserId) -> Key {
    Key {
        table: Table::Directory,
        id: "GONE".into(),
        sort: Some(place(id.get())),
    }
}

/// What a node of the directory counts.
pub(crate) fn counts(depth: u32, prefix: u64) -> Key {
    Key {
        table: Table::Directory,
        id: format!("COUNTS#{depth}"),
        sort: Some(place(prefix)),
    }
}

/// All entries of the directory.
pub(crate) fn entries() -> Row {
    Row {
        table: Table::Directory,
        index: None,
        attribute: PARTITION,
        value: ENTRIES.into(),
    }
}

/// The entries of users with these flags.
pub(crate) fn entries_with(flags: String) -> Row {
    Row {
        table: Table::Directory,
        index: Some("ByFlags"),
        attribute: "flags",
        value: flags,
    }
}

/// All nodes of the directory of this depth.
pub(crate) fn all_counts(depth: u32) -> Row {
    Row {
        table: Table::Directory,
        index: None,
        attribute: PARTITION,
        value: format!("COUNTS#{depth}"),
    }
}

/// A number as it stands in a key: texts then lie in the order of the numbers.
pub(super) fn place(number: u64) -> String {
    format!("{number:020}")
}

/// The number of an item that lies in the order of numbers.
pub(crate) fn number_of(item: &Item) -> Option<u64> {
    item.get(SORT)?.as_s().ok()?.parse().ok()
}

/// The markers that a user holds. A response names the first that is taken.
pub(crate) fn markers(of: &User) -> Vec<(UniqueName, Key)> {
    let mut markers = vec![
        (UniqueName::Username, username(&of.username.canonical())),
        (UniqueName::Email, email(&of.email.canonical())),
    ];
    markers.extend(
        of.phone
            .as_ref()
            .map(|number| (UniqueName::Phone, phone(&number.canonical()))),
    );
    markers.extend(of.wx.as_ref().map(|id| (UniqueName::Wx, wx(id))));
    markers
}
