use serde_json::json;

use super::batch::{Batch, DiscardReason, Discarded, delivered_count};
use crate::{aws::Record, template::StreamSource};

fn source(bisect: bool, retries: Option<u32>) -> StreamSource {
    StreamSource {
        event: "Stream".to_owned(),
        table: "Outbox".to_owned(),
        stream: "arn".to_owned(),
        from_oldest: true,
        batch_size: 10,
        bisect,
        max_retries: retries,
        max_record_age: None,
        reports_failures: true,
        filters: Vec::new(),
        on_failure: None,
    }
}

/// Records `1`, `2`, …, each written in the second of its number.
fn records(count: i64) -> Vec<Record> {
    (1..=count)
        .map(|n| Record {
            sequence: n.to_string(),
            at: n,
            event: json!({ "n": n }),
        })
        .collect()
}

fn names(records: &[Record]) -> String {
    records
        .iter()
        .map(|record| record.sequence.as_str())
        .collect()
}

/// Simulates the delivery of a batch. `accept` returns the number of records that an invocation
/// delivers.
///
/// Returns the records of each invocation, and the discarded records with the number of their
/// invocations.
fn deliver(
    count: i64,
    source: &StreamSource,
    accept: impl Fn(&str) -> usize,
) -> (Vec<String>, Vec<(String, u32)>) {
    let mut batch = Batch::new(records(count));
    let (mut invocations, mut discarded) = (Vec::new(), Vec::new());
    while let Some(records) = batch.next() {
        let invoked = names(records);
        let outcome = batch.invoked(accept(&invoked), source);
        invocations.push(invoked);
        discarded.extend(outcome.map(|one| (names(&one.records), one.invocations)));
    }
    (invocations, discarded)
}

fn all_or_nothing(poison: char) -> impl Fn(&str) -> usize {
    move |invoked| {
        if invoked.contains(poison) {
            0
        } else {
            invoked.len()
        }
    }
}

fn up_to(poison: char) -> impl Fn(&str) -> usize {
    move |invoked| invoked.find(poison).unwrap_or(invoked.len())
}

#[test]
fn delivered_records_are_not_delivered_again() {
    let delivered = deliver(3, &source(false, None), |invoked| invoked.len());
    assert_eq!(delivered, (vec!["123".to_owned()], vec![]));
    assert_eq!(
        deliver(3, &source(false, Some(2)), |_| 1).0,
        ["123", "23", "3"]
    );
}

#[test]
fn a_batch_that_always_fails_is_discarded_whole_unless_it_is_split() {
    let (invocations, discarded) = deliver(3, &source(false, Some(2)), all_or_nothing('2'));
    assert_eq!(invocations, ["123"; 3]);
    assert_eq!(discarded, [("123".to_owned(), 3)]);
}

#[test]
fn halves_are_retried_in_order_until_the_poison_record_is_alone() {
    let (invocations, discarded) = deliver(5, &source(true, Some(1)), all_or_nothing('4'));
    assert_eq!(
        invocations,
        ["12345", "12", "345", "3", "45", "4", "4", "5"]
    );
    assert_eq!(discarded, [("4".to_owned(), 5)]);
}

#[test]
fn a_reported_failure_splits_the_batch_at_the_failed_record() {
    let (invocations, discarded) = deliver(5, &source(true, Some(0)), up_to('4'));
    assert_eq!(invocations, ["12345", "45", "4", "5"]);
    assert_eq!(discarded, [("4".to_owned(), 3)]);
    let (invocations, discarded) = deliver(5, &source(false, Some(1)), up_to('4'));
    assert_eq!(invocations, ["12345", "45"]);
    assert_eq!(discarded, [("45".to_owned(), 2)]);
}

#[test]
fn the_pause_grows_with_retries_and_there_is_none_after_a_split() {
    let mut batch = Batch::new(records(2));
    let mut pauses = |bisect| {
        let pause = |_| {
            batch.invoked(0, &source(bisect, None));
            batch.pause().as_millis()
        };
        (0..6).map(pause).collect::<Vec<_>>()
    };
    assert_eq!(pauses(false), [100, 200, 400, 800, 1000, 1000]);
    let mut batch = Batch::new(records(2));
    batch.invoked(0, &source(true, None));
    assert_eq!(
        (batch.next().map(names), batch.pause().as_millis()),
        (Some("1".to_owned()), 0)
    );
}

#[test]
fn only_records_above_the_maximum_age_are_discarded() {
    let mut batch = Batch::new(records(3));
    assert_eq!(batch.expire(1), None);
    let discarded = Discarded {
        records: records(2),
        reason: DiscardReason::Age,
        invocations: 0,
    };
    assert_eq!(batch.expire(3), Some(discarded));
    assert_eq!(batch.next().map(names), Some("3".to_owned()));
    assert!(batch.expire(4).is_some());
    assert_eq!(batch.next(), None);
    assert_eq!(batch.expire(4), None);
}

#[test]
fn delivery_ends_at_the_first_reported_failure() {
    let delivered = |response: &str| delivered_count(response.as_bytes(), &records(4));
    let failed = |names: &[&str]| {
        let failures: Vec<_> = names
            .iter()
            .map(|name| json!({ "itemIdentifier": name }))
            .collect();
        delivered(&json!({ "batchItemFailures": failures }).to_string())
    };
    for all in [
        "",
        "null",
        "{}",
        r#"{"batchItemFailures":null}"#,
        r#"{"batchItemFailures":[]}"#,
    ] {
        assert_eq!(delivered(all), 4, "{all}");
    }
    assert_eq!(
        [failed(&["3"]), failed(&["4", "2"]), failed(&["1"])],
        [2, 1, 0]
    );
    assert_eq!([failed(&["stranger"]), failed(&["4", ""])], [0, 0]);
    for none in [
        "oops",
        r#""done""#,
        r#"{"batchItemFailures":[{"id":"4"}]}"#,
        r#"{"batchItemFailures":4}"#,
    ] {
        assert_eq!(delivered(none), 0, "{none}");
    }
}
