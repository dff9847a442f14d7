//! The attributes of users, and of counters in the same transaction, that each grant names.

use super::users::item::{Use, attributes_for};
use super::{rate_limits, user_index};
use crate::store::dynamodb::key;

/// The grants of `template.yaml` that IAM limits to some attributes of a user's item
/// (`dynamodb:Attributes`), each with these attributes and the key. A grant for a transaction that also
/// writes or checks counters has their attributes, too.
///
/// `cargo xtask generate` writes them to the template.
#[must_use]
pub fn grant_attributes() -> Vec<(&'static str, Vec<&'static str>)> {
    let with = |purpose, counters: &[&'static str]| [&attributes_for(purpose), counters].concat();
    let mut grants = vec![
        ("MayReadUsers", attributes_for(Use::Read)),
        ("MayListUsers", user_index::ATTRIBUTES.to_vec()),
        ("MaySyncUserIndex", user_index::SYNCED_ATTRIBUTES.to_vec()),
        ("MayChangeUsers", attributes_for(Use::Change)),
        ("MayActForOthers", attributes_for(Use::CheckHolder)),
        (
            "MaySetPhones",
            with(Use::CheckHolder, &rate_limits::CHECKED_ATTRIBUTES),
        ),
        ("MayLogIn", with(Use::RecordLogin, &rate_limits::ATTRIBUTES)),
        (
            "MaySetPasswords",
            with(Use::SetPassword, &rate_limits::ATTRIBUTES),
        ),
    ];
    for (_, attributes) in &mut grants {
        attributes.insert(0, key::PARTITION);
    }
    grants
}
