//! Records of a stream: each is told in one line of the log.

use std::time::Instant;

use lambda_http::{LambdaEvent, service_fn};
use serde_json::{Value, json};

use super::{Answer, guarded, invocation, run, unreadable};
use crate::env::Resource;
use crate::log::What;
use crate::{Error, Fault, Result, log, tally};

/// Runs `handle` on each record of a stream's batches until Lambda ends the process. The first
/// record that fails is where the next batch begins; one that would always fail is told in the log
/// and passed over, so that it does not keep back what is behind it.
pub fn serve_records<R, F>(handle: F)
where
    R: Resource,
    F: AsyncFn(&'static R, &Value) -> Result<(), Fault> + Copy + 'static,
{
    run(async |resources| {
        let batch = move |event: LambdaEvent<Value>| records(event, resources, handle);
        lambda_runtime::run(service_fn(batch)).await
    });
}

/// Runs `handle` on each batch of a stream's records until Lambda ends the process. A batch that
/// fails is tried again, whole or in halves, as the template says.
pub fn serve_batches<R, F>(handle: F)
where
    R: Resource,
    F: AsyncFn(&'static R, &[Value]) -> Result<(), Fault> + Copy + 'static,
{
    run(async |resources| {
        let batch = move |event: LambdaEvent<Value>| batch(event, resources, handle);
        lambda_runtime::run(service_fn(batch)).await
    });
}

/// One batch, in order, up to the first record that is to be tried again.
async fn records<R>(
    event: LambdaEvent<Value>,
    resources: &'static R,
    handle: impl AsyncFn(&'static R, &Value) -> Result<(), Fault>,
) -> Answer<Value> {
    let Some(records) = event.payload.get("Records").and_then(Value::as_array) else {
        return Err(unreadable(&event.context));
    };
    let invocation = invocation(&event.context);
    for record in records {
        let started = Instant::now();
        let handled = guarded(async { handle(resources, record).await.map_err(Error::from) });
        let (outcome, tally) = tally::of(handled).await;
        let fault = outcome.err().map(Error::into_fault);
        let again = fault.as_ref().is_some_and(|fault| !fault.is_lasting());
        let error = fault.map(Error::from);
        let text = |pointer| {
            record
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let what = What::Record {
            event: text("/eventName"),
            sequence_number: text("/dynamodb/SequenceNumber"),
        };
        log::done(&invocation, &what, error.as_ref(), tally, started.elapsed());
        if again {
            let number = record.pointer("/dynamodb/SequenceNumber");
            return Ok(json!({ "batchItemFailures": [{ "itemIdentifier": number }] }));
        }
    }
    Ok(json!({ "batchItemFailures": [] }))
}

/// One batch, as a whole.
async fn batch<R>(
    event: LambdaEvent<Value>,
    resources: &'static R,
    handle: impl AsyncFn(&'static R, &[Value]) -> Result<(), Fault>,
) -> Answer<()> {
    let Some(records) = event.payload.get("Records").and_then(Value::as_array) else {
        return Err(unreadable(&event.context));
    };
    let started = Instant::now();
    let handled = guarded(async { handle(resources, records).await.map_err(Error::from) });
    let (outcome, tally) = tally::of(handled).await;
    let error = outcome.err().map(|error| Error::from(error.into_fault()));
    let what = What::Batch {
        records: records.len(),
    };
    log::done(
        &invocation(&event.context),
        &what,
        error.as_ref(),
        tally,
        started.elapsed(),
    );
    error.map_or(Ok(()), |error| Err(error.into_fault().to_string().into()))
}
