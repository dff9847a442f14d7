//! Delivery of one batch of records: events, responses, retries and splits.

use std::{collections::VecDeque, time::Duration};

use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::{aws::Record, template::StreamSource};

/// Pause before the first retry. Each further retry doubles it.
const MIN_PAUSE: Duration = Duration::from_millis(100);
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// The pending records of one batch, in order.
#[derive(Debug)]
pub(super) struct Batch {
    chunks: VecDeque<Chunk>,
}

/// The records of one invocation.
#[derive(Debug)]
struct Chunk {
    records: Vec<Record>,
    /// Number of retries of these records.
    ///
    /// It includes retries in a longer chunk whose first records were delivered.
    retries: u32,
    /// Number of invocations that these records were part of.
    invocations: u32,
}

/// Records that were discarded: at least one.
#[derive(Debug, PartialEq)]
pub(super) struct Discarded {
    pub(super) records: Vec<Record>,
    pub(super) reason: DiscardReason,
    /// Number of invocations that these records were part of.
    pub(super) invocations: u32,
}

/// Why records were discarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DiscardReason {
    Retries,
    Age,
}

impl DiscardReason {
    /// Lambda's name for it.
    pub(super) fn name(self) -> &'static str {
        match self {
            DiscardReason::Retries => "RetryAttemptsExhausted",
            DiscardReason::Age => "MaximumRecordAgeExceeded",
        }
    }
}

impl Batch {
    pub(super) fn new(records: Vec<Record>) -> Batch {
        Batch {
            chunks: VecDeque::from([Chunk {
                records,
                retries: 0,
                invocations: 0,
            }]),
        }
    }

    /// The records for the next invocation; `None` if the batch is complete.
    pub(super) fn next(&self) -> Option<&[Record]> {
        self.chunks
            .front()
            .map(|chunk| chunk.records.as_slice())
            .filter(|records| !records.is_empty())
    }

    /// Pause before the next invocation.
    pub(super) fn pause(&self) -> Duration {
        match self.chunks.front().map_or(0, |chunk| chunk.retries) {
            0 => Duration::ZERO,
            n => MIN_PAUSE
                .saturating_mul(1 << (n - 1).min(16))
                .min(MAX_PAUSE),
        }
    }

    /// Discards the next records that were written before `oldest`.
    ///
    /// `oldest` is in seconds since 1970.
    pub(super) fn expire(&mut self, oldest: i64) -> Option<Discarded> {
        let chunk = self.chunks.front_mut()?;
        let expired = chunk
            .records
            .iter()
            .take_while(|record| record.at < oldest)
            .count();
        let discarded = Discarded {
            records: chunk.records.drain(..expired).collect(),
            reason: DiscardReason::Age,
            invocations: chunk.invocations,
        };
        self.chunks.pop_front_if(|chunk| chunk.records.is_empty());
        Some(discarded).filter(|discarded| !discarded.records.is_empty())
    }

    /// Records the result of an invocation that delivered the first `delivered` records.
    ///
    /// The other records are retried, in two halves if `source` bisects, or discarded. As on AWS, a
    /// split does not count as a retry.
    pub(super) fn invoked(&mut self, delivered: usize, source: &StreamSource) -> Option<Discarded> {
        let mut chunk = self.chunks.pop_front()?;
        chunk.invocations += 1;
        chunk.records.drain(..delivered.min(chunk.records.len()));
        let left = chunk.records.len();
        match source.max_retries {
            _ if left == 0 => return None,
            _ if source.bisect && delivered > 0 => {} // split at the failed record
            _ if source.bisect && left > 1 => {
                let records = chunk.records.split_off(left / 2);
                self.chunks.push_front(Chunk { records, ..chunk });
            }
            Some(max) if chunk.retries >= max => {
                return Some(Discarded {
                    records: chunk.records,
                    reason: DiscardReason::Retries,
                    invocations: chunk.invocations,
                });
            }
            _ => chunk.retries += 1,
        }
        self.chunks.push_front(chunk);
        None
    }
}

/// The event with these records.
pub(super) fn event(records: &[Record]) -> Json {
    let events: Vec<_> = records.iter().map(|record| &record.event).collect();
    json!({ "Records": events })
}

/// A function's response with `ReportBatchItemFailures`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BatchResponse {
    batch_item_failures: Option<Vec<BatchItemFailure>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BatchItemFailure {
    item_identifier: String,
}

/// Number of leading records that a function's response reports as delivered.
///
/// Delivery ends at the first failed record. If the response is malformed or names an unknown
/// record, no record is delivered.
pub(super) fn delivered_count(response: &[u8], records: &[Record]) -> usize {
    let failures = match serde_json::from_slice::<Option<BatchResponse>>(response) {
        Ok(response) => response
            .and_then(|response| response.batch_item_failures)
            .unwrap_or_default(),
        Err(_) if response.is_empty() => Vec::new(),
        Err(_) => return 0,
    };
    let position = |failure: &BatchItemFailure| {
        records
            .iter()
            .position(|record| record.sequence == failure.item_identifier)
    };
    failures
        .iter()
        .map(|failure| position(failure).unwrap_or(0))
        .min()
        .unwrap_or(records.len())
}
