//! The DynamoDB calls: how they are made, retried, and what their failures mean.

mod item;
pub(crate) mod key;
mod meter;
mod query;
mod write;

use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    CancellationReason, ReturnValue, ReturnValuesOnConditionCheckFailure as OnFailure,
};

pub(crate) use item::{
    AttributeValue, Item, Reading, bytes, flag, integer, number, text, time, unreadable,
};
pub(crate) use key::{Key, Table};
pub(crate) use meter::Meter;
pub(crate) use query::{Direction, Row};
use write::some;
pub(crate) use write::{Check, Conflict, Update, Write};

use crate::env::Env;
use crate::{Fault, random};

/// How long conflicts and throttles are retried: well inside the functions' ten seconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// What DynamoDB says for now: of the last attempt, while one before, whose answer did not come in
/// time, may have been carried out.
const FOR_NOW: [&str; 5] = [
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
    "TransactionConflictException",
    "TransactionInProgressException",
];

/// The tables. Clones share one connection.
#[derive(Clone)]
pub(crate) struct Database {
    client: Client,
    names: Names,
}

/// What the tables are called here.
#[derive(Clone)]
struct Names {
    users: String,
    captchas: String,
    outbox: String,
    audit: String,
    directory: String,
}

impl Names {
    fn of(&self, table: Table) -> &str {
        match table {
            Table::Users => &self.users,
            Table::Captchas => &self.captchas,
            Table::Outbox => &self.outbox,
            Table::Audit => &self.audit,
            Table::Directory => &self.directory,
        }
    }
}

/// The outcome of conditional writes.
pub(crate) enum WriteOutcome {
    /// All were made. Holds the new item after a single update, and nothing after a transaction.
    Committed(Item),
    /// None was made, because these conditions failed, in the order of the writes. At least one.
    ConditionFailed(Vec<FailedCondition>),
}

impl WriteOutcome {
    /// The item after the write, or the first failed condition as the error that it means.
    pub(crate) fn committed(self) -> crate::Result<Item> {
        match self {
            Self::Committed(item) => Ok(item),
            Self::ConditionFailed(failed) => {
                let unknown = || Fault::new("a condition failed without a reason").into();
                Err(failed
                    .first()
                    .map_or_else(unknown, |failed| failed.conflict.into()))
            }
        }
    }
}

/// A failed condition.
pub(crate) struct FailedCondition {
    /// What the failure means.
    pub conflict: Conflict,
    /// The item as it was then. `None` if there was none, or if the write does not ask for it.
    pub item: Option<Item>,
}

impl Database {
    /// The database, with its connection opened by reading an item that does not exist. Where
    /// that fails, the first request will say so.
    pub(crate) async fn open(env: &Env) -> Result<Self, Fault> {
        let names = Names {
            users: env.text("USERS_TABLE")?,
            captchas: env.text("CAPTCHAS_TABLE")?,
            outbox: env.text("OUTBOX_TABLE")?,
            audit: env.text("AUDIT_TABLE")?,
            directory: env.text("DIRECTORY_TABLE")?,
        };
        let database = Self {
            client: env.dynamodb(),
            names,
        };
        let _ = database.get(&key::nothing()).await;
        Ok(database)
    }

    /// The item at `key`, strongly consistent.
    pub(crate) async fn get(&self, key: &Key) -> Result<Option<Item>, Fault> {
        let read = self.client.get_item().table_name(self.names.of(key.table));
        let read = read.set_key(Some(key.attributes()));
        match read.consistent_read(true).send().await {
            Ok(found) => Ok(found.item),
            Err(error) => Err(fault("GetItem", &error)),
        }
    }

    /// Makes all of the writes or none: a single update as `UpdateItem`, all else as a transaction.
    ///
    /// # Errors
    /// A fault, which is unclear where the writes may have been made all the same.
    pub(crate) async fn write(&self, mut writes: Vec<Write>) -> Result<WriteOutcome, Fault> {
        match (writes.pop(), writes.is_empty()) {
            (Some(Write::Update(update, conflict)), true) => self.update(update, conflict).await,
            (last, _) => {
                writes.extend(last);
                self.transact(writes).await
            }
        }
    }

