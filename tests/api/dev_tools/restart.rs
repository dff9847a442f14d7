//! Restarts of a cloud that keeps its data on disk.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use local::{Cloud, Options};
use tempfile::TempDir;

use crate::support::{PASSWORD, TestApp, key_id};

#[tokio::test]
async fn tokens_survive_a_rotation_and_a_restart() {
    let data = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let app = TestApp::on_disk(data.path()).await;
    let before = app.register_and_login("testuser").await;
    app.rotate_token_key().await;
    let after = app.login_token("testuser", PASSWORD).await;
    assert_ne!(key_id(&before), key_id(&after));
    app.stop().await;

    let app = TestApp::on_disk(data.path()).await;
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

#[tokio::test]
async fn only_the_owner_can_read_data_on_disk() {
    let parent = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let data = parent.path().join("data");
    std::fs::create_dir(&data).expect("a directory");
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&data, open).expect("open permissions");
    let app = TestApp::on_disk(&data).await;
    let token = app.register_and_login("testuser").await;
    app.upload_url(&token).await;
    app.settle().await;
    app.stop().await;
    let mut files = Vec::new();
    assert_private(&data, &mut files);
    for name in ["dynamodb.sqlite", "secrets.json", ".jpg"] {
        assert!(
            files.iter().any(|file| file.ends_with(name)),
            "{name}: {files:#?}"
        );
    }
}

/// Only the owner has access to `path` and, if it is a directory, to everything in it.
fn assert_private(path: &Path, files: &mut Vec<String>) {
    let metadata = path.metadata().expect("metadata");
    let mode = metadata.permissions().mode() & 0o777;
    let expected = if metadata.is_dir() { 0o700 } else { 0o600 };
    assert_eq!(mode, expected, "{mode:o} {}", path.display());
    if metadata.is_dir() {
        for entry in path.read_dir().expect("a directory") {
            assert_private(&entry.expect("an entry").path(), files);
        }
    } else {
        files.push(path.display().to_string());
    }
}
