//! What can be written, alone or in a transaction.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, Put, ReturnValuesOnConditionCheckFailure as OnFailure,
    TransactWriteItem, Update as UpdateElement,
};

use uuid::Uuid;

use super::key::UniqueName;
use super::{Item, Key, Table, integer, number, text};
use crate::{Error, Fault};

/// What it means that the condition of a write failed. Each conditional write is made with one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Conflict {
    /// The user is not as read; or exists, where it was to be created.
    User,
    /// Another user holds the unique name.
    Taken(UniqueName),
    /// No administrator would be left.
    LastAdministrator,
    /// The actor is no longer entitled to the change.
    Authority,
    /// The rate limit is used up, or its window has ended.
    Limit,
    /// The code is wrong to use: used, expired, replaced, tried too often or voided.
    Code,
    /// An item with this random id exists.
    RandomId,
    /// The item of the list of users is not as read.
    ListItem,
}

impl From<Conflict> for Error {
    fn from(conflict: Conflict) -> Self {
        match conflict {
            Conflict::Taken(UniqueName::Username) => Self::UsernameTaken,
            Conflict::Taken(UniqueName::Email) => Self::EmailTaken,
            Conflict::Taken(UniqueName::Phone) => Self::PhoneTaken,
            Conflict::Taken(UniqueName::Wx) => Self::WxTaken,
            Conflict::LastAdministrator => Self::LastAdministrator,
            Conflict::Code => Self::BadCode,
            Conflict::User
            | Conflict::Authority
            | Conflict::Limit
            | Conflict::RandomId
            | Conflict::ListItem => {
                Fault::new(format!("an unexpected conflict: {conflict:?}")).into()
            }
        }
    }
}

/// An update of one item under a condition.
#[derive(Clone)]
pub(crate) struct Update {
    /// The item.
    pub key: Key,
    /// The update expression.
    pub expression: String,
    /// The condition expression.
    pub condition: String,
    /// The names that `#…` stand for.
    pub names: Vec<(String, String)>,
    /// The values that `:…` stand for.
    pub values: Vec<(String, AttributeValue)>,
}

/// A condition on an item that is not written.
#[derive(Clone)]
pub(crate) struct Check {
    /// The item.
    pub key: Key,
    /// The condition expression.
    pub condition: String,
    /// The names that `#…` stand for.
    pub names: Vec<(String, String)>,
    /// The values that `:…` stand for.
    pub values: Vec<(String, AttributeValue)>,
}

/// One write. A conditional one carries the conflict that the failure of its condition means.
#[derive(Clone)]
pub(crate) enum Write {
    /// Creates an item that does not exist.
    Create(Key, Item, Conflict),
    /// Creates or replaces an item.
    Put(Key, Item),
    /// Updates an item under its condition.
    Update(Update, Conflict),
    /// Deletes an item of this version.
    DeleteIfVersion(Key, u64, Conflict),
    /// Deletes a marker of this owner.
    DeleteIfOwner(Key, Uuid, Conflict),
    /// Deletes an item, whether or not it exists.
    Delete(Key),
    /// Replaces an item of this version.
    ReplaceIfVersion(Key, Item, u64, Conflict),
    /// Adds to numbers of an item. A missing item or number counts as 0.
    Increment(Key, Vec<(String, i64)>),
    /// Writes nothing, and fails if the item exists.
    AssertAbsent(Key, Conflict),
    /// Writes nothing, and fails if the condition does.
    Check(Check, Conflict),
}

impl Write {
    /// What the failure of its condition means. `None` if it has no condition.
    pub(super) fn conflict(&self) -> Option<Conflict> {
        match self {
            Self::Create(.., conflict)
            | Self::Update(_, conflict)
            | Self::DeleteIfVersion(.., conflict)
            | Self::DeleteIfOwner(.., conflict)
            | Self::ReplaceIfVersion(.., conflict)
            | Self::AssertAbsent(_, conflict)
            | Self::Check(_, conflict) => Some(*conflict),
            Self::Put(..) | Self::Delete(_) | Self::Increment(..) => None,
        }
    }

    /// The table that the item is in.
    pub(super) fn table(&self) -> Table {
        match self {
            Self::Create(key, ..)
            | Self::Put(key, _)
            | Self::DeleteIfVersion(key, ..)
            | Self::DeleteIfOwner(key, ..)
            | Self::Delete(key)
            | Self::ReplaceIfVersion(key, ..)
            | Self::Increment(key, _)
            | Self::AssertAbsent(key, _) => key.table,
            Self::Update(update, _) => update.key.table,
            Self::Check(check, _) => check.key.table,
        }
    }

