//! What goes wrong behind a function is told in the family's words, logged once, and loses
//! nothing.

use std::os::unix::fs::symlink;
use std::path::Path;

use insta::assert_snapshot;
use local::{Cloud, Effect, Fault, Options};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::world::{Embedded, PASSWORD, World, registration};

fn fault(function: &str, operation: &str, times: usize, effect: Effect) -> Fault {
    Fault {
        function: Some(function.into()),
        operation: operation.into(),
        times,
        skip: 0,
        effect,
    }
}

fn refuse(status: u16, kind: &str) -> Effect {
    Effect::Refuse {
        status,
        kind: kind.into(),
        message: "a message with canary-0123 in it".into(),
    }
}

#[tokio::test]
async fn a_fault_of_the_database_is_a_500_and_one_line_with_the_cause() {
    let Some(world) = World::embedded().await else {
        return;
    };
    let token = world.token("testuser").await;
    world.me(&token).await;
    world.settle().await;
    let before = world.logs().await.len();
    world.cloud.inject(fault(
        "center-get-me",
        "GetItem",
        usize::MAX,
        refuse(400, "ResourceNotFoundException"),
    ));
    assert_snapshot!(world.me(&token).await, @r#"
    500 application/json
    {
      "detail": "Internal Server Error"
    }
    "#);

    let lines = world.logs().await.split_off(before);
    assert_eq!(lines.len(), 1, "{lines:?}");
    let line: Value = serde_json::from_str(&lines[0]).expect("a line of JSON");
    assert_eq!(line["level"], "ERROR");
    assert_eq!(line["function_name"], "center-get-me");
    assert_eq!(line["route"], "GET /api/users/me");
    assert_eq!(line["status"], 500);
    assert_eq!(line["cause"], "GetItem: ResourceNotFoundException");
    assert!(
        line["correlation_id"]
            .as_str()
            .is_some_and(|id| !id.is_empty())
    );
    assert!(
        !lines[0].contains("canary")
            && !lines[0].contains("testuser")
            && !lines[0].contains(&token)
    );
}

#[tokio::test]
async fn a_passing_fault_of_the_database_is_not_seen() {
    let Some(world) = World::embedded().await else {
        return;
    };
    let token = world.token("testuser").await;
    for effect in [
        refuse(500, "InternalServerError"),
        refuse(400, "ProvisionedThroughputExceededException"),
    ] {
        world
            .cloud
            .inject(fault("center-get-me", "GetItem", 1, effect));
        assert_eq!(world.me(&token).await.status, 200);
    }
}

#[tokio::test]
async fn a_conflict_of_transactions_is_tried_again_and_is_no_taken_name() {
    let Some(world) = World::embedded().await else {
        return;
    };
    for (at, reasons) in [
        ["TransactionConflict", "None", "None", "None", "None"],
        ["None", "ThrottlingError", "None", "None", "None"],
    ]
    .iter()
    .enumerate()
    {
        let reasons = reasons.iter().map(|reason| (*reason).to_owned()).collect();
        world.cloud.inject(fault(
            "center-register",
            "TransactWriteItems",
            3,
            Effect::CancelTransaction { reasons },
        ));
        world.cloud.clear_calls();
        assert_eq!(
            world
                .register(&registration(&format!("user{at}")))
                .await
                .status,
            200
        );
        assert_eq!(
            world
                .dynamodb_calls()
                .iter()
                .filter(|call| *call == "TransactWriteItems")
                .count(),
            4
        );
    }
}

#[tokio::test]
async fn a_sign_up_whose_answers_are_lost_is_no_conflict_with_itself() {
    for lost in 1..=3 {
        let Some(world) = World::embedded().await else {
            return;
        };
        world.cloud.inject(fault(
            "center-register",
            "TransactWriteItems",
            lost,
            Effect::LoseAnswer,
        ));
        let answer = world.register(&registration("testuser")).await;
        assert_eq!(answer.status, 200, "{lost} lost: {answer}");
        assert_eq!(
            world.items().await.len(),
            4,
            "the user, two markers and the count"
        );
        assert_eq!(
            world.login("testuser", PASSWORD).await.json()["user"],
            answer.json()
        );
        assert_eq!(world.register(&registration("testuser")).await.status, 409);
    }
}

#[tokio::test]
async fn a_change_whose_answers_are_lost_is_made_once_and_is_no_conflict_with_itself() {
    for (operation, body) in [
        ("UpdateItem", json!({"nickname": "new"})),
        (
            "TransactWriteItems",
            json!({"email": "new@example.com", "phone": "13800138000"}),
        ),
    ] {
        for lost in 1..=3 {
            let Some(world) = World::embedded().await else {
                return;
            };
            let token = world.token("testuser").await;
            world.cloud.inject(fault(
                "center-update-me",
                operation,
                lost,
                Effect::LoseAnswer,
            ));
            let answer = world.update(&token, &body).await;
            assert_eq!(answer.status, 200, "{operation}, {lost} lost: {answer}");
            assert_eq!(world.me(&token).await.to_string(), answer.to_string());
            let users = world
                .items()
                .await
                .into_iter()
                .filter(|item| item.contains_key("uuid"));
            let versions: Vec<_> = users
                .map(|item| item["version"].as_n().unwrap().clone())
                .collect();
            assert_eq!(versions, ["3"], "signed up, logged in, changed once");
        }
    }
}

#[tokio::test]
async fn a_try_stays_counted_whatever_fails_after_it() {
    let Some(world) = World::embedded().await else {
        return;
    };
    world.register(&registration("testuser")).await;
    world.login("nobody", PASSWORD).await; // warm
    for _ in 0..5 {
        let fault = fault(
            "center-login",
            "GetItem",
            1,
            refuse(400, "ResourceNotFoundException"),
        );
        world.cloud.inject(Fault { skip: 1, ..fault });
        assert_eq!(world.login("testuser", PASSWORD).await.status, 500);
    }
    assert_eq!(world.login("testuser", PASSWORD).await.status, 429);
}

#[tokio::test]
async fn a_function_whose_secret_cannot_be_read_answers_in_the_familys_words_until_it_can() {
    let Some(world) = World::embedded().await else {
        return;
    };
    world.cloud.inject(fault(
        "center-get-me",
        "GetSecretValue",
        usize::MAX,
        refuse(400, "DecryptionFailure"),
    ));
    let answer = world.me("any").await;
    assert_snapshot!(answer, @r#"
    500 application/json
    {
      "detail": "Internal Server Error"
    }
    "#);
    let requests = |world: &Embedded| {
        let lines = world
            .cloud
            .logs()
            .into_iter()
            .filter_map(|line| serde_json::from_str::<Value>(&line).ok());
        lines
            .filter(|line| line["message"] == "request")
            .collect::<Vec<_>>()
    };
    let lines = requests(&world);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["cause"], "GetSecretValue: DecryptionFailure");
    assert_eq!(
        (&lines[0]["status"], &lines[0]["cold_start"]),
        (&json!(500), &json!(true))
    );

    world.cloud.clear_faults();
    assert_eq!(world.me("any").await.status, 401);
    let token = world.token("testuser").await;
    assert_eq!(world.me(&token).await.status, 200);
    let lines = requests(&world)
        .into_iter()
        .filter(|line| line["function_name"] == "center-get-me");
    let cold: Vec<_> = lines.map(|line| line["cold_start"].clone()).collect();
    assert_eq!(cold, [true, false, false], "one instance answers all three");
}

#[tokio::test]
async fn a_function_that_dies_is_answered_in_the_gateways_words() {
    let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    // A shell that is told nothing ends at once.
    symlink("/bin/sh", folder.path().join("center-get-me")).expect("a link");
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("template.yaml");
    let options = Options {
        template,
        binaries: folder.path().to_owned(),
        ..Options::default()
    };
    let cloud = Cloud::start(options).await.expect("the cloud starts");

    let http = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client");
    let answer = http
        .get(format!("{}/api/users/me", cloud.url()))
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status(), 500);
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert_eq!(
        answer.text().await.expect("a body"),
        r#"{"message":"Internal Server Error"}"#
    );
    assert_eq!(
        cloud.logs(),
        ["center-get-me: Runtime exited: exit status: 0"]
    );
}
