//! The streams of the tables: what was written, in order, and word of every further write.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use anyhow::{Context, Result};
use dynoxide::{Database, streams::shard_id};
use serde_json::{Value as Json, json};
use tokio::sync::watch;

use super::request::Need;
use crate::{REGION, Table, template::table_arn};

/// Operations that begin like this write nothing.
const READS: [&str; 7] = [
    "BatchGet",
    "Describe",
    "Get",
    "List",
    "Query",
    "Scan",
    "TransactGet",
];

/// The streams of all tables that have one.
pub(super) struct Streams {
    database: Database,
    /// Who follows which table, by its ARN.
    followed: Mutex<BTreeMap<String, watch::Sender<()>>>,
}

impl Streams {
    pub(super) fn new(database: Database) -> Streams {
        Streams {
            database,
            followed: Mutex::default(),
        }
    }

    /// Lets the streams of these tables be followed, too.
    pub(super) fn adopt(&self, tables: &[Table]) {
        for table in tables.iter().filter(|table| table.stream.is_some()) {
            self.followed().entry(table_arn(&table.name)).or_default();
        }
    }

    /// Says to whoever follows a table that it may have been written to, after this operation.
    pub(super) fn called(&self, operation: &str, needs: &[Need]) {
        if READS.iter().any(|read| operation.starts_with(read)) {
            return;
        }
        for (table, followers) in &*self.followed() {
            if needs
                .iter()
                .any(|need| need.resource == *table || need.resource == "*")
            {
                followers.send_replace(());
            }
        }
    }

    pub(super) fn follow(&self, table: &str, arn: &str) -> Stream {
        let written = match self.followed().get(&table_arn(table)) {
            Some(followers) => followers.subscribe(),
            None => watch::Sender::new(()).subscribe(),
        };
        Stream {
            database: self.database.clone(),
            arn: arn.to_owned(),
            shard: shard_id(table),
            written,
        }
    }

    fn followed(&self) -> MutexGuard<'_, BTreeMap<String, watch::Sender<()>>> {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The stream of one table. It has one shard, for ever.
#[derive(Clone)]
pub(crate) struct Stream {
    database: Database,
    arn: String,
    /// The name of the shard.
    pub(crate) shard: String,
    /// Changes after every write.
    pub(crate) written: watch::Receiver<()>,
}

/// One record of a stream.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Record {
    /// Its place: 21 digits, so that their order as text is the order of the writes.
    pub(crate) sequence: String,
    /// When it was written, in seconds since 1970.
    pub(crate) at: i64,
    /// What a function gets to see of it.
    pub(crate) shown: Json,
}

impl Stream {
    /// The next records after the one at `after`, or from the first on if that is empty; as
    /// many as `limit`, and 1000 at most.
    pub(crate) fn read(&self, after: &str, limit: usize) -> Result<Vec<Record>> {
        let mut from = json!({ "StreamArn": self.arn, "ShardId": self.shard });
        match after.is_empty() {
            true => from["ShardIteratorType"] = json!("TRIM_HORIZON"),
            false => {
                from["ShardIteratorType"] = json!("AFTER_SEQUENCE_NUMBER");
                from["SequenceNumber"] = json!(after);
            }
        }
        let iterator = self
            .database
            .get_shard_iterator(serde_json::from_value(from)?)?;
        let from = json!({ "ShardIterator": iterator.shard_iterator, "Limit": limit });
        let read = self.database.get_records(serde_json::from_value(from)?)?;
        read.records
            .into_iter()
            .map(|record| self.record(&record))
            .collect()
    }

    fn record(&self, record: &dynoxide::actions::get_records::Record) -> Result<Record> {
        let mut shown = serde_json::to_value(record).context("a record of a stream")?;
        shown["awsRegion"] = json!(REGION);
        shown["eventSourceARN"] = json!(self.arn);
        let sequence = record.dynamodb.sequence_number.clone();
        Ok(Record {
            sequence,
            at: record.dynamodb.approximate_creation_date_time as i64,
            shown,
        })
    }

    /// The place of the last record so far; empty if there is none.
    pub(crate) fn end(&self) -> Result<String> {
        let stream = self
            .database
            .describe_stream(serde_json::from_value(json!({ "StreamArn": self.arn }))?)?;
        let shard = stream.stream_description.shards.into_iter().next();
        Ok(shard
            .and_then(|shard| shard.sequence_number_range.ending_sequence_number)
            .unwrap_or_default())
    }
}
