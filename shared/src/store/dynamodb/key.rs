//! Keys of all items in all tables.

use jiff::Timestamp;
use uuid::Uuid;

use super::item::{Item, text};
use crate::domain::{Canonical, PhoneRegion, User, UserId, WechatOpenId};

/// The attribute of the partition key.
pub(crate) const PARTITION: &str = "pk";
/// The attribute of the sort key. Only the audit log and the user index have one.
const SORT: &str = "sk";

/// The tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Table {
    /// Users, the markers of their unique names, rate limits, the count of administrators, and the
    /// checkpoint of the avatar cleanup.
    Users,
    /// Codes sent by mail.
    MailCodes,
    /// E-mails to send and objects to delete.
    Outbox,
    /// The audit log.
    Audit,
    /// The user index: ids, counts, and changes to follow.
    UserIndex,
}

/// The table and the primary key of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    /// The table.
    pub table: Table,
    /// The partition key.
    pub id: String,
    /// The sort key, if the table has one.
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

/// Items of one partition, sorted by a number.
#[derive(Debug, Clone)]
pub(crate) struct Partition {
    /// The table.
    pub table: Table,
    /// The value of the partition key.
    pub value: String,
}

/// A kind of name that at most one user has.
///
/// A marker is the unique-constraint item of one name. It holds the UUID of the name's owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UniqueName {
    Username,
    Email,
    Phone,
    WechatOpenId,
}

const USERNAME: &str = "USERNAME#";
const EMAIL: &str = "EMAIL#";
const PHONE: &str = "PHONE#";
const WX: &str = "WX#";
const USER_IDS: &str = "IDS#";
const COUNTS: &str = "COUNTS#";

fn unsorted(table: Table, id: String) -> Key {
    Key {
        table,
        id,
        sort: None,
    }
}

fn in_users(id: String) -> Key {
    unsorted(Table::Users, id)
}

/// The prefix of the keys of all users' items.
pub(crate) const USERS: &str = "USER#";

/// A user's item.
pub(crate) fn user(id: UserId) -> Key {
    in_users(format!("{USERS}{id}"))
}

/// The marker of a user name.
pub(crate) fn username(name: &Canonical) -> Key {
    in_users(format!("{USERNAME}{}", name.as_str()))
}

/// The marker of an e-mail.
pub(crate) fn email(email: &Canonical) -> Key {
    in_users(format!("{EMAIL}{}", email.as_str()))
}

/// The marker of a phone number.
pub(crate) fn phone(phone: &Canonical) -> Key {
    in_users(format!("{PHONE}{}", phone.as_str()))
}

/// The marker of a WeChat OpenID, which is compared exactly.
pub(crate) fn wx(id: &WechatOpenId) -> Key {
    in_users(format!("{WX}{}", id.as_str()))
}

/// The counter of a rate limit of this kind, for an account or a source.
pub(crate) fn rate_limit(kind: &str, subject: &str) -> Key {
    in_users(format!("TRIES#{kind}#{subject}"))
}

/// The mark of an e-mail that is counted.
pub(crate) fn mail(message: &str) -> Key {
    in_users(format!("TRIES#mail#message#{message}"))
}

/// The count of e-mails to one address on a day, which is a number of days since 1970.
pub(crate) fn mails_to(day: u64, address: &str) -> Key {
    in_users(format!("TRIES#mail#address#{day}#{address}"))
}

/// The count of all e-mails on a day.
pub(crate) fn mails_of_stack(day: u64) -> Key {
    in_users(format!("TRIES#mail#stack#{day}"))
}

/// The count of administrators who are not blocked.
pub(crate) fn administrators() -> Key {
    in_users("ADMINS".into())
}

/// The checkpoint of the avatar cleanup.
pub(crate) fn avatar_cleanup() -> Key {
    in_users("AVATAR_CLEANUP".into())
}

/// The key of no item. Reading it opens the connection.
pub(crate) fn connection_probe() -> Key {
    in_users("CONNECTION_PROBE".into())
}

/// A user's mail code of a group. A new code replaces the former one.
pub(crate) fn mail_code(user: UserId, group: u64) -> Key {
    unsorted(Table::MailCodes, format!("{user}#{group}"))
}

