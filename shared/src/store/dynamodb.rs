//! DynamoDB calls: requests, retries and errors.

mod item;
pub(crate) mod key;
mod query;
mod write;

use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::CancellationReason;

use item::non_empty;
pub(crate) use item::{
    AttributeValue, Item, ItemReader, bytes, flag, map, number, numbers, text, time, unreadable,
};
pub(crate) use key::{Key, Partition, Table};
pub(crate) use query::Direction;
use query::projection;
pub(crate) use write::{Check, Conflict, Marker, Update, Write};

use crate::aws::{Connections, FromConfig};
use crate::domain::{InternalError, random};

/// How long conflicts and throttling are retried. Functions time out after ten seconds.
pub(crate) const RETRY_BUDGET: Duration = Duration::from_secs(5);

/// Transient errors. They describe the last attempt only: an earlier attempt that timed out may
/// still have been applied.
const RETRYABLE_ERRORS: [&str; 5] = [
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
    "TransactionConflictException",
    "TransactionInProgressException",
];

/// The client of the tables. Clones share one connection pool.
#[derive(Clone)]
pub(crate) struct Database {
    client: Client,
    names: TableNames,
}

/// The names of the deployed tables.
#[derive(Clone)]
struct TableNames {
    users: String,
    mail_codes: String,
    outbox: String,
    audit: String,
    user_index: String,
}

impl TableNames {
    fn get(&self, table: Table) -> &str {
        match table {
            Table::Users => &self.users,
            Table::MailCodes => &self.mail_codes,
            Table::Outbox => &self.outbox,
            Table::Audit => &self.audit,
            Table::UserIndex => &self.user_index,
        }
    }
}

/// The outcome of conditional writes.
pub(crate) enum WriteOutcome {
    /// All were applied.
    Committed,
    /// None was applied, because these conditions failed: at least one, in the order of the writes.
    ConditionFailed(Vec<Conflict>),
}

impl WriteOutcome {
    /// `Ok` if all were applied.
    ///
    /// # Errors
    /// The error that the first failed condition means.
    pub(crate) fn committed(self) -> crate::domain::Result<()> {
        match self {
            Self::Committed => Ok(()),
            Self::ConditionFailed(failed) => {
                let unknown = || InternalError::new("a condition failed without a reason").into();
                Err(failed
                    .first()
                    .map_or_else(unknown, |conflict| conflict.into_error()))
            }
        }
    }
}

impl FromConfig for Database {
    /// Opens the connection by reading an item that does not exist. An error of this read is
    /// ignored, because the first request meets it again.
    async fn open(connections: &Connections) -> Result<Self, InternalError> {
        let names = TableNames {
            users: connections.config.required("USERS_TABLE")?,
            mail_codes: connections.config.required("MAIL_CODES_TABLE")?,
            outbox: connections.config.required("OUTBOX_TABLE")?,
            audit: connections.config.required("AUDIT_TABLE")?,
            user_index: connections.config.required("USER_INDEX_TABLE")?,
        };
        let database = Self {
            client: connections.clients.dynamodb(),
            names,
        };
        let _ = database.get(&key::connection_probe()).await;
        Ok(database)
    }
}

impl Database {
    /// The item at `key`, strongly consistent.
    pub(crate) async fn get(&self, key: &Key) -> Result<Option<Item>, InternalError> {
        self.get_attributes(key, &[]).await
    }

    /// These attributes of the item at `key`, or all if there are none. Strongly consistent.
    pub(crate) async fn get_attributes(
        &self,
        key: &Key,
        attributes: &[&str],
    ) -> Result<Option<Item>, InternalError> {
        let (names, expression) = projection(attributes);
        let read = self.client.get_item().table_name(self.names.get(key.table));
        let read = read
            .set_key(Some(key.attributes()))
            .set_expression_attribute_names(non_empty(names))
            .set_projection_expression(expression);
        match Box::pin(read.consistent_read(true).send()).await {
            Ok(output) => Ok(output.item),
            Err(error) => Err(sdk_error("GetItem", error)),
        }
    }

    /// Applies all writes or none.
    ///
    /// A single write that can be repeated is sent without a transaction, at half the cost. Without a
    /// transaction, a repetition of a conditional write can fail on what the first attempt wrote. So
    /// the caller reads the item after a failed condition.
    ///
    /// # Errors
    /// An internal error, which is indeterminate if the writes may have been applied nevertheless.
    pub(crate) async fn write(
        &self,
        mut writes: Vec<Write>,
    ) -> Result<WriteOutcome, InternalError> {
        match (writes.pop(), writes.is_empty()) {
            (Some(Write::Update(update, conflict)), true) => self.update(update, conflict).await,
            (Some(Write::Put(key, item)), true) => self.put(key, item).await,
            (Some(Write::Delete(key)), true) => self.delete(key, None).await,
            (Some(Write::DeleteIf(check, conflict)), true) => {
                self.delete(check.key.clone(), Some((check, conflict)))
                    .await
            }
            (last, _) => {
                writes.extend(last);
                self.transact(writes).await
            }
        }
    }

    async fn update(
        &self,
        update: Update,
        conflict: Conflict,
    ) -> Result<WriteOutcome, InternalError> {
        let request = self
            .client
            .update_item()
            .table_name(self.names.get(update.key.table))
            .set_key(Some(update.key.attributes()))
            .update_expression(update.expression)
            .condition_expression(update.condition)
            .set_expression_attribute_names(non_empty(update.names))
            .set_expression_attribute_values(non_empty(update.values));
        single("UpdateItem", Some(conflict), || request.clone().send()).await
    }

