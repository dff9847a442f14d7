//! Every key of every table.

use uuid::Uuid;

use crate::{Canonical, User, UserId};

/// The name of the one key attribute, in every table.
pub(crate) const NAME: &str = "pk";

/// The tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Table {
    /// Users, the markers of their names, and counts of tries.
    Users,
    /// Codes sent by mail.
    Captchas,
    /// Mails to be sent.
    Outbox,
}

/// Where an item is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    /// In which table.
    pub table: Table,
    /// Under which key.
    pub id: String,
}

/// What a marker keeps unique.
pub(crate) enum Kind {
    Username,
    Email,
    Phone,
}

const USERNAME: &str = "USERNAME#";
const EMAIL: &str = "EMAIL#";
const PHONE: &str = "PHONE#";

fn users(id: String) -> Key {
    Key { table: Table::Users, id }
}

/// A user's item.
pub(crate) fn user(id: UserId) -> Key {
    users(format!("USER#{id}"))
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

/// No item: what is read to open the connection.
pub(crate) fn nothing() -> Key {
    users("NOTHING".into())
}

/// A user's code of a group: the newest takes the place of the one before.
pub(crate) fn captcha(user: UserId, group: u64) -> Key {
    Key { table: Table::Captchas, id: format!("{user}#{group}") }
}

/// A mail to be sent.
pub(crate) fn mail(id: Uuid) -> Key {
    Key { table: Table::Outbox, id: id.to_string() }
}

/// The markers that a user holds, user name first: in a conflict the first is told.
pub(crate) fn markers(of: &User) -> Vec<Key> {
    let mut markers = vec![username(&of.username.canonical()), email(&of.email.canonical())];
    markers.extend(of.phone.as_ref().map(|number| phone(&number.canonical())));
    markers
}

/// What a marker keeps unique.
pub(crate) fn kind(marker: &Key) -> Kind {
    match marker.id.as_str() {
        id if id.starts_with(USERNAME) => Kind::Username,
        id if id.starts_with(PHONE) => Kind::Phone,
        _ => Kind::Email,
    }
}
