//! The dev loop: a workspace in a directory of its own, with real binaries and a `cargo` that
//! takes no time to build them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use local::{Cloud, Effect, Fault, Options, Watch, Workspace};
use serde_json::json;
use shared::Env;
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{sleep, timeout};

/// Builds as cargo does, seen from outside: `functions/one.rs` holds the name of the binary that
/// `one` is to be.
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

/// A binary that answers 200, and one that answers 405; neither calls anybody.
const PAGE: &str = "pages-verify-email";
const NOTHING: &str = "unrouted";

/// What does not build.
const BROKEN: &str = "what-does-not-compile";

struct Loop {
    folder: TempDir,
    url: String,
    operator: BTreeMap<String, String>,
    told: UnboundedReceiver<String>,
}

impl Loop {
    /// A cloud that follows a workspace in which both functions answer 405.
    async fn begin() -> Loop {
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
        let root = folder.path();
        fs::create_dir(root.join("functions")).expect("a directory");
        fs::write(root.join("template.yaml"), TEMPLATE).expect("a file");
        let binaries = Path::new(env!("CARGO_BIN_EXE_unrouted"))
            .parent()
            .expect("a directory");
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
            release: false,
        };
        let template = workspace.template();
        let watch = Watch::begin(workspace).await.expect("a first build");
        let options = Options {
            template,
            binaries: watch.binaries(),
            ..Options::default()
        };
        let mut cloud = Cloud::start(options).await.expect("the cloud starts");
        let (url, operator) = (cloud.url(), cloud.operator());
        let (tell, told) = unbounded_channel();
        tokio::spawn(async move {
            watch
                .follow(&mut cloud, |line| tell.send(line).expect("a listener"))
                .await
        });
        Loop {
            folder,
            url,
            operator,
            told,
        }
    }

    /// What is told next.
    async fn told(&mut self) -> String {
        timeout(Duration::from_secs(60), self.told.recv())
            .await
            .expect("word in time")
            .expect("word")
    }

    async fn status(&self, path: &str) -> u16 {
        let http = reqwest::Client::builder()
            .no_proxy()
            .build()
            .expect("a client");
        http.get(format!("{}{path}", self.url))
            .send()
            .await
            .expect("an answer")
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

    /// The functions that are told of as rebuilt next, until there are so many: files that are saved
    /// together may be built one after the other. What is told of errors meanwhile goes by.
    async fn rebuilt(&mut self, many: usize) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        while names.len() < many {
            let told = self.told().await;
            if told.starts_with("error: ") {
                continue;
            }
            let rest = told
                .strip_prefix("rebuilt in ")
                .and_then(|rest| rest.split_once(" s: "));
            let (_, named) = rest.unwrap_or_else(|| panic!("{told}"));
            names.extend(named.split(", ").map(str::to_owned));
        }
        names
    }

    /// What is told until this function is rebuilt, but for errors.
    async fn settled(&mut self, function: &str) -> Vec<String> {
        let mut told = Vec::new();
        while !told
            .last()
            .is_some_and(|line: &String| line.ends_with(&format!(" s: {function}")))
        {
            told.extend(Some(self.told().await).filter(|line| !line.starts_with("error: ")));
        }
        told
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

/// Puts a file there, whole at once: a build never reads half of it.
fn put(root: &Path, file: &str, text: &str) {
    let aside = root.join("aside");
    fs::write(&aside, text).expect("a file");
    fs::rename(aside, root.join(file)).expect("a rename");
}

fn dynamodb(variables: BTreeMap<String, String>) -> aws_sdk_dynamodb::Client {
    Env::of(variables).expect("an environment").dynamodb()
}

#[tokio::test]
async fn what_is_saved_is_served_by_the_functions_that_changed() {
    let mut watched = Loop::begin().await;
    assert_eq!(
        (watched.status("/one").await, watched.status("/two").await),
        (405, 405)
    );

    watched.save(&[("one", PAGE)]);
    let told = watched.told().await;
    assert!(
        told.starts_with("rebuilt in ") && told.ends_with(" s: one"),
        "{told}"
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
async fn a_build_that_fails_changes_nothing_until_it_is_mended() {
    let mut watched = Loop::begin().await;
    watched.save(&[("two", BROKEN), ("one", PAGE)]);
    assert_eq!(
        watched.told().await,
        "error: the functions do not build; what was there goes on"
    );
    // Neither has an instance yet: what starts now is also from before.
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
async fn a_template_waits_for_the_build_and_the_build_for_the_template() {
    let mut watched = Loop::begin().await;
    let error = "error: the functions do not build; what was there goes on";
    watched.save(&[("one", BROKEN)]);
    assert_eq!(watched.told().await, error);
    watched.save_template(&TEMPLATE.replace("Path: /one", "Path: /first"));
    assert_eq!(watched.told().await, error);
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
    assert!(watched.told().await.starts_with("error: in "));
    watched.save(&[("one", NOTHING)]);
    assert!(watched.told().await.starts_with("error: in "));
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
async fn a_folder_that_is_replaced_is_watched_again_and_an_editors_own_files_are_not() {
    let mut watched = Loop::begin().await;
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
    // What comes after them is told of, so that they have been gone by.
    watched.save_template(&TEMPLATE.replace("Path: /one", "Path: /first"));
    assert_eq!(watched.told().await, "reloaded template.yaml");
    assert_eq!(watched.builds(), builds);
}

#[tokio::test]
async fn a_saved_template_is_gone_by_and_the_data_stays() {
    let mut watched = Loop::begin().await;
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
        let answer = function
            .get_item()
            .table_name(table)
            .set_key(Some(note()))
            .send()
            .await;
        answer
            .map(|answer| answer.item.is_some())
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
    let told = [
        watched.told().await,
        watched.told().await,
        watched.told().await,
        watched.told().await,
    ];
    assert_eq!(
        told,
        [
            "reloaded template.yaml",
            "  new route GET /first to one",
            "  no route any more GET /one to one",
            "  made the table More"
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
    let told = watched.told().await;
    assert!(
        told.starts_with("error: in ") && told.ends_with("; what was there goes on"),
        "{told}"
    );
    assert_eq!(read("Notes").await, Ok(true));

    watched.save_template(&more.replace("AttributeName: pk", "AttributeName: sk"));
    let told = [
        watched.told().await,
        watched.told().await,
        watched.told().await,
    ];
    let [more_stays, notes_stay] =
        ["More", "Notes"].map(|table| format!("  left the table {table} as it was made"));
    assert_eq!(
        told,
        ["reloaded template.yaml".to_owned(), more_stays, notes_stay]
    );

    watched.save_template(&more[..more.find("  Notes:").unwrap()]);
    let told = [
        watched.told().await,
        watched.told().await,
        watched.told().await,
    ];
    assert_eq!(
        told,
        [
            "reloaded template.yaml",
            "  left the table More",
            "  left the table Notes"
        ]
    );
    assert_eq!(read("Notes").await, Ok(true));
}

#[tokio::test]
async fn a_template_of_which_one_thing_cannot_be_made_makes_nothing() {
    let mut watched = Loop::begin().await;
    let table = &TEMPLATE[TEMPLATE.find("  Notes:").unwrap()..];
    let more = TEMPLATE.replace("Path: /one", "Path: /first") + &table.replace("Notes", "More");
    let secret = "
  Key:
    Type: AWS::SecretsManager::Secret
    Properties: { GenerateSecretString: { SecretStringTemplate: 'no JSON', GenerateStringKey: key } }
";
    watched.save_template(&(more.clone() + secret));
    let told = watched.told().await;
    assert!(told.starts_with("error: making the secret Key"), "{told}");
    assert_eq!(
        (watched.tables().await, watched.status("/first").await),
        (vec!["Notes".to_owned()], 404)
    );

    let odd = table
        .replace("Notes", "Odd")
        .replace("AttributeName: pk, KeyType", "AttributeName: sk, KeyType");
    watched.save_template(&(more + &odd));
    let told = watched.told().await;
    assert!(told.starts_with("error: making the table Odd"), "{told}");
    assert_eq!(
        (watched.tables().await, watched.status("/first").await),
        (vec!["Notes".to_owned()], 404)
    );
}

#[tokio::test]
async fn what_an_instance_works_on_when_its_function_is_replaced_it_finishes() {
    let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let binary = folder.path().join("center-register");
    fs::hard_link(env!("CARGO_BIN_EXE_center-register"), &binary).expect("a link");
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("template.yaml");
    let options = Options {
        template,
        binaries: folder.path().to_owned(),
        ..Options::default()
    };
    let cloud = Cloud::start(options).await.expect("the cloud starts");
    // Less than the function's client waits for an answer before it asks again.
    let effect = Effect::Delay(Duration::from_millis(1_500));
    cloud.inject(Fault {
        function: None,
        operation: "TransactWriteItems".into(),
        times: 1,
        skip: 0,
        effect,
    });

    let http = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client");
    let register = |username: &str| {
        let request = http.post(format!("{}/api/auth/register", cloud.url()));
        request.json(&crate::world::registration(username)).send()
    };
    let swap = async {
        while !cloud
            .calls()
            .iter()
            .any(|call| call.operation == "TransactWriteItems")
        {
            sleep(Duration::from_millis(5)).await;
        }
        fs::remove_file(&binary).expect("a removal");
        fs::hard_link(env!("CARGO_BIN_EXE_unrouted"), &binary).expect("a link");
        cloud.restart(&["center-register".to_owned()]);
        register("second")
            .await
            .expect("an answer")
            .json::<serde_json::Value>()
            .await
            .expect("JSON")
    };
    let (first, second) = tokio::join!(register("first"), swap);
    assert_eq!(second, json!({"detail": "Method Not Allowed"}));
    let first: serde_json::Value = first.expect("an answer").json().await.expect("JSON");
    assert_eq!(first["username"], "first", "{first}");
}
