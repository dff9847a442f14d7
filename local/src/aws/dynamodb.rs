//! DynamoDB, emulated by `dynoxide` on SQLite, in memory or in a file.

mod permissions;
mod stream;
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

use super::request::AwsRequest;
use crate::{
    server::{ConnectionClosed, HttpResponse, bind, response},
    template::Table,
};
pub(super) use permissions::required_permissions;
use stream::Streams;
pub(crate) use stream::{Record, Stream};

/// Response extension: number of items that a request read.
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
    /// Opens the database and creates the tables that do not exist yet.
    pub(super) async fn start(tables: &[Table], data: Option<&Path>) -> Result<DynamoDb> {
        let location = match data {
            Some(data) => data.join("dynamodb.sqlite").to_string_lossy().into_owned(),
            None => new_memory_location(),
        };
        let database = Database::new(&location).context("opening the database")?;
        create_stream_index(&location).context("creating the index of the streams")?;
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
                .context("creating an HTTP client")?,
            server: tokio::spawn(server).abort_handle(),
            streams: Streams::new(database.clone()),
            database,
        };
        dynamodb.create_tables(tables)?;
        Ok(dynamodb)
    }

    /// Creates missing tables, and missing streams of existing ones.
    pub(super) fn create_tables(&self, tables: &[Table]) -> Result<()> {
        for table in tables {
            table::create(&self.database, table)?;
        }
        self.streams.add(tables);
        Ok(())
    }

    /// Names of the tables whose schema differs from that of a new table.
    pub(super) fn drift(&self, tables: &[Table]) -> Result<Vec<String>> {
        let fresh = Database::memory()?;
        let mut drifted = Vec::new();
        for table in tables {
            table::create(&fresh, table)?;
            let name = &table.name;
            if table::schema(&self.database, name)? != table::schema(&fresh, name)? {
                drifted.push(name.clone());
            }
        }
        Ok(drifted)
    }

    pub(super) async fn serve(
        &self,
        request: AwsRequest,
    ) -> Result<HttpResponse, ConnectionClosed> {
        let mut head = request.head;
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        head.uri = format!("http://{}{path}", self.address)
            .parse()
            .map_err(|_| ConnectionClosed)?;
        let forwarded = http::Request::from_parts(head, request.body)
            .try_into()
            .map_err(|_| ConnectionClosed)?;
        let response = self
            .client
            .execute(forwarded)
            .await
            .map_err(|_| ConnectionClosed)?;
        let (head, body) = http::Response::from(response).into_parts();
        let body = body
            .collect()
            .await
            .map_err(|_| ConnectionClosed)?
            .to_bytes();
        self.streams
            .notify(&request.operation, &request.permissions);
        let items_read = items_read(&request.operation, &body);
        let mut response = http::Response::from_parts(head, Full::new(body));
        response.extensions_mut().insert(items_read);
        Ok(response)
    }

    /// The stream with this ARN, of the table with this name.
    pub(super) fn stream(&self, table: &str, arn: &str) -> Stream {
        self.streams.open(table, arn)
    }
}

impl Drop for DynamoDb {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Checks that each of these tables can be created. Creates none.
pub(super) fn check(tables: &[Table]) -> Result<()> {
    let trial = Database::memory()?;
    tables
        .iter()
        .try_for_each(|table| table::create(&trial, table))
}

/// Location of a new database in memory that connections can share.
fn new_memory_location() -> String {
    static OPENED: AtomicU64 = AtomicU64::new(0);
    format!(
        "file:dynamodb-{}?mode=memory&cache=shared",
        OPENED.fetch_add(1, Ordering::Relaxed)
    )
}

/// Creates an index of stream records.
///
/// Without it, each write to a table with a stream scans all records of that stream, and so does
/// each read of the stream.
fn create_stream_index(location: &str) -> rusqlite::Result<()> {
    rusqlite::Connection::open(location)?.execute_batch(
        "CREATE INDEX IF NOT EXISTS stream_records_in_order
         ON _stream_records (table_name, CAST(sequence_number AS INTEGER))",
    )
}

/// Number of items that an operation read, before any filter.
fn items_read(operation: &str, body: &[u8]) -> ItemsRead {
    let body = || serde_json::from_slice::<Json>(body).unwrap_or_default();
    ItemsRead(match operation {
        "GetItem" => body()["Item"].is_object().into(),
        "Query" | "Scan" => body()["ScannedCount"].as_u64().unwrap_or_default(),
        "BatchGetItem" => {
            let tables = body()["Responses"].as_object().cloned().unwrap_or_default();
            tables
                .values()
                .filter_map(Json::as_array)
                .map(|items| items.len() as u64)
                .sum()
        }
        _ => 0,
    })
}

/// The response to a cancelled transaction.
pub(super) fn transaction_cancelled(reasons: &[String]) -> HttpResponse {
    let reason = |code: &String| match code.as_str() {
        "None" => json!({ "Code": "None" }),
        code => json!({ "Code": code, "Message": format!("injected {code}") }),
    };
    let body = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": format!(
            "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
            reasons.join(", ")
        ),
        "CancellationReasons": reasons.iter().map(reason).collect::<Vec<_>>(),
    });
    response(400, "application/x-amz-json-1.0", body.to_string())
}
