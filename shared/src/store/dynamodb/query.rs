//! Reads of several items: by keys, by partition, or of a whole table.

use std::ops::RangeInclusive;
use std::time::Instant;

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::operation::scan::builders::ScanFluentBuilder;
use aws_sdk_dynamodb::types::KeysAndAttributes;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::item::non_empty;
use super::{
    Database, Item, Key, Partition, RETRY_BUDGET, Table, key, number, pause, sdk_error, text,
};
use crate::domain::InternalError;

/// How many items one `BatchGetItem` reads at most
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>).
const MAX_KEYS: usize = 100;
/// How many `BatchGetItem` are sent at the same time.
const CONCURRENT_READS: usize = 16;

/// An order of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Ascending,
    Descending,
}

impl Direction {
    /// The first number of a range in this order.
    pub(crate) fn first(self, range: RangeInclusive<u64>) -> u64 {
        if self == Self::Ascending {
            *range.start()
        } else {
            *range.end()
        }
    }

    /// The last number of a range in this order.
    pub(crate) fn last(self, range: RangeInclusive<u64>) -> u64 {
        if self == Self::Ascending {
            *range.end()
        } else {
            *range.start()
        }
    }

    /// The next number in this order. `None` at the end.
    pub(crate) fn after(self, number: u64) -> Option<u64> {
        if self == Self::Ascending {
            number.checked_add(1)
        } else {
            number.checked_sub(1)
        }
    }

    /// `number` and all that follow it in this order.
    pub(crate) fn from(self, number: u64) -> RangeInclusive<u64> {
        if self == Self::Ascending {
            number..=u64::MAX
        } else {
            0..=number
        }
    }
}

impl Database {
    /// The existing items of `keys`, in no order, strongly consistent. Reads these `attributes`, or
    /// all if there are none. The keys are distinct and of one table.
    pub(crate) async fn get_many(
        &self,
        keys: &[Key],
        attributes: &[&str],
    ) -> Result<Vec<Item>, InternalError> {
        let reads = keys
            .chunks(MAX_KEYS)
            .map(|keys| self.get_batch(keys, attributes))
            .collect::<Vec<_>>();
        let items: Vec<_> = stream::iter(reads)
            .buffer_unordered(CONCURRENT_READS)
            .try_collect()
            .await?;
        Ok(items.into_iter().flatten().collect())
    }

    /// As [`Database::get_many`], of at most [`MAX_KEYS`] keys.
    async fn get_batch(
        &self,
        keys: &[Key],
        attributes: &[&str],
    ) -> Result<Vec<Item>, InternalError> {
        let (mut items, started) = (Vec::new(), Instant::now());
        let Some(table) = keys.first().map(|key| self.names.get(key.table)) else {
            return Ok(items);
        };
        let (names, expression) = projection(attributes);
        let request = KeysAndAttributes::builder()
            .set_keys(Some(keys.iter().map(Key::attributes).collect()))
            .set_expression_attribute_names(non_empty(names))
            .set_projection_expression(expression)
            .consistent_read(true)
            .build()
            .map_err(|_| InternalError::new("BatchGetItem: the request could not be built"))?;
        let mut remaining = Some([(table.to_owned(), request)].into());
        while let Some(request) = remaining {
            let read = self
                .client
                .batch_get_item()
                .set_request_items(Some(request));
            let read = Box::pin(read.send())
                .await
                .map_err(|error| sdk_error("BatchGetItem", error))?;
            items.extend(read.responses.unwrap_or_default().into_values().flatten());
            remaining = read.unprocessed_keys.filter(|keys| !keys.is_empty());
            // DynamoDB returns at most 16 MB, and the keys that it did not process.
            if remaining.is_some() {
                if started.elapsed() > RETRY_BUDGET {
                    return Err(InternalError::new("BatchGetItem: too much was left out"));
                }
                pause().await;
            }
        }
        Ok(items)
    }

    /// The first `max` items of `partition` whose numbers are in `range`. Strongly consistent.
    pub(crate) async fn query(
        &self,
        partition: &Partition,
        range: RangeInclusive<u64>,
        direction: Direction,
        max: usize,
    ) -> Result<Vec<Item>, InternalError> {
        let query = self
            .client
            .query()
            .table_name(self.names.get(partition.table));
        let query = query
            .key_condition_expression("pk = :pk AND sk BETWEEN :first AND :last")
            .expression_attribute_values(":pk", text(&partition.value))
            .expression_attribute_values(":first", text(key::sortable(*range.start())))
            .expression_attribute_values(":last", text(key::sortable(*range.end())))
            .consistent_read(true)
            .scan_index_forward(direction == Direction::Ascending);
        collect_up_to(query, max).await
    }

