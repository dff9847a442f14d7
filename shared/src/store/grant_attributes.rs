//! The attributes of a user's item that each grant names.

use super::user_index;
use super::users::item::{Use, attributes_for};
use crate::store::dynamodb::key;

/// The grants of `template.yaml` that IAM limits to some attributes of a user's item
/// (`dynamodb:Attributes`), each with these attributes and the key.
///
/// `cargo xtask generate` writes them to the template.
#[must_use]
pub fn grant_attributes() -> Vec<(&'static str, Vec<&'static str>)> {
    let listed = user_index::ATTRIBUTES.to_vec();
    let mut grants = vec![
        ("MayReadUsers", attributes_for(Use::Read)),
        ("MayListUsers", listed.clone()),
        ("MaySyncUserIndex", listed),
        ("MayChangeUsers", attributes_for(Use::Change)),
        ("MayActForOthers", attributes_for(Use::CheckHolder)),
        ("MayRecordLogins", attributes_for(Use::RecordLogin)),
        ("MaySetPasswords", attributes_for(Use::SetPassword)),
    ];
    for (_, attributes) in &mut grants {
        attributes.insert(0, key::PARTITION);
    }
    grants
}
