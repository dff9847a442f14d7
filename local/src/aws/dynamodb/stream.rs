//! Streams of tables, with notification of writes.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use anyhow::{Context, Result};
use dynoxide::{Database, streams::shard_id};
use serde_json::{Value as Json, json};
use tokio::sync::watch;

use crate::{
    aws::request::RequiredPermission,
    template::{REGION, Table, table_arn},
};

/// Prefixes of the operations that write nothing.
const READ_PREFIXES: [&str; 7] = [
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
    /// Notifies the readers of a table's stream, by the table's ARN.
    writes: Mutex<BTreeMap<String, watch::Sender<()>>>,
}

impl Streams {
    pub(super) fn new(database: Database) -> Streams {
        Streams {
            database,
            writes: Mutex::default(),
        }
    }

    /// Adds the streams of these tables.
    pub(super) fn add(&self, tables: &[Table]) {
        for table in tables.iter().filter(|table| table.stream.is_some()) {
            self.writes().entry(table_arn(&table.name)).or_default();
        }
    }

    /// Notifies readers of tables that a request may have written to.
    pub(super) fn notify(&self, operation: &str, permissions: &[RequiredPermission]) {
        if READ_PREFIXES
            .iter()
            .any(|prefix| operation.starts_with(prefix))
        {
            return;
        }
        for (table, readers) in &*self.writes() {
            if permissions
                .iter()
                .any(|permission| permission.resource == *table || permission.resource == "*")
            {
                readers.send_replace(());
            }
        }
    }

    pub(super) fn open(&self, table: &str, arn: &str) -> Stream {
        let written = match self.writes().get(&table_arn(table)) {
            Some(readers) => readers.subscribe(),
            None => watch::Sender::new(()).subscribe(),
        };
        Stream {
            database: self.database.clone(),
            arn: arn.to_owned(),
            shard: shard_id(table),
            written,
        }
    }

    fn writes(&self) -> MutexGuard<'_, BTreeMap<String, watch::Sender<()>>> {
        self.writes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The stream of one table. It has one shard.
#[derive(Clone)]
pub(crate) struct Stream {
    database: Database,
    arn: String,
    /// Id of the shard.
    pub(crate) shard: String,
    /// Changes after every write. Closed when the database ends.
    pub(crate) written: watch::Receiver<()>,
}

/// A record of a stream.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Record {
    /// Sequence number: 21 digits, so that the order as text is the order of the writes.
    pub(crate) sequence: String,
    /// Time of the write, in seconds since 1970.
    pub(crate) at: i64,
    /// The record in the format of a Lambda event.
    pub(crate) event: Json,
}

impl Stream {
    /// Reads up to `limit` records (at most 1000) after a sequence number. An empty one reads from
    /// the first record on.
    pub(crate) fn read(&self, after: &str, limit: usize) -> Result<Vec<Record>> {
        let mut request = json!({ "StreamArn": self.arn, "ShardId": self.shard });
        match after.is_empty() {
            true => request["ShardIteratorType"] = json!("TRIM_HORIZON"),
            false => {
                request["ShardIteratorType"] = json!("AFTER_SEQUENCE_NUMBER");
                request["SequenceNumber"] = json!(after);
            }
        }
        let iterator = self
            .database
            .get_shard_iterator(serde_json::from_value(request)?)?;
        let request = json!({ "ShardIterator": iterator.shard_iterator, "Limit": limit });
        let response = self
            .database
            .get_records(serde_json::from_value(request)?)?;
        response
            .records
            .into_iter()
            .map(|record| self.record(&record))
            .collect()
    }

    fn record(&self, record: &dynoxide::actions::get_records::Record) -> Result<Record> {
        let mut event = serde_json::to_value(record).context("serializing a stream record")?;
        event["awsRegion"] = json!(REGION);
        event["eventSourceARN"] = json!(self.arn);
        Ok(Record {
            sequence: record.dynamodb.sequence_number.clone(),
            at: record.dynamodb.approximate_creation_date_time as i64,
            event,
        })
    }

    /// Sequence number of the last record; empty if there is none.
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
