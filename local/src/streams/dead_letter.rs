//! Dead letters: messages about discarded records.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::batch::Discarded;
use crate::{
    aws::{Record, Stream},
    clock,
    template::{StreamSource, function_arn},
};

/// All dead letters, oldest first. Clones share one list.
#[derive(Clone, Default)]
pub(super) struct DeadLetters(Arc<Mutex<Vec<Json>>>);

impl DeadLetters {
    pub(super) fn push(&self, dead_letter: Json) {
        self.lock().push(dead_letter);
    }

    pub(super) fn to_vec(&self) -> Vec<Json> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Json>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The message that Lambda sends to the queue. It identifies the records and contains none of
/// their data.
///
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html>
pub(super) fn message(
    discarded: &Discarded,
    function: &str,
    source: &StreamSource,
    stream: &Stream,
) -> Json {
    let (first, last) = (discarded.records.first(), discarded.records.last());
    let sequence = |record: Option<&Record>| record.map(|record| record.sequence.clone());
    let arrival = |record: Option<&Record>| {
        record
            .and_then(|record| Timestamp::from_second(record.at).ok())
            .map(|at| at.to_string())
    };
    json!({
        "requestContext": {
            "requestId": uuid::Uuid::new_v4().to_string(),
            "functionArn": function_arn(function),
            "condition": discarded.reason.name(),
            "approximateInvokeCount": discarded.invocations,
        },
        "version": "1.0",
        "timestamp": clock::now().to_string(),
        "DDBStreamBatchInfo": {
            "shardId": stream.shard,
            "startSequenceNumber": sequence(first),
            "endSequenceNumber": sequence(last),
            "approximateArrivalOfFirstRecord": arrival(first),
            "approximateArrivalOfLastRecord": arrival(last),
            "batchSize": discarded.records.len(),
            "streamArn": source.stream,
        },
    })
}
