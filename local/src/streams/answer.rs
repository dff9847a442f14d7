//! What a function's answer says of the records it was given.

use serde::Deserialize;
use serde_json::Value as Json;

use crate::aws::Record;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    batch_item_failures: Option<Vec<Failed>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Failed {
    item_identifier: String,
}

/// How many of `records`, from the first on, are delivered. A failed record takes all that
/// come after it along, and a report that cannot be read, or that names a record which is
/// not there, takes all.
pub(super) fn delivered(answer: &[u8], records: &[Record]) -> usize {
    let report = match serde_json::from_slice::<Option<Report>>(answer) {
        Ok(report) => report
            .and_then(|report| report.batch_item_failures)
            .unwrap_or_default(),
        Err(_) if answer.is_empty() => Vec::new(),
        Err(_) => return 0,
    };
    let place = |failed: &Failed| {
        records
            .iter()
            .position(|record| record.sequence == failed.item_identifier)
    };
    report
        .iter()
        .map(|failed| place(failed).unwrap_or(0))
        .min()
        .unwrap_or(records.len())
}

/// The event that hands `records` over.
pub(super) fn event(records: &[Record]) -> Json {
    let shown: Vec<_> = records.iter().map(|record| &record.shown).collect();
    serde_json::json!({ "Records": shown })
}
