//! Reading several items: by their keys, in the order in which they lie, or all there are.

use std::ops::RangeInclusive;
use std::time::Instant;

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::KeysAndAttributes;

use super::write::some;
use super::{Database, Item, Key, PATIENCE, Table, fault, key, pause, text};
use crate::Fault;

/// How many items one call reads by their keys.
const MOST_KEYS: usize = 100;

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Up,
    Down,
}

impl Direction {
    /// The number of a range that comes first.
    pub(crate) fn first(self, range: RangeInclusive<u64>) -> u64 {
        if self == Self::Up {
            *range.start()
        } else {
            *range.end()
        }
    }

    /// The number of a range that comes last.
    pub(crate) fn last(self, range: RangeInclusive<u64>) -> u64 {
        if self == Self::Up {
            *range.end()
        } else {
            *range.start()
        }
    }

    /// The number that comes after another; there is none below zero.
    pub(crate) fn after(self, number: u64) -> Option<u64> {
        if self == Self::Up {
            number.checked_add(1)
        } else {
            number.checked_sub(1)
        }
    }

    /// All numbers from this one on.
    pub(crate) fn from(self, number: u64) -> RangeInclusive<u64> {
        if self == Self::Up {
            number..=u64::MAX
        } else {
            0..=number
        }
    }
}

/// Items that lie in the order of numbers.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// In which table.
    pub table: Table,
    /// By which index, if not by the table's own key.
    pub index: Option<&'static str>,
    /// The attribute that is the same for all of them.
    pub attribute: &'static str,
    /// Its value.
    pub value: String,
}

impl Database {
    /// The items at `keys` that there are, in no order, strongly consistent; of each the
    /// attributes `only`, or all. All are of one table, and no key is there twice.
    pub(crate) async fn get_many(&self, keys: &[Key], only: &[&str]) -> Result<Vec<Item>, Fault> {
        let (mut items, started) = (Vec::new(), Instant::now());
        for keys in keys.chunks(MOST_KEYS) {
            let Some(table) = keys.first().map(|key| self.names.of(key.table)) else {
                break;
            };
            let (names, expression) = projection(only);
            let wanted = KeysAndAttributes::builder()
                .set_keys(Some(keys.iter().map(Key::attributes).collect()))
                .set_expression_attribute_names(some(names))
                .set_projection_expression(expression)
                .consistent_read(true)
                .build()
                .map_err(|_| Fault::new("BatchGetItem: the request could not be built"))?;
            let mut left = Some([(table.to_owned(), wanted)].into());
            while let Some(wanted) = left {
                let read = self
                    .client
                    .batch_get_item()
                    .set_request_items(Some(wanted))
                    .send()
                    .await;
                let read = read.map_err(|error| fault("BatchGetItem", &error))?;
                items.extend(read.responses.unwrap_or_default().into_values().flatten());
                left = read.unprocessed_keys.filter(|keys| !keys.is_empty());
                if left.is_some() {
                    if started.elapsed() > PATIENCE {
                        return Err(Fault::new("BatchGetItem: too much was left out"));
                    }
                    pause().await; // DynamoDB leaves out what would be too much at once
                }
            }
        }
        Ok(items)
    }

    /// The first `most` of the items of `row` whose numbers are `within`; strongly consistent
    /// but for an index.
    pub(crate) async fn read(
        &self,
        row: &Row,
        within: RangeInclusive<u64>,
        direction: Direction,
        most: usize,
    ) -> Result<Vec<Item>, Fault> {
        let query = self
            .client
            .query()
            .table_name(self.names.of(row.table))
            .set_index_name(row.index.map(str::to_owned));
        let query = query
            .key_condition_expression("#of = :of AND sk BETWEEN :first AND :last")
            .expression_attribute_names("#of", row.attribute)
            .expression_attribute_values(":of", text(&row.value))
            .expression_attribute_values(":first", text(key::place(*within.start())))
            .expression_attribute_values(":last", text(key::place(*within.end())))
            .consistent_read(row.index.is_none())
            .scan_index_forward(direction == Direction::Up);
        up_to(query, most).await
    }

    /// The last `most` of the items that are kept under `key`, from the last to the first.
    pub(crate) async fn newest(&self, key: &Key, most: usize) -> Result<Vec<Item>, Fault> {
        let query = self.client.query().table_name(self.names.of(key.table));
        let query = query
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", text(&key.id));
        up_to(query.consistent_read(true).scan_index_forward(false), most).await
    }

    /// Some of the items of `table` whose keys begin with `prefix`, in no order: of each the
    /// attributes `only`, and after which key to go on, if there is more. Strongly consistent.
    pub(crate) async fn scan(
        &self,
        table: Table,
        prefix: &str,
        only: &[&str],
        after: Option<&str>,
    ) -> Result<(Vec<Item>, Option<String>), Fault> {
        let (names, expression) = projection(only);
        let scan = self
            .client
            .scan()
            .table_name(self.names.of(table))
            .consistent_read(true);
        let scan = scan
            .set_projection_expression(expression)
            .set_expression_attribute_names(some(names));
        let scan = scan
            .filter_expression("begins_with(pk, :prefix)")
            .expression_attribute_values(":prefix", text(prefix));
        let after = after.map(|key| Item::from([("pk".to_owned(), text(key))]));
        let read = scan
            .set_exclusive_start_key(after)
            .send()
            .await
            .map_err(|error| fault("Scan", &error))?;
        let last = read
            .last_evaluated_key
            .and_then(|key| key.get("pk")?.as_s().ok().cloned());
        Ok((read.items.unwrap_or_default(), last))
    }

    /// The items of `table` whose attribute `name` is `value`. Reads the table from end to end.
    pub(crate) async fn search(
        &self,
        table: Table,
        name: &str,
        value: &str,
    ) -> Result<Vec<Item>, Fault> {
        let scan = self
            .client
            .scan()
            .table_name(self.names.of(table))
            .consistent_read(true);
        let scan = scan
            .filter_expression("#name = :value")
            .expression_attribute_names("#name", name);
        let scan = scan.expression_attribute_values(":value", text(value));
        let found = scan
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<_>, _>>()
            .await;
        found.map_err(|error| fault("Scan", &error))
    }
}

/// The first `most` items that a query finds. No page of it reads more.
async fn up_to(query: QueryFluentBuilder, most: usize) -> Result<Vec<Item>, Fault> {
    let limit = i32::try_from(most).unwrap_or(i32::MAX);
    let mut found = query.limit(limit).into_paginator().items().send();
    let mut items = Vec::new();
    while items.len() < most
        && let Some(item) = found.next().await
    {
        items.push(item.map_err(|error| fault("Query", &error))?);
    }
    Ok(items)
}

/// The expression that reads these attributes, or all where there are none, and the names in it.
fn projection(only: &[&str]) -> (Vec<(String, String)>, Option<String>) {
    let names: Vec<_> = only
        .iter()
        .map(|name| (format!("#{name}"), (*name).to_owned()))
        .collect();
    let expression = names
        .iter()
        .map(|(name, _)| name.as_str())
        .collect::<Vec<_>>()
        .join(", ");
    (names, (!only.is_empty()).then_some(expression))
}
