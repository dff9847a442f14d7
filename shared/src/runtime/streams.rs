//! Records of DynamoDB streams.

use std::time::Instant;

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::{Value, json};

use super::panic_guard::catch_panic;
use super::process::{LambdaResult, invocation_ids, run, unknown_event};
use crate::aws::FromConfig;
use crate::domain::{Error, InternalError, Result};
use crate::telemetry::log::{self, Operation};
use crate::telemetry::request_metrics;

/// Runs `handle` on each record of a batch, in order, until Lambda ends the process. One log line
/// per record.
///
/// If a record fails, its sequence number is returned (`batchItemFailures`), and Lambda retries from
/// there. A record with a permanent error is logged and skipped, so that it does not block others.
pub fn serve_records<R, F>(handle: F)
where
    R: FromConfig,
    F: AsyncFn(&'static R, &Value) -> Result<(), InternalError> + Copy + 'static,
{
    run(async |resources| {
        let batch = move |event: LambdaEvent<Value>| each_record(event, resources, handle);
        lambda_runtime::run(service_fn(batch)).await
    });
}

/// Runs `handle` on each batch of records until Lambda ends the process. One log line per batch.
/// If it fails, Lambda retries the batch, whole or in halves, as the template configures.
pub fn serve_batches<R, F>(handle: F)
where
    R: FromConfig,
    F: AsyncFn(&'static R, &[Value]) -> Result<(), InternalError> + Copy + 'static,
{
    run(async |resources| {
        let batch = move |event: LambdaEvent<Value>| whole_batch(event, resources, handle);
        lambda_runtime::run(service_fn(batch)).await
    });
}

async fn each_record<R>(
    event: LambdaEvent<Value>,
    resources: &'static R,
    handle: impl AsyncFn(&'static R, &Value) -> Result<(), InternalError>,
) -> LambdaResult<Value> {
    let Some(records) = event.payload.get("Records").and_then(Value::as_array) else {
        return Err(unknown_event(&event.context));
    };
    let ids = invocation_ids(&event.context);
    for record in records {
        let started = Instant::now();
        let handled = catch_panic(async { handle(resources, record).await.map_err(Error::from) });
        let (outcome, metrics) = request_metrics::measure(handled).await;
        let error = outcome.err().map(Error::into_internal);
        let retry = error.as_ref().is_some_and(|error| !error.is_permanent());
        let error = error.map(Error::from);
        let text = |pointer| {
            record
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let operation = Operation::Record {
            event: text("/eventName"),
            sequence_number: text("/dynamodb/SequenceNumber"),
        };
        log::log_completion(&ids, &operation, error.as_ref(), metrics, started.elapsed());
        if retry {
            let number = record.pointer("/dynamodb/SequenceNumber");
            return Ok(json!({ "batchItemFailures": [{ "itemIdentifier": number }] }));
        }
    }
    Ok(json!({ "batchItemFailures": [] }))
}

async fn whole_batch<R>(
    event: LambdaEvent<Value>,
    resources: &'static R,
    handle: impl AsyncFn(&'static R, &[Value]) -> Result<(), InternalError>,
) -> LambdaResult<()> {
    let Some(records) = event.payload.get("Records").and_then(Value::as_array) else {
        return Err(unknown_event(&event.context));
    };
    let started = Instant::now();
    let handled = catch_panic(async { handle(resources, records).await.map_err(Error::from) });
    let (outcome, metrics) = request_metrics::measure(handled).await;
    let error = outcome
        .err()
        .map(|error| Error::from(error.into_internal()));
    let operation = Operation::Batch {
        records: records.len(),
    };
    log::log_completion(
        &invocation_ids(&event.context),
        &operation,
        error.as_ref(),
        metrics,
        started.elapsed(),
    );
    error.map_or(Ok(()), |error| {
        Err(error.into_internal().to_string().into())
    })
}
