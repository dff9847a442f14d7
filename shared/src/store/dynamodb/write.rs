//! Conditional writes of items, alone or in a transaction.
//!
//! A failed condition never returns the item: a user's holds the password hash, and IAM has no condition
//! key for `ReturnValuesOnConditionCheckFailure`. Whoever needs the item reads it.

use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, Put, TransactWriteItem, Update as UpdateElement,
};

use uuid::Uuid;

use super::item::{Item, integer, non_empty, number, text};
use super::key::UniqueName;
use super::{Key, Table};
use crate::domain::{Error, InternalError, clock};

/// The meaning of a failed condition. Each conditional write carries one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Conflict {
    /// The user is not as read, or exists although it was to be created.
    User,
    /// Another user has the unique name.
    Taken(UniqueName),
    /// No administrator would be left.
    LastAdministrator,
    /// The actor no longer has the authority for the change.
    Authority,
    /// The rate limit of this position is used up, or its window has ended.
    RateLimit(usize),
    /// The mail code cannot be used: it is used, expired, replaced, revoked or tried too often.
    Code,
    /// The e-mail is counted already.
    MailCounted,
    /// The budget of e-mails to one address is used up.
    AddressBudget,
    /// The stack's budget of e-mails is used up.
    StackBudget,
    /// The message is processed or deleted, or was redriven meanwhile.
    Message,
    /// An item with this random id exists.
    RandomId,
    /// The item of the user index is not as read.
    ListItem,
}