    async fn put(&self, key: Key, mut item: Item) -> Result<WriteOutcome, InternalError> {
        item.extend(key.attributes());
        let request = self.client.put_item().table_name(self.names.get(key.table));
        let request = request.set_item(Some(item));
        single("PutItem", None, || request.clone().send()).await
    }

    async fn delete(
        &self,
        key: Key,
        check: Option<(Check, Conflict)>,
    ) -> Result<WriteOutcome, InternalError> {
        let mut request = self
            .client
            .delete_item()
            .table_name(self.names.get(key.table))
            .set_key(Some(key.attributes()));
        let mut conflict = None;
        if let Some((check, failure)) = check {
            conflict = Some(failure);
            request = request
                .condition_expression(check.condition)
                .set_expression_attribute_names(non_empty(check.names))
                .set_expression_attribute_values(non_empty(check.values));
        }
        single("DeleteItem", conflict, || request.clone().send()).await
    }

    /// Retries after a conflict with another transaction, but not after a failed condition.
    async fn transact(&self, writes: Vec<Write>) -> Result<WriteOutcome, InternalError> {
        let started = Instant::now();
        let conflicts: Vec<_> = writes.iter().map(Write::conflict).collect();
        let write = |write: Write| {
            let table = self.names.get(write.table()).to_owned();
            write.into_transact_item(&table)
        };
        let writes: Vec<_> = writes.into_iter().map(write).collect::<Result<_, _>>()?;
        loop {
            let transaction = self
                .client
                .transact_write_items()
                .set_transact_items(Some(writes.clone()));
            let Err(error) = Box::pin(transaction.send()).await else {
                return Ok(WriteOutcome::Committed);
            };
            let reasons = match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                    cancelled.cancellation_reasons()
                }
                _ => return Err(sdk_error("TransactWriteItems", error)),
            };
            // DynamoDB returns one reason for each write, in their order.
            let failed = reasons
                .iter()
                .zip(&conflicts)
                .filter_map(|(reason, conflict)| {
                    conflict.filter(|_| reason.code() == Some("ConditionalCheckFailed"))
                });
            let failed: Vec<_> = failed.collect();
            if !failed.is_empty() {
                return Ok(WriteOutcome::ConditionFailed(failed));
            }
            if started.elapsed() > RETRY_BUDGET || !reasons.iter().all(is_transient) {
                let codes: Vec<_> = reasons
                    .iter()
                    .filter_map(CancellationReason::code)
                    .collect();
                return Err(InternalError::new(format!(
                    "TransactWriteItems: cancelled: {}",
                    codes.join(", ")
                )));
            }
            pause().await;
        }
    }
}

/// Whether a retry can succeed despite this cancellation reason.
fn is_transient(reason: &CancellationReason) -> bool {
    matches!(
        reason.code(),
        None | Some(
            "None" | "TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded"
        )
    )
}

/// Sends a write without a transaction. Retries after a conflict with a transaction, but not after
/// a failed condition, whose meaning is `conflict`.
async fn single<T, E, F>(
    operation: &str,
    conflict: Option<Conflict>,
    send: impl Fn() -> F,
) -> Result<WriteOutcome, InternalError>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    F: Future<Output = Result<T, SdkError<E>>>,
{
    let started = Instant::now();
    loop {
        let Err(error) = Box::pin(send()).await else {
            return Ok(WriteOutcome::Committed);
        };
        match (error.as_service_error().and_then(E::code), conflict) {
            (Some("TransactionConflictException"), _) if started.elapsed() < RETRY_BUDGET => {
                pause().await;
            }
            (Some("ConditionalCheckFailedException"), Some(conflict)) => {
                return Ok(WriteOutcome::ConditionFailed(vec![conflict]));
            }
            _ => return Err(sdk_error(operation, error)),
        }
    }
}

/// Waits from 10 to 60 ms. The random part keeps conflicting writers from colliding again.
pub(crate) async fn pause() {
    tokio::time::sleep(Duration::from_millis(10 + random::up_to(50))).await;
}

/// The internal error of a failed call, with the operation and DynamoDB's error code.
///
/// It is indeterminate if a write may have been applied. Only a permanent client error excludes
/// that: every attempt would have had it.
fn sdk_error<E>(operation: &str, error: SdkError<E>) -> InternalError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let internal = match &error {
        SdkError::ServiceError(failed) => {
            let code = failed.err().code().unwrap_or("unknown");
            let cause = format!("{operation}: {code}");
            let certain =
                failed.raw().status().is_client_error() && !RETRYABLE_ERRORS.contains(&code);
            if certain {
                InternalError::new(cause)
            } else {
                InternalError::indeterminate(cause)
            }
        }
        SdkError::ConstructionFailure(_) => {
            InternalError::new(format!("{operation}: the request could not be built"))
        }
        SdkError::TimeoutError(_) => {
            InternalError::indeterminate(format!("{operation}: no answer in time"))
        }
        SdkError::DispatchFailure(failed) => {
            let kind = if failed.is_timeout() {
                "no answer in time"
            } else {
                "the connection failed"
            };
            InternalError::indeterminate(format!("{operation}: {kind}"))
        }
        _ => InternalError::indeterminate(format!("{operation}: the answer could not be read")),
    };
    internal.with_source(error)
}