    /// As an element of a transaction, in the table of this name.
    pub(super) fn on(self, table: &str) -> Result<TransactWriteItem, Fault> {
        let element = TransactWriteItem::builder();
        let put = |key: Key, mut item: Item| {
            item.extend(key.attributes());
            Put::builder().table_name(table).set_item(Some(item))
        };
        let delete = |key: Key| {
            Delete::builder()
                .table_name(table)
                .set_key(Some(key.attributes()))
        };
        let check = |key: Key| {
            ConditionCheck::builder()
                .table_name(table)
                .set_key(Some(key.attributes()))
        };
        let element = match self {
            Self::Create(key, item, _) => {
                let put = put(key, item).condition_expression("attribute_not_exists(pk)");
                element.put(
                    put.return_values_on_condition_check_failure(OnFailure::AllOld)
                        .build()
                        .map_err(unbuilt)?,
                )
            }
            Self::Put(key, item) => element.put(put(key, item).build().map_err(unbuilt)?),
            Self::Update(update, _) => element.update(
                UpdateElement::builder()
                    .table_name(table)
                    .set_key(Some(update.key.attributes()))
                    .update_expression(update.expression)
                    .condition_expression(update.condition)
                    .set_expression_attribute_names(some(update.names))
                    .set_expression_attribute_values(some(update.values))
                    .return_values_on_condition_check_failure(OnFailure::AllOld)
                    .build()
                    .map_err(unbuilt)?,
            ),
            Self::DeleteIfVersion(key, version, _) => element.delete(
                delete(key)
                    .condition_expression("#version = :was")
                    .expression_attribute_names("#version", "version")
                    .expression_attribute_values(":was", number(version))
                    .build()
                    .map_err(unbuilt)?,
            ),
            Self::DeleteIfOwner(key, owner, _) => element.delete(
                delete(key)
                    .condition_expression("#owner = :owner")
                    .expression_attribute_names("#owner", "owner")
                    .expression_attribute_values(":owner", text(owner))
                    .build()
                    .map_err(unbuilt)?,
            ),
            Self::Delete(key) => element.delete(delete(key).build().map_err(unbuilt)?),
            Self::ReplaceIfVersion(key, item, version, _) => element.put(
                put(key, item)
                    .condition_expression("#version = :was")
                    .expression_attribute_names("#version", "version")
                    .expression_attribute_values(":was", number(version))
                    .build()
                    .map_err(unbuilt)?,
            ),
            Self::Increment(key, numbers) => {
                let add = UpdateElement::builder()
                    .table_name(table)
                    .set_key(Some(key.attributes()));
                element.update(added(add, &numbers).build().map_err(unbuilt)?)
            }
            Self::AssertAbsent(key, _) => element.condition_check(
                check(key)
                    .condition_expression("attribute_not_exists(pk)")
                    .build()
                    .map_err(unbuilt)?,
            ),
            Self::Check(
                Check {
                    key,
                    condition,
                    names,
                    values,
                },
                _,
            ) => element.condition_check(
                check(key)
                    .condition_expression(condition)
                    .set_expression_attribute_names(some(names))
                    .set_expression_attribute_values(some(values))
                    .return_values_on_condition_check_failure(OnFailure::AllOld)
                    .build()
                    .map_err(unbuilt)?,
            ),
        };
        Ok(element.build())
    }
}

/// The update with the additions.
fn added(mut update: UpdateBuilder, numbers: &[(String, i64)]) -> UpdateBuilder {
    let mut terms = Vec::new();
    for (place, (name, by)) in numbers.iter().enumerate() {
        terms.push(format!("#{place} :{place}"));
        update = update
            .expression_attribute_names(format!("#{place}"), name)
            .expression_attribute_values(format!(":{place}"), integer(*by));
    }
    update.update_expression(format!("ADD {}", terms.join(", ")))
}

/// DynamoDB refuses an empty map of names or values.
pub(super) fn some<V>(pairs: Vec<(String, V)>) -> Option<HashMap<String, V>> {
    (!pairs.is_empty()).then(|| pairs.into_iter().collect())
}

fn unbuilt(error: impl std::fmt::Display) -> Fault {
    Fault::new(format!("a write could not be built: {error}"))
}