impl Conflict {
    /// The error of a request that has the conflict.
    pub(crate) fn into_error(self) -> Error {
        match self {
            Self::Taken(UniqueName::Username) => Error::UsernameTaken,
            Self::Taken(UniqueName::Email) => Error::EmailTaken,
            Self::Taken(UniqueName::Phone) => Error::PhoneTaken,
            Self::Taken(UniqueName::WechatOpenId) => Error::WechatOpenIdTaken,
            Self::LastAdministrator => Error::LastAdministrator,
            Self::Code => Error::BadCode,
            Self::User
            | Self::Authority
            | Self::RateLimit(_)
            | Self::MailCounted
            | Self::AddressBudget
            | Self::StackBudget
            | Self::Message
            | Self::RandomId
            | Self::ListItem => {
                InternalError::new(format!("an unexpected conflict: {self:?}")).into()
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
    /// The names of the `#…` placeholders.
    pub names: Vec<(String, String)>,
    /// The values of the `:…` placeholders.
    pub values: Vec<(String, AttributeValue)>,
}

/// A condition on an item that is deleted, or not written.
#[derive(Clone)]
pub(crate) struct Check {
    /// The item.
    pub key: Key,
    /// The condition expression.
    pub condition: String,
    /// The names of the `#…` placeholders.
    pub names: Vec<(String, String)>,
    /// The values of the `:…` placeholders.
    pub values: Vec<(String, AttributeValue)>,
}

impl Check {
    /// The condition that the item has this version.
    pub(crate) fn version(key: Key, version: u64) -> Self {
        Self {
            key,
            condition: "#version = :was".into(),
            names: vec![("#version".into(), "version".into())],
            values: vec![(":was".into(), number(version))],
        }
    }
}

/// The marker of a unique name.
#[derive(Clone)]
pub(crate) struct Marker {
    /// The name's key.
    pub key: Key,
    /// The owner's UUID.
    pub owner: Uuid,
    /// When the name is free again, in seconds since 1970. `None` for a name that the owner has.
    pub expires_at: Option<u64>,
}

/// One write. A conditional write carries the meaning of its failure.
#[derive(Clone)]
pub(crate) enum Write {
    /// Creates an item that does not exist.
    Create(Key, Item, Conflict),
    /// Creates or replaces an item.
    Put(Key, Item),
    /// Creates the marker of a name, or replaces one of the same owner or one that has expired.
    Claim(Marker, Conflict),
    /// Updates an item under its condition.
    Update(Update, Conflict),
    /// Deletes the item of the check if its condition is true.
    DeleteIf(Check, Conflict),
    /// Deletes a marker of this owner, if there is one. Fails if it is of another owner.
    DeleteIfOwner(Key, Uuid, Conflict),
    /// Deletes an item, whether or not it exists.
    Delete(Key),
    /// Replaces an item of this version.
    ReplaceIfVersion(Key, Item, u64, Conflict),
    /// Adds to number attributes of an item. A missing item or attribute counts as 0.
    Increment(Key, Vec<(String, i64)>),
    /// Writes nothing, and fails if the condition is false.
    Check(Check, Conflict),
}

impl Write {
    /// The meaning of its failure. `None` if it has no condition.
    pub(super) fn conflict(&self) -> Option<Conflict> {
        match self {
            Self::Create(.., conflict)
            | Self::Claim(_, conflict)
            | Self::Update(_, conflict)
            | Self::DeleteIf(_, conflict)
            | Self::DeleteIfOwner(.., conflict)
            | Self::ReplaceIfVersion(.., conflict)
            | Self::Check(_, conflict) => Some(*conflict),
            Self::Put(..) | Self::Delete(_) | Self::Increment(..) => None,
        }
    }

    /// The table of the item.
    pub(super) fn table(&self) -> Table {
        match self {
            Self::Create(key, ..)
            | Self::Put(key, _)
            | Self::DeleteIfOwner(key, ..)
            | Self::Delete(key)
            | Self::ReplaceIfVersion(key, ..)
            | Self::Increment(key, _) => key.table,
            Self::Claim(marker, _) => marker.key.table,
            Self::Update(update, _) => update.key.table,
            Self::Check(check, _) | Self::DeleteIf(check, _) => check.key.table,
        }
    }

    /// The write as an element of a transaction, in the table of this name.
    pub(super) fn into_transact_item(
        self,
        table: &str,
    ) -> Result<TransactWriteItem, InternalError> {
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
            Self::Create(key, item, _) => element.put(
                put(key, item)
                    .condition_expression("attribute_not_exists(pk)")
                    .build()
                    .map_err(build_error)?,
            ),
            Self::Claim(marker, _) => {
                let mut item = Item::from([("owner".into(), text(marker.owner))]);
                item.extend(
                    marker
                        .expires_at
                        .map(|at| ("expires_at".into(), number(at))),
                );
                let put = put(marker.key, item)
                    .condition_expression(
                        "attribute_not_exists(pk) OR #owner = :owner OR expires_at <= :now",
                    )
                    .expression_attribute_names("#owner", "owner")
                    .expression_attribute_values(":owner", text(marker.owner))
                    .expression_attribute_values(":now", number(clock::seconds()));
                element.put(put.build().map_err(build_error)?)
            }
            Self::Put(key, item) => element.put(put(key, item).build().map_err(build_error)?),
            Self::Update(update, _) => element.update(
                UpdateElement::builder()
                    .table_name(table)
                    .set_key(Some(update.key.attributes()))
                    .update_expression(update.expression)
                    .condition_expression(update.condition)
                    .set_expression_attribute_names(non_empty(update.names))
                    .set_expression_attribute_values(non_empty(update.values))
                    .build()
                    .map_err(build_error)?,
            ),
            Self::DeleteIf(
                Check {
                    key,
                    condition,
                    names,
                    values,
                },
                _,
            ) => element.delete(
                delete(key)
                    .condition_expression(condition)
                    .set_expression_attribute_names(non_empty(names))
                    .set_expression_attribute_values(non_empty(values))
                    .build()
                    .map_err(build_error)?,
            ),
            Self::DeleteIfOwner(key, owner, _) => element.delete(
                delete(key)
                    .condition_expression("attribute_not_exists(#owner) OR #owner = :owner")
                    .expression_attribute_names("#owner", "owner")
                    .expression_attribute_values(":owner", text(owner))
                    .build()
                    .map_err(build_error)?,
            ),
            Self::Delete(key) => element.delete(delete(key).build().map_err(build_error)?),
            Self::ReplaceIfVersion(key, item, version, _) => element.put(
                put(key, item)
                    .condition_expression("#version = :was")
                    .expression_attribute_names("#version", "version")
                    .expression_attribute_values(":was", number(version))
                    .build()
                    .map_err(build_error)?,
            ),
            Self::Increment(key, numbers) => {
                let add = UpdateElement::builder()
                    .table_name(table)
                    .set_key(Some(key.attributes()));
                element.update(
                    with_increments(add, &numbers)
                        .build()
                        .map_err(build_error)?,
                )
            }
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
                    .set_expression_attribute_names(non_empty(names))
                    .set_expression_attribute_values(non_empty(values))
                    .build()
                    .map_err(build_error)?,
            ),
        };
        Ok(element.build())
    }
}

/// The update with an `ADD` expression for these attributes and amounts.
fn with_increments(mut update: UpdateBuilder, numbers: &[(String, i64)]) -> UpdateBuilder {
    let mut terms = Vec::new();
    for (index, (name, amount)) in numbers.iter().enumerate() {
        terms.push(format!("#{index} :{index}"));
        update = update
            .expression_attribute_names(format!("#{index}"), name)
            .expression_attribute_values(format!(":{index}"), integer(*amount));
    }
    update.update_expression(format!("ADD {}", terms.join(", ")))
}

fn build_error(error: impl std::fmt::Display) -> InternalError {
    InternalError::new(format!("a write could not be built: {error}"))
}