    async fn update(&self, update: Update, conflict: Conflict) -> Result<WriteOutcome, Fault> {
        let started = Instant::now();
        loop {
            let update = update.clone();
            let sent = self
                .client
                .update_item()
                .table_name(self.names.of(update.key.table))
                .set_key(Some(update.key.attributes()))
                .update_expression(update.expression)
                .condition_expression(update.condition)
                .set_expression_attribute_names(some(update.names))
                .set_expression_attribute_values(some(update.values))
                .return_values(ReturnValue::AllNew)
                .return_values_on_condition_check_failure(OnFailure::AllOld)
                .send()
                .await;
            match sent {
                Ok(made) => {
                    return Ok(WriteOutcome::Committed(made.attributes.unwrap_or_default()));
                }
                Err(SdkError::ServiceError(error))
                    if conflicts(error.err()) && started.elapsed() < PATIENCE =>
                {
                    pause().await;
                }
                Err(SdkError::ServiceError(error))
                    if error.err().is_conditional_check_failed_exception() =>
                {
                    let item = item_of(error.into_err());
                    return Ok(WriteOutcome::ConditionFailed(vec![FailedCondition {
                        conflict,
                        item,
                    }]));
                }
                Err(error) => return Err(fault("UpdateItem", &error)),
            }
        }
    }

    /// Retries after a conflict with another transaction. A failed condition is for the caller.
    async fn transact(&self, writes: Vec<Write>) -> Result<WriteOutcome, Fault> {
        let started = Instant::now();
        let conflicts: Vec<_> = writes.iter().map(Write::conflict).collect();
        let write = |write: Write| {
            let table = self.names.of(write.table()).to_owned();
            write.on(&table)
        };
        let writes: Vec<_> = writes.into_iter().map(write).collect::<Result<_, _>>()?;
        loop {
            let sent = self
                .client
                .transact_write_items()
                .set_transact_items(Some(writes.clone()))
                .send()
                .await;
            let Err(error) = sent else {
                return Ok(WriteOutcome::Committed(Item::new()));
            };
            let reasons = match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                    cancelled.cancellation_reasons()
                }
                _ => return Err(fault("TransactWriteItems", &error)),
            };
            // DynamoDB gives one reason for each write, in their order.
            let failed = reasons
                .iter()
                .zip(&conflicts)
                .filter_map(|(reason, conflict)| {
                    let conflict =
                        conflict.filter(|_| reason.code() == Some("ConditionalCheckFailed"))?;
                    Some(FailedCondition {
                        conflict,
                        item: reason.item.clone(),
                    })
                });
            let failed: Vec<_> = failed.collect();
            if !failed.is_empty() {
                return Ok(WriteOutcome::ConditionFailed(failed));
            }
            if started.elapsed() > PATIENCE || !reasons.iter().all(passes) {
                let codes: Vec<_> = reasons
                    .iter()
                    .filter_map(CancellationReason::code)
                    .collect();
                return Err(Fault::new(format!(
                    "TransactWriteItems: cancelled: {}",
                    codes.join(", ")
                )));
            }
            pause().await;
        }
    }
}

/// Whether a cancellation reason will pass by itself.
fn passes(reason: &CancellationReason) -> bool {
    matches!(
        reason.code(),
        None | Some(
            "None" | "TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded"
        )
    )
}

fn conflicts(error: &UpdateItemError) -> bool {
    matches!(error, UpdateItemError::TransactionConflictException(_))
}

fn item_of(error: UpdateItemError) -> Option<Item> {
    match error {
        UpdateItemError::ConditionalCheckFailedException(failed) => failed.item,
        _ => None,
    }
}

/// Waits from 10 to 60 ms, so that those who met do not meet again.
async fn pause() {
    tokio::time::sleep(Duration::from_millis(10 + random::up_to(50))).await;
}

/// What failed, by operation and code; and whether the write may have been made all the same:
/// only an answer that names what the client did wrong says for certain that it was not, since any
/// attempt would have had the same.
fn fault<E: ProvideErrorMetadata>(operation: &str, error: &SdkError<E>) -> Fault {
    match error {
        SdkError::ServiceError(failed) => {
            let code = failed.err().code().unwrap_or("unknown");
            let cause = format!("{operation}: {code}");
            let certain = failed.raw().status().is_client_error() && !FOR_NOW.contains(&code);
            if certain {
                Fault::new(cause)
            } else {
                Fault::unclear(cause)
            }
        }
        SdkError::ConstructionFailure(_) => {
            Fault::new(format!("{operation}: the request could not be built"))
        }
        SdkError::TimeoutError(_) => Fault::unclear(format!("{operation}: no answer in time")),
        SdkError::DispatchFailure(failed) => {
            let kind = if failed.is_timeout() {
                "no answer in time"
            } else {
                "the connection failed"
            };
            Fault::unclear(format!("{operation}: {kind}"))
        }
        _ => Fault::unclear(format!("{operation}: the answer could not be read")),
    }
}
