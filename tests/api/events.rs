//! The sample events: each function's response to `events/<function>.json`, in one snapshot.
//!
//! Each event runs on an empty store, after its prerequisites: the events that it refers to, as in
//! `${center-login.access_token}`, and those of [`PREREQUISITES`]. `${rotation.…}` refers to a
//! pending rotation of the token key. With the environment variable `INVOKE_PORT`, which `cargo xtask events`
//! sets, `cargo lambda invoke` sends the events to functions that run already.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use local::{Cloud, Options};
use serde_json::{Value, json};
use shared::{Config, Connections};

use crate::support::{filters, local_options};

/// The events that must precede an event that refers to none of their members.
const PREREQUISITES: [(&str, &[&str]); 9] = [
    ("center-login", &["admin"]), // the administrator logs in
    ("whale-login", &["center-register"]),
    ("whale-list-users", &["user-index-sync"]), // the index has the user of the stream record
    // These show what another event has set.
    ("campus-view-profile", &["campus-change-profile"]),
    ("profile-get-user", &["center-update-me"]),
    ("center-get-me", &["center-update-me"]),
    ("whale-change-name", &["whale-change-avatar"]),
    (
        "whale-change-password",
        &["whale-change-avatar", "whale-change-name"],
    ),
    ("whale-current-user", &["profile-set-avatar"]),
];

/// The characters that a snapshot shows of a body that is not JSON. Other tests compare the pages.
const SHOWN_CHARS: usize = 100;

#[tokio::test]
async fn every_sample_event_gets_its_response() {
    let _filters = filters();
    let samples = Samples::open().await;
    let mut responses = String::new();
    for function in samples.functions() {
        samples.empty_tables().await;
        let response = Run::new(&samples).send(&function).await;
        responses.push_str(&format!("{function}\n{response:#}\n\n"));
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/api"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.add_filter(r"\b[0-9a-f]{32}\b", "[random]");
    settings.add_filter(r"sha256-[\w+/=]+", "sha256-[hash]");
    settings.add_filter(r"http://127\.0\.0\.1:\d+", "[base URL]");
    settings.bind(|| insta::assert_snapshot!("events", responses));
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("events")
}

/// Sends its sample event to each function that has permissions and made no AWS call yet. The event
/// finds empty tables.
pub async fn send_to_functions_without_calls(cloud: Arc<Cloud>) {
    let samples = Samples::running(cloud.clone());
    let calls = cloud.calls().into_iter().map(|call| call.function);
    let called: BTreeSet<String> = calls.collect();
    for function in &cloud.template().functions {
        if !called.contains(&function.name) && !function.statements.is_empty() {
            samples.empty_tables().await;
            Run::new(&samples).send(&function.name).await;
        }
    }
}

/// The functions that get the events, and their store.
struct Samples {
    cloud: Arc<Cloud>,
    operator: Connections,
    /// The port of `cargo lambda`.
    port: Option<OsString>,
}

impl Samples {
    async fn open() -> Self {
        let options = Options {
            event_sources: false, // the events have the stream records
            ..local_options()
        };
        let cloud = Cloud::start(options).await.expect("the cloud starts");
        let port = env::var_os("INVOKE_PORT");
        let operator = match &port {
            Some(_) => Connections::new(Config::from_environment()),
            None => Connections::from_variables(cloud.operator_env()),
        };
        Self {
            cloud: Arc::new(cloud),
            operator: operator.expect("an environment"),
            port,
        }
    }

    /// The functions of a running cloud.
    fn running(cloud: Arc<Cloud>) -> Self {
        let operator = Connections::from_variables(cloud.operator_env());
        Self {
            cloud,
            operator: operator.expect("an environment"),
            port: None,
        }
    }

    /// The functions that have an event, by name.
    fn functions(&self) -> Vec<String> {
        let files = fs::read_dir(folder()).expect("a folder");
        let files = files.map(|file| file.expect("a file").path());
        let events = files.filter(|file| file.extension().is_some_and(|end| end == "json"));
        let name = |file: PathBuf| file.file_stem().expect("a name").display().to_string();
        let mut names: Vec<_> = events.map(name).collect();
        names.sort();
        assert!(!names.is_empty());
        names
    }

    /// Deletes every item of every table.
    async fn empty_tables(&self) {
        let dynamodb = self.operator.clients.dynamodb();
        let tables = dynamodb.list_tables().send().await.expect("a list");
        for table in tables.table_names.unwrap_or_default() {
            let described = dynamodb.describe_table().table_name(&table).send().await;
            let described = described.expect("a description").table.expect("a table");
            let schema = described.key_schema.expect("a key schema");
            let items = dynamodb.scan().table_name(&table).into_paginator().items();
            let items: Vec<_> = items.send().collect().await;
            for item in items {
                let item = item.expect("an item");
                let value = |name: &str| (name.to_owned(), item[name].clone());
                let key = schema
                    .iter()
                    .map(|key| value(&key.attribute_name))
                    .collect();
                let delete = dynamodb.delete_item().table_name(&table);
                delete.set_key(Some(key)).send().await.expect("a deletion");
            }
        }
    }

    async fn invoke(&self, function: &str, event: &Value) -> Value {
        match &self.port {
            Some(port) => invoke_by_cargo_lambda(function, event, port),
            None => {
                let response = self.cloud.invoke(function, event).await;
                response.unwrap_or_else(|error| panic!("{function}: {error:#}"))
            }
        }
    }

    /// Stores a pending version of the token key, and returns the members of its rotation event.
    async fn begin_rotation(&self) -> Value {
        let key = self
            .operator
            .config
            .required("TOKEN_KEY")
            .expect("the key's id");
        let version = "01941234-5678-4abc-8def-0123456789ab";
        let put = self.operator.clients.secrets_manager().put_secret_value();
        let put = put
            .secret_id(&key)
            .client_request_token(version)
            .secret_string("0123456789".repeat(4))
            .version_stages("AWSPENDING");
        put.send().await.expect("a version");
        json!({ "SecretId": key, "ClientRequestToken": version })
    }
}

/// One event with its prerequisites.
struct Run<'a> {
    samples: &'a Samples,
    /// The body of each response so far, by function.
    bodies: BTreeMap<String, Value>,
}

