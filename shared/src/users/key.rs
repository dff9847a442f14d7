//! Every key of the users table.

use crate::{Canonical, User, UserId};

/// The name of the one key attribute.
pub(crate) const NAME: &str = "pk";

/// What a marker keeps unique.
pub(crate) enum Kind {
    Username,
    Email,
    Phone,
}

const USERNAME: &str = "USERNAME#";
const EMAIL: &str = "EMAIL#";
const PHONE: &str = "PHONE#";

/// A user's item.
pub(crate) fn user(id: UserId) -> String {
    format!("USER#{id}")
}

/// The marker of a user name.
pub(crate) fn username(name: &Canonical) -> String {
    format!("{USERNAME}{}", name.as_str())
}

/// The marker of an e-mail.
pub(crate) fn email(email: &Canonical) -> String {
    format!("{EMAIL}{}", email.as_str())
}

/// The marker of a phone number.
pub(crate) fn phone(phone: &Canonical) -> String {
    format!("{PHONE}{}", phone.as_str())
}

/// The count of passwords tried for one account, real or not.
pub(crate) fn login_tries(account: &str) -> String {
    format!("TRIES#login#{account}")
}

/// The count of sign-ups from one source address.
pub(crate) fn sign_ups(address: &str) -> String {
    format!("TRIES#sign-up#{address}")
}

/// No item: what is read to open the connection.
pub(crate) fn nothing() -> String {
    "NOTHING".into()
}

/// The markers that a user holds, user name first: in a conflict the first is told.
pub(crate) fn markers(of: &User) -> Vec<String> {
    let mut markers = vec![username(&of.username.canonical()), email(&of.email.canonical())];
    markers.extend(of.phone.as_ref().map(|number| phone(&number.canonical())));
    markers
}

/// What a marker keeps unique.
pub(crate) fn kind(marker: &str) -> Kind {
    match marker {
        _ if marker.starts_with(USERNAME) => Kind::Username,
        _ if marker.starts_with(PHONE) => Kind::Phone,
        _ => Kind::Email,
    }
}
