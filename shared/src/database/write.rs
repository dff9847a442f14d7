//! What can be written, alone or in a transaction.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, Put, ReturnValuesOnConditionCheckFailure as OnRefusal,
    TransactWriteItem, Update,
};

use uuid::Uuid;

use super::{Item, Key, Table, integer, number, text};
use crate::Fault;

/// An update of one item under a condition.
#[derive(Clone)]
pub(crate) struct Change {
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

/// One write.
#[derive(Clone)]
pub(crate) enum Write {
    /// A new item, where there is none.
    New(Key, Item),
    /// An item, in place of any that is there.
    Put(Key, Item),
    /// An update under a condition.
    Change(Change),
    /// The end of an item, if it is still of this version.
    End(Key, u64),
    /// The end of a marker, if it is still this owner's.
    Release(Key, Uuid),
    /// The end of an item, whether or not it is there.
    Remove(Key),
    /// An item in place of the one of this version.
    Replace(Key, Item, u64),
    /// Additions to numbers of an item, each nothing where it is not there.
    Add(Key, Vec<(String, i64)>),
    /// No write: only that there is no such item.
    Absent(Key),
}

impl From<Change> for Write {
    fn from(change: Change) -> Self {
        Self::Change(change)
    }
}

impl Write {
    /// The table it is made in.
    pub(super) fn table(&self) -> Table {
        match self {
            Self::New(key, _)
            | Self::Put(key, _)
            | Self::End(key, _)
            | Self::Release(key, _)
            | Self::Remove(key)
            | Self::Replace(key, ..)
            | Self::Add(key, _)
            | Self::Absent(key) => key.table,
            Self::Change(change) => change.key.table,
        }
    }

    /// As an element of a transaction, in the table of this name.
    pub(super) fn on(self, table: &str) -> Result<TransactWriteItem, Fault> {
        let element = TransactWriteItem::builder();
        let put = |key: Key, mut item: Item| {
            item.extend(key.attributes());
            Put::builder().table_name(table).set_item(Some(item))
        };
        let delete = |key: Key| Delete::builder().table_name(table).set_key(Some(key.attributes()));
        let element = match self {
            Self::New(key, item) => {
                let put = put(key, item).condition_expression("attribute_not_exists(pk)");
                element.put(
                    put.return_values_on_condition_check_failure(OnRefusal::AllOld)
                        .build()
                        .map_err(unbuilt)?,
                )
            }
            Self::Put(key, item) => element.put(put(key, item).build().map_err(unbuilt)?),
            Self::Change(change) => element.update(
                Update::builder()
                    .table_name(table)
                    .set_key(Some(change.key.attributes()))
                    .update_expression(change.expression)
                    .condition_expression(change.condition)
                    .set_expression_attribute_names(some(change.names))
                    .set_expression_attribute_values(some(change.values))
                    .return_values_on_condition_check_failure(OnRefusal::AllOld)
                    .build()
                    .map_err(unbuilt)?,
            ),
            Self::End(key, version) => element.delete(
                delete(key)
                    .condition_expression("#version = :was")
                    .expression_attribute_names("#version", "version")
                    .expression_attribute_values(":was", number(version))
                    .return_values_on_condition_check_failure(OnRefusal::AllOld)
                    .build()
                    .map_err(unbuilt)?,
            ),
            Self::Release(key, owner) => element.delete(
                delete(key)
                    .condition_expression("#owner = :owner")
                    .expression_attribute_names("#owner", "owner")
                    .expression_attribute_values(":owner", text(owner))
                    .return_values_on_condition_check_failure(OnRefusal::AllOld)
                    .build()
                    .map_err(unbuilt)?,
            ),
            Self::Remove(key) => element.delete(delete(key).build().map_err(unbuilt)?),
            Self::Replace(key, item, version) => element.put(
                put(key, item)
                    .condition_expression("#version = :was")
                    .expression_attribute_names("#version", "version")
                    .expression_attribute_values(":was", number(version))
                    .build()
                    .map_err(unbuilt)?,
            ),
            Self::Add(key, numbers) => {
                let add = Update::builder().table_name(table).set_key(Some(key.attributes()));
                element.update(added(add, &numbers).build().map_err(unbuilt)?)
            }
            Self::Absent(key) => element.condition_check(
                ConditionCheck::builder()
                    .table_name(table)
                    .set_key(Some(key.attributes()))
                    .condition_expression("attribute_not_exists(pk)")
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
