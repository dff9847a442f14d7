//! Restarts of a cloud that keeps its data on disk.

use local::{Cloud, Options};
use tempfile::TempDir;

use crate::support::{LocalApp, PASSWORD, key_id};

#[tokio::test]
#[cfg_attr(feature = "deployed", ignore = "local only: is about `local`")]
async fn tokens_survive_a_rotation_and_a_restart() {
    let data = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let app = LocalApp::on_disk(data.path()).await;
    let before = app.register_and_login("testuser").await;
    app.rotate_token_key().await;
    let after = app.login_token("testuser", PASSWORD).await;
    assert_ne!(key_id(&before), key_id(&after));
    app.stop().await;

    let app = LocalApp::on_disk(data.path()).await;
    let kept = app
        .cloud
        .logs()
        .into_iter()
        .find(|line| line.starts_with("kept "));
    assert_eq!(kept, None, "every table is as the template describes it");
    let statuses = async || (app.me(&before).await.status, app.me(&after).await.status);
    assert_eq!(statuses().await, (200, 200));
    let newest = app.login_token("testuser", PASSWORD).await;
    assert_eq!(key_id(&newest), key_id(&after), "the new key is current");
    app.rotate_token_key().await;
    assert_eq!(statuses().await, (401, 200));
}

#[tokio::test]
async fn a_table_that_differs_from_the_template_is_logged_at_start() {
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
    let start = async |text: String| {
        let template = data.path().join("template.yaml");
        std::fs::write(&template, text).expect("a file");
        let options = Options {
            template,
            data: Some(data.path().to_owned()),
            ..Options::default()
        };
        let cloud = Cloud::start(options).await.expect("the cloud starts");
        let logs = cloud.logs();
        cloud.stop().await;
        logs
    };
    let none: [&str; 0] = [];
    assert_eq!(start(table.to_owned()).await, none);
    assert_eq!(
        start(table.to_owned() + stream).await,
        none,
        "a missing stream is added to the table"
    );
    assert_eq!(
        start(table.to_owned() + stream + index).await,
        ["kept the table Notes as it was created"]
    );
}
