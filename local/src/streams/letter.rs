//! What the queue is told of records that were given up.

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::batch::{Loss, Reason};
use crate::{StreamSource, aws::Stream, clock, template::function_arn};

/// The record of a failed invocation, as Lambda writes it. It names the records, and holds
/// nothing of them.
pub(super) fn of(loss: &Loss, function: &str, source: &StreamSource, stream: &Stream) -> Json {
    let (first, last) = (loss.records.first(), loss.records.last());
    let sequence =
        |record: Option<&crate::aws::Record>| record.map(|record| record.sequence.clone());
    let arrival = |record: Option<&crate::aws::Record>| {
        record
            .and_then(|record| Timestamp::from_second(record.at).ok())
            .map(|at| at.to_string())
    };
    json!({
        "requestContext": {
            "requestId": uuid::Uuid::new_v4().to_string(),
            "functionArn": function_arn(function),
            "condition": loss.reason.name(),
            "approximateInvokeCount": loss.invocations,
        },
        "version": "1.0",
        "timestamp": clock::now().to_string(),
        "DDBStreamBatchInfo": {
            "shardId": stream.shard,
            "startSequenceNumber": sequence(first),
            "endSequenceNumber": sequence(last),
            "approximateArrivalOfFirstRecord": arrival(first),
            "approximateArrivalOfLastRecord": arrival(last),
            "batchSize": loss.records.len(),
            "streamArn": source.stream,
        },
    })
}

impl Reason {
    /// As Lambda calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Reason::Retries => "RetryAttemptsExhausted",
            Reason::Age => "MaximumRecordAgeExceeded",
        }
    }
}
