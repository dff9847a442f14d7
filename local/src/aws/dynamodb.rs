//! DynamoDB, played by `dynoxide`: on SQLite, in memory or in a file.

mod table;

use std::{
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use anyhow::{Context, Result};
use dynoxide::Database;
use http_body_util::{BodyExt, Full};
use reqwest::Client;
use serde_json::{Value as Json, json};
use tokio::task::AbortHandle;

use super::{
    request::Call,
    stream::{Stream, Streams},
};
use crate::{
    server::{Answer, Broken, answer, bind},
    template::Table,
};

/// How many items a call read: goes with its answer.
#[derive(Clone)]
pub(super) struct ItemsRead(pub(super) u64);

/// The running database.
pub(super) struct DynamoDb {
    database: Database,
    address: String,
    client: Client,
    server: AbortHandle,
    streams: Streams,
}

impl DynamoDb {
    /// Opens the database and makes the tables that are not there yet.
    pub(super) async fn start(tables: &[Table], data: Option<&Path>) -> Result<DynamoDb> {
        let place = match data {
            Some(data) => data.join("dynamodb.sqlite").to_string_lossy().into_owned(),
            None => memory(),
        };
        let database = Database::new(&place).context("opening the database")?;
        index_streams(&place).context("indexing the streams")?;
        let (listener, port) = bind(0).await?;
        let server = dynoxide::server::serve_with_shutdown(
            listener,
            database.clone(),
            std::future::pending(),
        );
        let dynamodb = DynamoDb {
            address: format!("127.0.0.1:{port}"),
            client: Client::builder()
                .no_proxy()
                .build()
                .context("making a client")?,
            server: tokio::spawn(server).abort_handle(),
            streams: Streams::new(database.clone()),
            database,
        };
        dynamodb.adopt(tables)?;
        Ok(dynamodb)
    }

    /// Makes none of these tables, but fails where one that is not there yet cannot be made.
    pub(super) fn prepare(&self, tables: &[Table]) -> Result<()> {
        let trial = Database::memory()?;
        for table in tables {
            if self.database.get_table_metadata(&table.name)?.is_none() {
                table::make(&trial, table)
                    .with_context(|| format!("making the table {}", table.name))?;
            }
        }
        Ok(())
    }

    /// The names of the tables that are there, but are not what these would be if they were new.
    pub(super) fn differing(&self, tables: &[Table]) -> Result<Vec<String>> {
        let trial = Database::memory()?;
        let mut differing = Vec::new();
        for table in tables {
            table::make(&trial, table)
                .with_context(|| format!("making the table {}", table.name))?;
            if table::shape(&self.database, table)? != table::shape(&trial, table)? {
                differing.push(table.name.clone());
            }
        }
        Ok(differing)
    }

    /// Makes the tables that are not there yet, and gives those that are the streams that they lack.
    pub(super) fn adopt(&self, tables: &[Table]) -> Result<()> {
        for table in tables {
            table::make(&self.database, table)
                .with_context(|| format!("making the table {}", table.name))?;
        }
        self.streams.adopt(tables);
        Ok(())
    }

    pub(super) async fn serve(&self, call: Call) -> Result<Answer, Broken> {
        let mut head = call.head;
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        head.uri = format!("http://{}{path}", self.address)
            .parse()
            .map_err(|_| Broken)?;
        let request = http::Request::from_parts(head, call.body)
            .try_into()
            .map_err(|_| Broken)?;
        let answer = self.client.execute(request).await.map_err(|_| Broken)?;
        let (head, body) = http::Response::from(answer).into_parts();
        let body = body.collect().await.map_err(|_| Broken)?.to_bytes();
        self.streams.called(&call.operation, &call.needs);
        let read = items_read(&call.operation, &body);
        let mut answer = http::Response::from_parts(head, Full::new(body));
        answer.extensions_mut().insert(read);
        Ok(answer)
    }

    /// The stream with this ARN, of the table with this name.
    pub(super) fn stream(&self, table: &str, arn: &str) -> Stream {
        self.streams.follow(table, arn)
    }
}

impl Drop for DynamoDb {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// The name of a database in memory that no other has: one that a second connection can open.
fn memory() -> String {
    static OPENED: AtomicU64 = AtomicU64::new(0);
    format!(
        "file:dynamodb-{}?mode=memory&cache=shared",
        OPENED.fetch_add(1, Ordering::Relaxed)
    )
}

/// Without an index, every write to a table with a stream looks at every record that the stream
/// ever had, and so does every read of the stream.
fn index_streams(place: &str) -> rusqlite::Result<()> {
    rusqlite::Connection::open(place)?.execute_batch(
        "CREATE INDEX IF NOT EXISTS stream_records_in_order
         ON _stream_records (table_name, CAST(sequence_number AS INTEGER))",
    )
}

/// How many items an operation read, by its answer: also those that a filter left out.
fn items_read(operation: &str, answer: &[u8]) -> ItemsRead {
    let answer = || serde_json::from_slice::<Json>(answer).unwrap_or_default();
    ItemsRead(match operation {
        "GetItem" => answer()["Item"].is_object().into(),
        "Query" | "Scan" => answer()["ScannedCount"].as_u64().unwrap_or_default(),
        "BatchGetItem" => {
            let tables = answer()["Responses"]
                .as_object()
                .cloned()
                .unwrap_or_default();
            tables
                .values()
                .filter_map(Json::as_array)
                .map(|items| items.len() as u64)
                .sum()
        }
        _ => 0,
    })
}

/// The answer to a cancelled transaction.
pub(super) fn cancelled(reasons: &[String]) -> Answer {
    let reason = |code: &String| match code.as_str() {
        "None" => json!({ "Code": "None" }),
        code => json!({ "Code": code, "Message": format!("{code} on demand") }),
    };
    let body = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": format!(
            "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
            reasons.join(", ")
        ),
        "CancellationReasons": reasons.iter().map(reason).collect::<Vec<_>>(),
    });
    answer(400, "application/x-amz-json-1.0", body.to_string())
}
