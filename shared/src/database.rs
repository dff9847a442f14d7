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
    CancellationReason, ReturnValue, ReturnValuesOnConditionCheckFailure as OnRefusal,
};

pub(crate) use item::{Item, Reading, bytes, flag, integer, number, text, time, unreadable};
pub(crate) use key::{Key, Table};
pub(crate) use meter::Meter;
pub(crate) use query::{Direction, Row};
use write::some;
pub(crate) use write::{Change, Write};

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

/// What a conditional write came to.
pub(crate) enum Written {
    /// It was made; of one change alone, the item as it is now.
    Done(Item),
    /// It was not: per write, in order, whether its condition failed, and the item it failed on.
    Refused(Vec<Option<Refusal>>),
}

/// A failed condition, with the item as it stood.
pub(crate) type Refusal = Option<Item>;

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
        let database = Self { client: env.dynamodb(), names };
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

    async fn update(&self, change: Change) -> Result<Written, Fault> {
        let started = Instant::now();
        loop {
            let change = change.clone();
            let sent = self
                .client
                .update_item()
                .table_name(self.names.of(change.key.table))
                .set_key(Some(change.key.attributes()))
                .update_expression(change.expression)
                .condition_expression(change.condition)
                .set_expression_attribute_names(some(change.names))
                .set_expression_attribute_values(some(change.values))
                .return_values(ReturnValue::AllNew)
                .return_values_on_condition_check_failure(OnRefusal::AllOld)
                .send()
                .await;
            match sent {
                Ok(made) => return Ok(Written::Done(made.attributes.unwrap_or_default())),
                Err(SdkError::ServiceError(error))
                    if conflicts(error.err()) && started.elapsed() < PATIENCE =>
                {
                    pause().await;
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
        let write = |write: Write| {
            let table = self.names.of(write.table()).to_owned();
            write.on(&table)
        };
        let writes: Vec<_> = writes.into_iter().map(write).collect::<Result<_, _>>()?;
        loop {
            let sent =
                self.client.transact_write_items().set_transact_items(Some(writes.clone())).send().await;
            let Err(error) = sent else { return Ok(Written::Done(Item::new())) };
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
/// only an answer that names what the client did wrong says for certain that it was not, since any
/// attempt would have had the same.
fn fault<E: ProvideErrorMetadata>(operation: &str, error: &SdkError<E>) -> Fault {
    match error {
        SdkError::ServiceError(failed) => {
            let code = failed.err().code().unwrap_or("unknown");
            let cause = format!("{operation}: {code}");
            let certain = failed.raw().status().is_client_error() && !FOR_NOW.contains(&code);
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