impl<'a> Run<'a> {
    fn new(samples: &'a Samples) -> Self {
        Self {
            samples,
            bodies: BTreeMap::new(),
        }
    }

    /// Sends the event of `function` after its prerequisites, and returns the response.
    async fn send(&mut self, function: &str) -> Value {
        let listed = PREREQUISITES.iter().find(|(name, _)| *name == function);
        for prerequisite in listed.map_or(&[][..], |(_, events)| events) {
            self.require(prerequisite).await;
        }
        let event = self.event(function).await;
        let mut response = self.samples.invoke(function, &event).await;
        if let Some(body) = response.get("body").and_then(Value::as_str) {
            response["body"] = shown(body);
        }
        let body = response.get("body").unwrap_or(&response).clone();
        self.bodies.insert(function.to_owned(), body);
        response
    }

    /// Sends the event of `name` unless that is done.
    async fn require(&mut self, name: &str) {
        if self.bodies.contains_key(name) {
            return;
        }
        match name {
            "rotation" => {
                let rotation = self.samples.begin_rotation().await;
                self.bodies.insert(name.to_owned(), rotation);
            }
            function => {
                Box::pin(self.send(function)).await;
            }
        }
    }

    /// The event of `function`, with the members of other responses that it refers to.
    async fn event(&mut self, function: &str) -> Value {
        let file = folder().join(format!("{function}.json"));
        let mut text = fs::read_to_string(file).expect("an event");
        while let Some((before, after)) = text.split_once("${") {
            let (reference, after) = after.split_once('}').expect("an end");
            let (other, members) = reference.split_once('.').expect("a function and a member");
            self.require(other).await;
            let value = members
                .split('.')
                .fold(&self.bodies[other], |value, member| {
                    match (value, member.parse::<usize>()) {
                        (Value::Array(items), Ok(index)) => &items[index],
                        _ => &value[member],
                    }
                });
            assert!(!value.is_null(), "{function}.json: no {reference}");
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            text = format!("{before}{value}{after}");
        }
        serde_json::from_str(&text).expect("JSON")
    }
}

/// The body as JSON, or its beginning.
fn shown(body: &str) -> Value {
    let beginning = || format!("{}…", body.chars().take(SHOWN_CHARS).collect::<String>());
    serde_json::from_str(body).unwrap_or_else(|_| json!(beginning()))
}

fn invoke_by_cargo_lambda(function: &str, event: &Value, port: &OsStr) -> Value {
    let mut invoke = Command::new("cargo");
    invoke.args(["lambda", "invoke", function]);
    invoke.args(["--invoke-address", "127.0.0.1", "--invoke-port"]);
    invoke.arg(port).arg("--data-ascii").arg(event.to_string());
    let output = invoke.output().expect("cargo");
    let (response, errors) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{function}: {errors}");
    serde_json::from_str(&response).unwrap_or_else(|_| panic!("{function}: {response}{errors}"))
}
