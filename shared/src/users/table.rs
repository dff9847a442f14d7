//! The DynamoDB calls: how they are made, retried, and what their failures mean.

use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, Delete, Put, ReturnValuesOnConditionCheckFailure as OnRefusal,
    TransactWriteItem, Update,
};

use super::item::Item;
use super::key;
use crate::env::Env;
use crate::{Fault, random};

/// How long conflicts and throttles are retried: well inside the functions' ten seconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// The users table.
pub(crate) struct Table {
    client: Client,
    name: String,
}

/// What a conditional write came to.
pub(crate) enum Written {
    /// It was made.
    Done,
    /// It was not: per write, in order, whether its condition failed, and the item it failed on.
    Refused(Vec<Option<Refusal>>),
}

/// A failed condition, with the item as it stood.
pub(crate) type Refusal = Option<Item>;

impl Table {
    /// The table that the variable `USERS_TABLE` names.
    pub(crate) fn of(env: &Env) -> Result<Self, Fault> {
        Ok(Self { client: env.dynamodb(), name: env.text("USERS_TABLE")? })
    }

    /// Opens the connection by reading an item that does not exist. Where that fails, the first
    /// request will say so.
    pub(crate) async fn connect(&self) {
        let _ = self.get(&key::nothing()).await;
    }

    /// The item at `key`, strongly consistent.
    pub(crate) async fn get(&self, key: &str) -> Result<Option<Item>, Fault> {
        let read =
            self.client.get_item().table_name(&self.name).key(key::NAME, AttributeValue::S(key.into()));
        match read.consistent_read(true).send().await {
            Ok(found) => Ok(found.item),
            Err(error) => Err(fault("GetItem", &error)),
        }
    }

    /// Makes all of the writes or none: a change alone as what it is, more as a transaction.
    ///
    /// # Errors
    /// A fault, which is unclear where the writes may have been made all the same.
    pub(crate) async fn write(&self, mut writes: Vec<Write>) -> Result<Written, Fault> {
        match (writes.pop(), writes.is_empty()) {
            (Some(Write::Change(change)), true) => self.update(change).await,
            (last, _) => {
                writes.extend(last);
                self.transact(writes).await
            }
        }
    }

    async fn update(&self, update: Change) -> Result<Written, Fault> {
        let started = Instant::now();
        loop {
            let update = update.clone();
            let sent = self
                .client
                .update_item()
                .table_name(&self.name)
                .key(key::NAME, AttributeValue::S(update.key))
                .update_expression(update.expression)
                .condition_expression(update.condition)
                .set_expression_attribute_names(some(update.names))
                .set_expression_attribute_values(some(update.values))
                .return_values_on_condition_check_failure(OnRefusal::AllOld)
                .send()
                .await;
            match sent {
                Ok(_) => return Ok(Written::Done),
                Err(SdkError::ServiceError(error))
                    if conflicts(error.err()) && started.elapsed() < PATIENCE =>
                {
                    pause().await
                }
                Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => {
                    return Ok(Written::Refused(vec![Some(item_of(error.into_err()))]));
                }
                Err(error) => return Err(fault("UpdateItem", &error)),
            }
        }
    }

    /// A conflict with another transaction is tried again; a condition that fails is the
    /// caller's to read.
    async fn transact(&self, writes: Vec<Write>) -> Result<Written, Fault> {
        let started = Instant::now();
        let writes: Vec<_> =
            writes.into_iter().map(|write| write.on(&self.name)).collect::<Result<_, _>>()?;
        loop {
            let sent =
                self.client.transact_write_items().set_transact_items(Some(writes.clone())).send().await;
            let Err(error) = sent else { return Ok(Written::Done) };
            let reasons = match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                    cancelled.cancellation_reasons()
                }
                _ => return Err(fault("TransactWriteItems", &error)),
            };
            let refused = |reason: &CancellationReason| reason.code() == Some("ConditionalCheckFailed");
            if reasons.iter().any(refused) {
                let refusal = |reason: &CancellationReason| refused(reason).then(|| reason.item.clone());
                return Ok(Written::Refused(reasons.iter().map(refusal).collect()));
            }
            if started.elapsed() > PATIENCE || !reasons.iter().all(passes) {
                let codes: Vec<_> = reasons.iter().filter_map(CancellationReason::code).collect();
                return Err(Fault::new(format!("TransactWriteItems: cancelled: {}", codes.join(", "))));
            }
            pause().await;
        }
    }
}