    /// The last `max` items in the partition of `key`, last first. Strongly consistent.
    pub(crate) async fn newest(&self, key: &Key, max: usize) -> Result<Vec<Item>, InternalError> {
        let query = self.client.query().table_name(self.names.get(key.table));
        let query = query
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", text(&key.id));
        collect_up_to(query.consistent_read(true).scan_index_forward(false), max).await
    }

    /// One page of the items of `table` whose keys begin with `prefix`, in no order, strongly
    /// consistent. Reads these `attributes`, or all if there are none. Also returns the key after
    /// which the next page begins, if there is one.
    pub(crate) async fn scan(
        &self,
        table: Table,
        prefix: &str,
        attributes: &[&str],
        after: Option<&str>,
    ) -> Result<(Vec<Item>, Option<String>), InternalError> {
        let scan = self
            .scan_of(table, attributes)
            .filter_expression("begins_with(pk, :prefix)")
            .expression_attribute_values(":prefix", text(prefix));
        let after = after.map(|key| Item::from([("pk".to_owned(), text(key))]));
        let read = Box::pin(scan.set_exclusive_start_key(after).send())
            .await
            .map_err(|error| sdk_error("Scan", error))?;
        let last = read
            .last_evaluated_key
            .and_then(|key| key.get("pk")?.as_s().ok().cloned());
        Ok((read.items.unwrap_or_default(), last))
    }

    /// These attributes of the items of `table` that expire at `last` or before, in seconds since
    /// 1970. Reads the whole table.
    pub(crate) async fn expiring(
        &self,
        table: Table,
        last: u64,
        attributes: &[&str],
    ) -> Result<Vec<Item>, InternalError> {
        let scan = self
            .scan_of(table, attributes)
            .filter_expression("expires_at <= :last")
            .expression_attribute_values(":last", number(last));
        collect_all(scan).await
    }

    /// The items of `table` whose attribute `name` is `value`. Reads the whole table.
    pub(crate) async fn search(
        &self,
        table: Table,
        name: &str,
        value: &str,
    ) -> Result<Vec<Item>, InternalError> {
        let scan = self
            .scan_of(table, &[])
            .filter_expression("#name = :value")
            .expression_attribute_names("#name", name);
        let scan = scan.expression_attribute_values(":value", text(value));
        collect_all(scan).await
    }

    /// A strongly consistent scan of `table`, not sent yet. Reads these `attributes`, or all if there are
    /// none.
    fn scan_of(&self, table: Table, attributes: &[&str]) -> ScanFluentBuilder {
        let (names, expression) = projection(attributes);
        self.client
            .scan()
            .table_name(self.names.get(table))
            .consistent_read(true)
            .set_projection_expression(expression)
            .set_expression_attribute_names(non_empty(names))
    }
}

/// All items of a scan.
async fn collect_all(scan: ScanFluentBuilder) -> Result<Vec<Item>, InternalError> {
    let found = scan.into_paginator().items().send();
    let found = found.collect::<Result<Vec<_>, _>>().await;
    found.map_err(|error| sdk_error("Scan", error))
}

/// The first `max` items of a query. No page of it reads more.
async fn collect_up_to(query: QueryFluentBuilder, max: usize) -> Result<Vec<Item>, InternalError> {
    let limit = i32::try_from(max).unwrap_or(i32::MAX);
    let mut found = query.limit(limit).into_paginator().items().send();
    let mut items = Vec::new();
    while items.len() < max
        && let Some(item) = found.next().await
    {
        items.push(item.map_err(|error| sdk_error("Query", error))?);
    }
    Ok(items)
}

/// The attributes whose names are reserved words
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ReservedWords.html>). The local
/// cloud rejects a projection with any other reserved word, as DynamoDB does.
const RESERVED: [&str; 3] = ["block", "role", "uuid"];

/// The names and the projection expression of these attributes. `None` reads all.
///
/// Only a reserved word gets a placeholder. With one for each attribute, building, sending and signing
/// them took 5 % of a warm request.
pub(super) fn projection(attributes: &[&str]) -> (Vec<(String, String)>, Option<String>) {
    let (mut names, mut expression) = (Vec::new(), String::new());
    for name in attributes {
        expression.push_str(if expression.is_empty() { "" } else { ", " });
        if RESERVED.contains(name) {
            expression.push('#');
            names.push((format!("#{name}"), (*name).to_owned()));
        }
        expression.push_str(name);
    }
    (names, (!expression.is_empty()).then_some(expression))
}
