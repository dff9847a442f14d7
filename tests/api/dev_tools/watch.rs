//! `--watch`: reload of functions and template, in a workspace whose `cargo` only links binaries.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use aws_sdk_dynamodb::types::AttributeValue;
use local::{Cloud, Effect, Hold, Options, Watch, Workspace};
use serde_json::json;
use shared::Connections;
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::support::{fault, in_time, local_options, no_proxy_client, registration};

/// A replacement for cargo, with the same messages. `functions/one.rs` holds the name of the real
/// binary that it links as `one`.
const CARGO: &str = r#"#!/bin/sh
echo once more >> builds
mkdir -p target/debug
for source in functions/*.rs; do
    name=$(basename "$source" .rs)
    rm -f "target/debug/$name"
    ln "BINARIES/$(cat "$source")" "target/debug/$name" || exit 101
    echo '{"reason":"compiler-artifact","executable":"'"$PWD/target/debug/$name"'"}'
done
"#;

const TEMPLATE: &str = "
Resources:
  One:
    Type: AWS::Serverless::Function
    Metadata: { BuildProperties: { Binary: one } }
    Properties:
      Events: { Route: { Type: HttpApi, Properties: { Method: GET, Path: /one } } }
  Two:
    Type: AWS::Serverless::Function
    Metadata: { BuildProperties: { Binary: two } }
    Properties:
      Events: { Route: { Type: HttpApi, Properties: { Method: GET, Path: /two } } }
  Notes:
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions: [{ AttributeName: pk, AttributeType: S }]
      KeySchema: [{ AttributeName: pk, KeyType: HASH }]
";

/// A function that responds 200 without AWS calls.
const PAGE: &str = "pages-verify-email";
/// A function that responds 405 without AWS calls.
const NOTHING: &str = "fallback";

/// A source that does not compile.
const BROKEN: &str = "what-does-not-compile";

/// A cloud that reloads its workspace.
struct Watched {
    folder: TempDir,
    url: String,
    operator: BTreeMap<String, String>,
    messages: UnboundedReceiver<String>,
}

impl Watched {
    /// Starts a cloud whose two functions respond 405.
    async fn begin() -> Watched {
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
        let root = folder.path();
        fs::create_dir(root.join("functions")).expect("a directory");
        fs::write(root.join("template.yaml"), TEMPLATE).expect("a file");
        let binaries = local_options().binaries;
        let cargo = root.join("cargo");
        fs::write(
            &cargo,
            CARGO.replace("BINARIES", &binaries.to_string_lossy()),
        )
        .expect("a file");
        fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).expect("permissions");
        save(root, &[("one", NOTHING), ("two", NOTHING)]);

        let target = root.join("target");
        let workspace = Workspace {
            root: root.to_owned(),
            cargo,
            target,
            packages: vec!["accounts".to_owned()],
            sources: vec!["functions".into()],
            release: false,
        };
        let template = workspace.template();
        let watch = Watch::start(workspace).await.expect("a first build");
        let options = Options {
            template,
            binaries: watch.binaries(),
            ..Options::default()
        };
        let mut cloud = Cloud::start(options).await.expect("the cloud starts");
        let (url, operator) = (cloud.url(), cloud.operator_env());
        let (sender, messages) = unbounded_channel();
        tokio::spawn(async move {
            watch
                .run(&mut cloud, |line| sender.send(line).expect("a receiver"))
                .await
        });
        Watched {
            folder,
            url,
            operator,
            messages,
        }
    }

    /// The next message to the developer.
    async fn message(&mut self) -> String {
        let message = in_time("a message", self.messages.recv()).await;
        message.expect("a message")
    }

    async fn status(&self, path: &str) -> u16 {
        let http = no_proxy_client();
        http.get(format!("{}{path}", self.url))
            .send()
            .await
            .expect("a response")
            .status()
            .as_u16()
    }

    fn save(&self, functions: &[(&str, &str)]) {
        save(self.folder.path(), functions);
    }

    fn save_template(&self, text: &str) {
        put(self.folder.path(), "template.yaml", text);
    }

    fn builds(&self) -> usize {
        fs::read_to_string(self.folder.path().join("builds"))
            .expect("a text")
            .lines()
            .count()
    }

    /// The next `many` functions that are reported as rebuilt. Files that are saved together may be
    /// built one after the other, with errors in between.
    async fn rebuilt(&mut self, many: usize) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        while names.len() < many {
            let message = self.message().await;
            if message.starts_with("error: ") {
                continue;
            }
            let rest = message
                .strip_prefix("rebuilt in ")
                .and_then(|rest| rest.split_once(" s: "));
            let (_, named) = rest.unwrap_or_else(|| panic!("{message}"));
            names.extend(named.split(", ").map(str::to_owned));
        }
        names
    }

    /// The messages until this function is rebuilt, without errors.
    async fn settled(&mut self, function: &str) -> Vec<String> {
        let mut messages = Vec::new();
        while !messages
            .last()
            .is_some_and(|line: &String| line.ends_with(&format!(" s: {function}")))
        {
            messages.extend(Some(self.message().await).filter(|line| !line.starts_with("error: ")));
        }
        messages
    }

    /// The names of all tables.
    async fn tables(&self) -> Vec<String> {
        let listed = dynamodb(self.operator.clone()).list_tables().send().await;
        listed.expect("a list").table_names.unwrap_or_default()
    }
}

fn save(root: &Path, functions: &[(&str, &str)]) {
    for (name, binary) in functions {
        put(root, &format!("functions/{name}.rs"), binary);
    }
}

/// Writes a file and renames it, so that no build reads half of it.
fn put(root: &Path, file: &str, text: &str) {
    let aside = root.join("aside");
    fs::write(&aside, text).expect("a file");
    fs::rename(aside, root.join(file)).expect("a rename");
}

fn dynamodb(variables: BTreeMap<String, String>) -> aws_sdk_dynamodb::Client {
    Connections::from_variables(variables)
        .expect("an environment")
        .clients
        .dynamodb()
}

#[tokio::test]
async fn a_saved_file_restarts_only_the_functions_that_changed() {
    let mut watched = Watched::begin().await;
    assert_eq!(
        (watched.status("/one").await, watched.status("/two").await),
        (405, 405)
    );

    watched.save(&[("one", PAGE)]);
    let message = watched.message().await;
    assert!(
        message.starts_with("rebuilt in ") && message.ends_with(" s: one"),
        "{message}"
    );
    assert_eq!(
        (watched.status("/one").await, watched.status("/two").await),
        (200, 405)
    );

    watched.save(&[("one", NOTHING), ("two", PAGE)]);
    assert_eq!(
        watched.rebuilt(2).await,
        ["one".to_owned(), "two".to_owned()].into()
    );
    assert_eq!(
        (watched.status("/one").await, watched.status("/two").await),
        (405, 200)
    );
}

#[tokio::test]
async fn a_failed_build_changes_nothing_until_it_is_fixed() {
    let mut watched = Watched::begin().await;
    watched.save(&[("two", BROKEN), ("one", PAGE)]);
    assert_eq!(
        watched.message().await,
        "error: the functions do not build; the previous version still runs"
    );
    // Neither function has an instance yet. New instances also run the previous build.
    assert_eq!(
        (watched.status("/one").await, watched.status("/two").await),
        (405, 405)
    );

    watched.save(&[("two", PAGE)]);
    assert_eq!(
        watched.rebuilt(2).await,
        ["one".to_owned(), "two".to_owned()].into()
    );
    assert_eq!(
        (watched.status("/one").await, watched.status("/two").await),
        (200, 200)
    );
}

#[tokio::test]
async fn a_reload_needs_both_the_build_and_the_template_to_be_valid() {
    let mut watched = Watched::begin().await;
    let error = "error: the functions do not build; the previous version still runs";
    watched.save(&[("one", BROKEN)]);
    assert_eq!(watched.message().await, error);
    watched.save_template(&TEMPLATE.replace("Path: /one", "Path: /first"));
    assert_eq!(watched.message().await, error);
    assert_eq!(
        (watched.status("/one").await, watched.status("/first").await),
        (405, 404)
    );
    watched.save(&[("one", PAGE)]);
    assert_eq!(watched.settled("one").await[0], "reloaded template.yaml");
    assert_eq!(
        (watched.status("/one").await, watched.status("/first").await),
        (404, 200)
    );

    watched.save_template(&TEMPLATE.replace("Path: /one", "Path: !ImportValue elsewhere"));
    assert!(watched.message().await.starts_with("error: in "));
    watched.save(&[("one", NOTHING)]);
    assert!(watched.message().await.starts_with("error: in "));
    assert_eq!(
        (watched.status("/one").await, watched.status("/first").await),
        (404, 200)
    );
    watched.save_template(TEMPLATE);
    assert_eq!(watched.settled("one").await[0], "reloaded template.yaml");
    assert_eq!(
        (watched.status("/one").await, watched.status("/first").await),
        (405, 404)
    );
}

#[tokio::test]
async fn a_replaced_folder_is_watched_and_editor_files_are_ignored() {
    let mut watched = Watched::begin().await;
    let functions = watched.folder.path().join("functions");
    fs::rename(&functions, watched.folder.path().join("former")).expect("a rename");
    fs::create_dir(&functions).expect("a directory");
    watched.save(&[("one", NOTHING), ("two", PAGE)]);
    assert_eq!(watched.rebuilt(1).await, ["two".to_owned()].into());

    watched.save(&[("one", PAGE)]);
    assert_eq!(watched.rebuilt(1).await, ["one".to_owned()].into());
    let builds = watched.builds();
    for name in [".one.rs.swp", ".#one.rs", "#one.rs#", "one.rs~"] {
        put(watched.folder.path(), &format!("functions/{name}"), BROKEN);
    }
    // The message about a later change shows that those files were seen.
    watched.save_template(&TEMPLATE.replace("Path: /one", "Path: /first"));
    assert_eq!(watched.message().await, "reloaded template.yaml");
    assert_eq!(watched.builds(), builds);
}

#[tokio::test]
async fn a_saved_template_is_applied_and_the_data_is_kept() {
    let mut watched = Watched::begin().await;
    let notes = dynamodb(watched.operator.clone());
    let note = || [("pk".to_owned(), AttributeValue::S("kept".into()))].into();
    notes
        .put_item()
        .table_name("Notes")
        .set_item(Some(note()))
        .send()
        .await
        .expect("a put");
    let mut of_function = watched.operator.clone();
    of_function.insert("AWS_ACCESS_KEY_ID".into(), "one".into());
    let function = dynamodb(of_function);
    let read = async |table| {
        let response = function
            .get_item()
            .table_name(table)
            .set_key(Some(note()))
            .send()
            .await;
        response
            .map(|response| response.item.is_some())
            .map_err(|error| error.into_service_error().to_string())
    };
    assert!(
        read("Notes")
            .await
            .expect_err("no grant")
            .contains("AccessDenied")
    );

    let grant = "Path: /first } } }
      Policies: [{ Statement: [{ Effect: Allow, Action: dynamodb:GetItem, Resource: '*' }] }]";
    let more = TEMPLATE.replace("Path: /one } } }", grant)
        + &TEMPLATE[TEMPLATE.find("  Notes:").unwrap()..].replace("Notes", "More");
    watched.save_template(&more);
    let messages = [
        watched.message().await,
        watched.message().await,
        watched.message().await,
        watched.message().await,
    ];
    assert_eq!(
        messages,
        [
            "reloaded template.yaml",
            "  added the route GET /first to one",
            "  removed the route GET /one to one",
            "  created the table More"
        ]
    );
    assert_eq!(
        (watched.status("/first").await, watched.status("/two").await),
        (405, 405)
    );
    assert_eq!(
        (read("Notes").await, read("More").await),
        (Ok(true), Ok(false))
    );

    watched.save_template(&more.replace("Path: /first", "Path: !ImportValue elsewhere"));
    let message = watched.message().await;
    assert!(
        message.starts_with("error: in ") && message.ends_with("; the previous version still runs"),
        "{message}"
    );
    assert_eq!(read("Notes").await, Ok(true));

    watched.save_template(&more.replace("AttributeName: pk", "AttributeName: sk"));
    let messages = [
        watched.message().await,
        watched.message().await,
        watched.message().await,
    ];
    let [more_stays, notes_stay] =
        ["More", "Notes"].map(|table| format!("  kept the table {table} as it was created"));
    assert_eq!(
        messages,
        ["reloaded template.yaml".to_owned(), more_stays, notes_stay]
    );

    watched.save_template(&more[..more.find("  Notes:").unwrap()]);
    let messages = [
        watched.message().await,
        watched.message().await,
        watched.message().await,
    ];
    assert_eq!(
        messages,
        [
            "reloaded template.yaml",
            "  kept the table More",
            "  kept the table Notes"
        ]
    );
    assert_eq!(read("Notes").await, Ok(true));
}

#[tokio::test]
async fn a_template_with_one_invalid_resource_creates_nothing() {
    let mut watched = Watched::begin().await;
    let table = &TEMPLATE[TEMPLATE.find("  Notes:").unwrap()..];
    let more = TEMPLATE.replace("Path: /one", "Path: /first") + &table.replace("Notes", "More");
    let secret = "
  Key:
    Type: AWS::SecretsManager::Secret
    Properties: { GenerateSecretString: { SecretStringTemplate: 'no JSON', GenerateStringKey: key } }
";
    watched.save_template(&(more.clone() + secret));
    let message = watched.message().await;
    assert!(
        message.starts_with("error: creating the secret Key"),
        "{message}"
    );
    assert_eq!(
        (watched.tables().await, watched.status("/first").await),
        (vec!["Notes".to_owned()], 404)
    );

    let odd = table
        .replace("Notes", "Odd")
        .replace("AttributeName: pk, KeyType", "AttributeName: sk, KeyType");
    watched.save_template(&(more + &odd));
    let message = watched.message().await;
    assert!(
        message.starts_with("error: creating the table Odd"),
        "{message}"
    );
    assert_eq!(
        (watched.tables().await, watched.status("/first").await),
        (vec!["Notes".to_owned()], 404)
    );
}

#[tokio::test]
async fn a_replaced_function_finishes_its_current_request() {
    let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let binary = folder.path().join("center-register");
    fs::hard_link(env!("CARGO_BIN_EXE_center-register"), &binary).expect("a link");
    let options = Options {
        binaries: folder.path().to_owned(),
        ..local_options()
    };
    let cloud = Cloud::start(options).await.expect("the cloud starts");
    let hold = Hold::default();
    let held = Effect::Hold(hold.clone());
    cloud.inject(fault("TransactWriteItems", 1, held));

    let http = no_proxy_client();
    let register = |username: &str| {
        let request = http.post(format!("{}/api/auth/register", cloud.url()));
        request.json(&registration(username)).send()
    };
    let swap = async {
        in_time("the first request's write", hold.reached()).await;
        fs::remove_file(&binary).expect("a removal");
        fs::hard_link(env!("CARGO_BIN_EXE_fallback"), &binary).expect("a link");
        cloud.restart(&["center-register".to_owned()]);
        let second = register("second").await.expect("a response");
        let second: serde_json::Value = second.json().await.expect("JSON");
        hold.release();
        second
    };
    let (first, second) = tokio::join!(register("first"), swap);
    assert_eq!(second, json!({"detail": "Method Not Allowed"}));
    let first: serde_json::Value = first.expect("a response").json().await.expect("JSON");
    assert_eq!(first["username"], "first", "{first}");
}