/// An update of one item under a condition, alone or in a transaction.
#[derive(Clone, Default)]
pub(crate) struct Change {
    /// The item's key.
    pub key: String,
    /// The update expression.
    pub expression: String,
    /// The condition expression.
    pub condition: String,
    /// The names that `#…` stand for.
    pub names: Vec<(String, String)>,
    /// The values that `:…` stand for.
    pub values: Vec<(String, AttributeValue)>,
}

/// One write of a transaction.
pub(crate) enum Write {
    /// A new item, where there is none.
    New(Item),
    /// An update under a condition.
    Change(Change),
    /// The end of a marker, if it is still this owner's.
    Release { marker: String, owner: String },
    /// The end of an item, whether or not it is there.
    Remove(String),
}

impl From<Change> for Write {
    fn from(change: Change) -> Self {
        Self::Change(change)
    }
}

impl Write {
    fn on(self, table: &str) -> Result<TransactWriteItem, Fault> {
        let write = TransactWriteItem::builder();
        let old = OnRefusal::AllOld;
        let write = match self {
            Self::New(item) => write.put(
                Put::builder()
                    .table_name(table)
                    .set_item(Some(item))
                    .condition_expression("attribute_not_exists(pk)")
                    .return_values_on_condition_check_failure(old)
                    .build()
                    .map_err(unbuilt)?,
            ),
            Self::Change(change) => write.update(
                Update::builder()
                    .table_name(table)
                    .key(key::NAME, AttributeValue::S(change.key))
                    .update_expression(change.expression)
                    .condition_expression(change.condition)
                    .set_expression_attribute_names(some(change.names))
                    .set_expression_attribute_values(some(change.values))
                    .return_values_on_condition_check_failure(old)
                    .build()
                    .map_err(unbuilt)?,
            ),
            Self::Release { marker, owner } => write.delete(
                Delete::builder()
                    .table_name(table)
                    .key(key::NAME, AttributeValue::S(marker))
                    .condition_expression("#owner = :owner")
                    .expression_attribute_names("#owner", "owner")
                    .expression_attribute_values(":owner", AttributeValue::S(owner))
                    .return_values_on_condition_check_failure(old)
                    .build()
                    .map_err(unbuilt)?,
            ),
            Self::Remove(key) => write.delete(
                Delete::builder()
                    .table_name(table)
                    .key(key::NAME, AttributeValue::S(key))
                    .build()
                    .map_err(unbuilt)?,
            ),
        };
        Ok(write.build())
    }
}

/// DynamoDB refuses an empty map of names or values.
fn some<V>(pairs: Vec<(String, V)>) -> Option<std::collections::HashMap<String, V>> {
    (!pairs.is_empty()).then(|| pairs.into_iter().collect())
}

fn unbuilt(error: impl std::fmt::Display) -> Fault {
    Fault::new(format!("a write could not be built: {error}"))
}

/// Whether a cancellation reason will pass by itself.
fn passes(reason: &CancellationReason) -> bool {
    matches!(
        reason.code(),
        None | Some("None" | "TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded")
    )
}

fn conflicts(error: &UpdateItemError) -> bool {
    matches!(error, UpdateItemError::TransactionConflictException(_))
}

fn item_of(error: UpdateItemError) -> Refusal {
    match error {
        UpdateItemError::ConditionalCheckFailedException(refused) => refused.item,
        _ => None,
    }
}

/// Waits from 10 to 60 ms, so that those who met do not meet again.
async fn pause() {
    tokio::time::sleep(Duration::from_millis(10 + random::up_to(50))).await;
}

/// What failed, by operation and code; and whether the write may have been made all the same:
/// only an answer that names what the client did wrong says for certain that it was not.
fn fault<E: ProvideErrorMetadata>(operation: &str, error: &SdkError<E>) -> Fault {
    match error {
        SdkError::ServiceError(failed) => {
            let cause = format!("{operation}: {}", failed.err().code().unwrap_or("unknown"));
            let certain = failed.raw().status().is_client_error();
            if certain { Fault::new(cause) } else { Fault::unclear(cause) }
        }
        SdkError::ConstructionFailure(_) => {
            Fault::new(format!("{operation}: the request could not be built"))
        }
        SdkError::TimeoutError(_) => Fault::unclear(format!("{operation}: no answer in time")),
        SdkError::DispatchFailure(failed) => {
            let kind = if failed.is_timeout() { "no answer in time" } else { "the connection failed" };
            Fault::unclear(format!("{operation}: {kind}"))
        }
        _ => Fault::unclear(format!("{operation}: the answer could not be read")),
    }
}
