//! The sample events, each with the answer beside it: `events/center-login.json` gets
//! `events/center-login.snap`, from the real binary, on a store that only the events fill.
//!
//! They are invoked in the order of their names, but for what one takes from another:
//! `${center-login.access_token}` is that member of the other's answer, which so comes before.
//! `${rotation.…}` is of a rotation of the token key that has begun.
//! `.ci/invoke` runs the same test with `cargo lambda invoke`.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use local::{Cloud, Options};
use serde_json::{Value, json};
use shared::Env;

use crate::world::filters;

/// How much is shown of a body that is no JSON: a page has tests of its own.
const SHOWN: usize = 100;

#[tokio::test]
async fn every_event_gets_the_answer_beside_it() {
    let _filters = filters();
    let options = Options {
        template: folder().with_file_name("template.yaml"),
        binaries: Path::new(env!("CARGO_BIN_EXE_unrouted")).with_file_name(""),
        streams: false, // a stream's event is sent here as all others are
        ..Options::default()
    };
    let cloud = Cloud::start(options).await.expect("the cloud starts");
    let mut story = Story {
        cloud,
        bodies: BTreeMap::new(),
    };
    let files = fs::read_dir(folder())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path());
    let events = files.filter(|file| file.extension().is_some_and(|ending| ending == "json"));
    let mut names: Vec<_> = events
        .map(|file| {
            file.file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    assert!(!names.is_empty());
    for name in names {
        story.invoke(&name).await;
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("events")
}

struct Story {
    cloud: Cloud,
    /// The body of each answer so far, by the name of the event.
    bodies: BTreeMap<String, Value>,
}

impl Story {
    /// Invokes the function of this name with its event, unless it was already.
    async fn invoke(&mut self, name: &str) {
        if self.bodies.contains_key(name) {
            return;
        }
        if name == "rotation" {
            let rotation = self.rotation().await;
            self.bodies.insert(name.to_owned(), rotation);
            return;
        }
        let event = self.filled(name).await;
        let mut answer = match env::var_os("INVOKE_PORT") {
            Some(port) => by_cargo_lambda(name, &event, &port),
            None => self
                .cloud
                .invoke(name, &event)
                .await
                .unwrap_or_else(|error| panic!("{name}: {error:#}")),
        };
        if let Some(body) = answer.get("body").and_then(Value::as_str) {
            answer["body"] = shown(body);
        }
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(folder());
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.add_filter(r"\b[0-9a-f]{32}\b", "[random]");
        settings.add_filter(r"sha256-[\w+/=]+", "sha256-[hash]");
        settings.add_filter(r"http://127\.0\.0\.1:\d+", "[here]");
        settings.bind(|| insta::assert_snapshot!(name, format!("{answer:#}")));
        let body = answer.get("body").unwrap_or(&answer).clone();
        self.bodies.insert(name.to_owned(), body);
    }

    /// Gives the token key a version to come: what Secrets Manager tells the rotator of it.
    async fn rotation(&self) -> Value {
        let operator = match env::var_os("INVOKE_PORT") {
            Some(_) => Env::load(),
            None => Env::of(self.cloud.operator()),
        };
        let operator = operator.expect("an environment");
        let (key, version) = (
            operator.text("TOKEN_KEY").expect("its id"),
            "01941234-5678-4abc-8def-0123456789ab",
        );
        let put = operator
            .secrets_manager()
            .put_secret_value()
            .secret_id(&key)
            .client_request_token(version);
        let put = put
            .secret_string("0123456789".repeat(4))
            .version_stages("AWSPENDING")
            .send()
            .await;
        put.expect("a version");
        json!({ "SecretId": key, "ClientRequestToken": version })
    }

    /// The event, with what it takes from others.
    async fn filled(&mut self, name: &str) -> Value {
        let mut text = fs::read_to_string(folder().join(format!("{name}.json"))).expect("an event");
        while let Some((before, after)) = text.split_once("${") {
            let (place, after) = after.split_once('}').expect("an end");
            let (other, members) = place.split_once('.').expect("an event and a member");
            Box::pin(self.invoke(other)).await;
            let found = members
                .split('.')
                .fold(&self.bodies[other], |value, member| &value[member]);
            assert!(!found.is_null(), "{name}: no {place}");
            let found = found
                .as_str()
                .map_or_else(|| found.to_string(), str::to_owned);
            text = format!("{before}{found}{after}");
        }
        serde_json::from_str(&text).expect("JSON")
    }
}

/// The body as JSON, or how it begins.
fn shown(body: &str) -> Value {
    let beginning = || format!("{}…", body.chars().take(SHOWN).collect::<String>());
    serde_json::from_str(body).unwrap_or_else(|_| json!(beginning()))
}

fn by_cargo_lambda(name: &str, event: &Value, port: &OsStr) -> Value {
    let mut invoke = Command::new("cargo");
    invoke
        .args([
            "lambda",
            "invoke",
            name,
            "--invoke-address",
            "127.0.0.1",
            "--invoke-port",
        ])
        .arg(port);
    let invoked = invoke
        .arg("--data-ascii")
        .arg(event.to_string())
        .output()
        .expect("cargo");
    let (answer, said) = (
        String::from_utf8_lossy(&invoked.stdout),
        String::from_utf8_lossy(&invoked.stderr),
    );
    assert!(invoked.status.success(), "{name}: {said}");
    serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{name}: {answer}{said}"))
}
