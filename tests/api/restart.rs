//! A cloud that is started again on its data goes on where it was.

use std::path::Path;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use local::{Cloud, Options};
use reqwest::Client;
use serde_json::Value;
use shared::Env;
use tempfile::TempDir;

use crate::world::{PASSWORD, registration};

/// A cloud of the template on the data of this directory. Its functions read a secret whenever
/// they use it.
async fn start(data: &Path) -> Cloud {
    let binaries = Path::new(env!("CARGO_BIN_EXE_unrouted"))
        .parent()
        .expect("a directory");
    let options = Options {
        template: Path::new(env!("CARGO_MANIFEST_DIR")).join("template.yaml"),
        binaries: binaries.to_owned(),
        data: Some(data.to_owned()),
        variables: [("SECRETS_MANAGER_TTL".to_owned(), "0".to_owned())].into(),
        ..Options::default()
    };
    Cloud::start(options).await.expect("the cloud starts")
}

fn http() -> Client {
    Client::builder().no_proxy().build().expect("a client")
}

async fn login(cloud: &Cloud) -> String {
    let form = [("username", "testuser"), ("password", PASSWORD)];
    let sent = http()
        .post(format!("{}/api/auth/login", cloud.url()))
        .form(&form)
        .send()
        .await;
    let answer: Value = sent.expect("an answer").json().await.expect("JSON");
    answer["access_token"]
        .as_str()
        .unwrap_or_else(|| panic!("{answer}"))
        .to_owned()
}

async fn status(cloud: &Cloud, token: &str) -> u16 {
    let request = http()
        .get(format!("{}/api/users/me", cloud.url()))
        .bearer_auth(token);
    request.send().await.expect("an answer").status().as_u16()
}

async fn rotate(cloud: &Cloud) {
    let secrets = Env::of(cloud.operator())
        .expect("an environment")
        .secrets_manager();
    let id = cloud.physical_id("TokenKey");
    let begun = secrets
        .rotate_secret()
        .secret_id(&id)
        .send()
        .await
        .expect("a rotation begins");
    let version = begun.version_id.expect("a version");
    let started = Instant::now();
    loop {
        let current = secrets
            .get_secret_value()
            .secret_id(&id)
            .send()
            .await
            .expect("a value");
        if current.version_id.as_ref() == Some(&version) {
            return;
        }
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "{}",
            cloud.logs().join("\n")
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The key that signed a token, by its id.
fn kid(token: &str) -> Value {
    let header = URL_SAFE_NO_PAD
        .decode(token.split('.').next().unwrap())
        .expect("base64");
    serde_json::from_slice::<Value>(&header).expect("JSON")["kid"].clone()
}

#[tokio::test]
async fn tokens_from_before_and_after_a_rotation_outlive_a_restart() {
    let data = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let cloud = start(data.path()).await;
    let register = http().post(format!("{}/api/auth/register", cloud.url()));
    register
        .json(&registration("testuser"))
        .send()
        .await
        .expect("an answer");
    let before = login(&cloud).await;
    rotate(&cloud).await;
    let after = login(&cloud).await;
    assert_ne!(kid(&before), kid(&after));
    cloud.stop().await;

    let cloud = start(data.path()).await;
    let left = cloud
        .logs()
        .into_iter()
        .find(|line| line.starts_with("left "));
    assert_eq!(left, None, "no table is another");
    assert_eq!(
        (status(&cloud, &before).await, status(&cloud, &after).await),
        (200, 200)
    );
    assert_eq!(
        kid(&login(&cloud).await),
        kid(&after),
        "the new key is still the one in use"
    );
    rotate(&cloud).await;
    assert_eq!(
        (status(&cloud, &before).await, status(&cloud, &after).await),
        (401, 200)
    );
}

#[tokio::test]
async fn a_table_that_the_template_has_otherwise_by_now_is_told_of_at_the_start() {
    let data = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let table = "
Resources:
  Notes:
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions: [{ AttributeName: pk, AttributeType: S }]
      KeySchema: [{ AttributeName: pk, KeyType: HASH }]
";
    let stream = "      StreamSpecification: { StreamViewType: NEW_IMAGE }\n";
    let index = "      GlobalSecondaryIndexes:
        - IndexName: all
          KeySchema: [{ AttributeName: pk, KeyType: HASH }]
          Projection: { ProjectionType: ALL }
";
    let told = async |text: String| {
        let template = data.path().join("template.yaml");
        std::fs::write(&template, text).expect("a file");
        let options = Options {
            template,
            data: Some(data.path().to_owned()),
            ..Options::default()
        };
        let cloud = Cloud::start(options).await.expect("the cloud starts");
        let told = cloud.logs();
        cloud.stop().await;
        told
    };
    let none: [&str; 0] = [];
    assert_eq!(told(table.to_owned()).await, none);
    assert_eq!(
        told(table.to_owned() + stream).await,
        none,
        "a stream is given to a table that lacks it"
    );
    assert_eq!(
        told(table.to_owned() + stream + index).await,
        ["left the table Notes as it was made"]
    );
}