/// The mail code of an account that does not exist, which is not mailed.
pub(crate) fn mail_code_of_unknown(account: Uuid, group: u64) -> Key {
    unsorted(Table::MailCodes, format!("UNKNOWN#{account}#{group}"))
}

/// A message in the outbox.
pub(crate) fn outbox_message(id: Uuid) -> Key {
    unsorted(Table::Outbox, id.to_string())
}

/// A record in a user's audit log. Records about no user are spread over 64 partitions, so that
/// logins with unknown names make no partition hot.
pub(crate) fn audit_record(user: Option<UserId>, at: Timestamp, random: u64) -> Key {
    let id = match user {
        Some(user) => audit_log(user).id,
        None => format!("NOBODY#{}", random % 64),
    };
    Key {
        table: Table::Audit,
        id,
        sort: Some(format!("{:013}#{random:016x}", at.as_millisecond())),
    }
}

/// All records of a user's audit log.
pub(crate) fn audit_log(user: UserId) -> Key {
    unsorted(Table::Audit, user.to_string())
}

/// The id of the user whose item has this partition key.
pub(crate) fn user_id_from_key(pk: &str) -> Option<UserId> {
    pk.strip_prefix(USERS)?.parse().ok()
}

/// The ids of the users of a leaf with these flags, in the user index.
pub(crate) fn user_ids(flags: String, leaf: u64) -> Key {
    in_user_index(format!("{USER_IDS}{flags}"), sortable(leaf))
}

/// The ids of all users with these flags.
pub(crate) fn all_user_ids(flags: String) -> Partition {
    Partition {
        table: Table::UserIndex,
        value: format!("{USER_IDS}{flags}"),
    }
}

/// The flags and the leaf in the key of an item with ids.
pub(crate) fn flags_and_leaf(item: &Item) -> Option<(&str, u64)> {
    let flags = item.get(PARTITION)?.as_s().ok()?.strip_prefix(USER_IDS)?;
    Some((flags, sort_number(item)?))
}

/// The counts of a node in the user index.
pub(crate) fn counts(depth: u32, prefix: u64) -> Key {
    in_user_index(format!("{COUNTS}{depth}"), sortable(prefix))
}

/// All nodes of this depth in the user index.
pub(crate) fn all_counts(depth: u32) -> Partition {
    Partition {
        table: Table::UserIndex,
        value: format!("{COUNTS}{depth}"),
    }
}

/// The depth and the prefix in the key of a node.
pub(crate) fn depth_and_prefix(item: &Item) -> Option<(u32, u64)> {
    let depth = item.get(PARTITION)?.as_s().ok()?.strip_prefix(COUNTS)?;
    Some((depth.parse().ok()?, sort_number(item)?))
}

/// Users whom the user index has to follow. All changes are in one partition, so that the stream has
/// them in one shard.
pub(crate) fn index_change(id: Uuid) -> Key {
    in_user_index("CHANGES".into(), id.to_string())
}

fn in_user_index(id: String, sort: String) -> Key {
    Key {
        table: Table::UserIndex,
        id,
        sort: Some(sort),
    }
}

/// A number as a sort key, padded with zeros: the order of the strings is that of the numbers.
pub(super) fn sortable(number: u64) -> String {
    format!("{number:020}")
}

/// The number in an item's sort key.
pub(crate) fn sort_number(item: &Item) -> Option<u64> {
    item.get(SORT)?.as_s().ok()?.parse().ok()
}

/// The marker of the address that is held for a user. `None` without a hold.
pub(crate) fn held_marker(user: &User) -> Option<Key> {
    user.held_email().map(|held| email(&held.email.canonical()))
}

/// The markers of a user's names. A response reports the first that is taken, in this order.
pub(crate) fn markers(user: &User, region: PhoneRegion) -> Vec<(UniqueName, Key)> {
    let mut markers = vec![
        (UniqueName::Username, username(&user.username.canonical())),
        (UniqueName::Email, email(&user.email.canonical())),
    ];
    markers.extend(
        user.phone
            .as_ref()
            .map(|number| (UniqueName::Phone, phone(&number.canonical(region)))),
    );
    markers.extend(
        user.wechat_open_id
            .as_ref()
            .map(|id| (UniqueName::WechatOpenId, wx(id))),
    );
    markers
}
