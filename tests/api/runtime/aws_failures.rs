//! Failures of AWS: responses in the family's format, one log line each, and no lost data.

use std::os::unix::fs::symlink;

use insta::assert_snapshot;
use local::{Cloud, Effect, InjectedFault, Options};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    PASSWORD, TestApp, fault_of, local_options, no_proxy_client, refuse, registration,
};

#[tokio::test]
async fn a_database_error_is_a_500_and_one_log_line_with_its_cause() {
    let app = TestApp::new().await;
    let token = app.register_and_login("testuser").await;
    app.me(&token).await;
    app.settle().await;
    let before = app.logs().await.len();
    app.cloud.inject(fault_of(
        "center-get-me",
        "GetItem",
        usize::MAX,
        refuse(400, "ResourceNotFoundException"),
    ));
    assert_snapshot!(app.me(&token).await, @r#"
    500 application/json
    {
      "detail": "Internal Server Error"
    }
    "#);

    let lines = app.logs().await.split_off(before);
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
async fn a_transient_database_error_is_retried() {
    let app = TestApp::new().await;
    let token = app.register_and_login("testuser").await;
    for effect in [
        refuse(500, "InternalServerError"),
        refuse(400, "ProvisionedThroughputExceededException"),
    ] {
        app.cloud
            .inject(fault_of("center-get-me", "GetItem", 1, effect));
        assert_eq!(app.me(&token).await.status, 200);
    }
}

#[tokio::test]
async fn a_transaction_conflict_is_retried_and_is_not_a_taken_name() {
    let app = TestApp::new().await;
    for (at, reasons) in [
        ["TransactionConflict", "None", "None", "None", "None"],
        ["None", "ThrottlingError", "None", "None", "None"],
    ]
    .iter()
    .enumerate()
    {
        let reasons = reasons.iter().map(|reason| (*reason).to_owned()).collect();
        app.cloud.inject(fault_of(
            "center-register",
            "TransactWriteItems",
            3,
            Effect::CancelTransaction { reasons },
        ));
        app.cloud.clear_calls();
        assert_eq!(
            app.register(&registration(&format!("user{at}")))
                .await
                .status,
            200
        );
        assert_eq!(
            app.dynamodb_calls()
                .iter()
                .filter(|call| *call == "TransactWriteItems")
                .count(),
            4
        );
    }
}

#[tokio::test]
async fn a_sign_up_with_lost_responses_succeeds_once() {
    for lost in 1..=3 {
        let app = TestApp::new().await;
        app.cloud.inject(fault_of(
            "center-register",
            "TransactWriteItems",
            lost,
            Effect::LoseAnswer,
        ));
        let response = app.register(&registration("testuser")).await;
        assert_eq!(response.status, 200, "{lost} lost: {response}");
        assert_eq!(
            app.items().await.len(),
            4,
            "the user, two markers and the counter of the rate limit"
        );
        assert_eq!(
            app.login("testuser", PASSWORD).await.json()["user"],
            response.json()
        );
        assert_eq!(app.register(&registration("testuser")).await.status, 409);
    }
}

#[tokio::test]
async fn a_change_with_lost_responses_is_made_once() {
    for (operation, body) in [
        ("UpdateItem", json!({"nickname": "new"})),
        (
            "TransactWriteItems",
            json!({"email": "new@example.com", "phone": "13800138000"}),
        ),
    ] {
        for lost in 1..=3 {
            let app = TestApp::new().await;
            let token = app.register_and_login("testuser").await;
            app.cloud.inject(fault_of(
                "center-update-me",
                operation,
                lost,
                Effect::LoseAnswer,
            ));
            let response = app.update_me(&token, &body).await;
            assert_eq!(response.status, 200, "{operation}, {lost} lost: {response}");
            assert_eq!(app.me(&token).await.to_string(), response.to_string());
            let users = app
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
async fn a_try_stays_counted_after_a_later_failure() {
    let app = TestApp::new().await;
    app.register(&registration("testuser")).await;
    app.login("nobody", PASSWORD).await; // warm
    for _ in 0..5 {
        let fault = fault_of(
            "center-login",
            "TransactWriteItems",
            1,
            refuse(400, "ResourceNotFoundException"),
        );
        app.cloud.inject(InjectedFault { skip: 1, ..fault });
        assert_eq!(app.login("testuser", PASSWORD).await.status, 500);
    }
    assert_eq!(app.login("testuser", PASSWORD).await.status, 429);
}

#[tokio::test]
async fn a_function_without_its_secret_returns_500_until_it_is_read() {
    let app = TestApp::new().await;
    app.cloud.inject(fault_of(
        "center-get-me",
        "GetSecretValue",
        usize::MAX,
        refuse(400, "DecryptionFailure"),
    ));
    let response = app.me("any").await;
    assert_snapshot!(response, @r#"
    500 application/json
    {
      "detail": "Internal Server Error"
    }
    "#);
    let requests = |app: &TestApp| {
        let lines = app
            .cloud
            .logs()
            .into_iter()
            .filter_map(|line| serde_json::from_str::<Value>(&line).ok());
        lines
            .filter(|line| line["message"] == "request")
            .collect::<Vec<_>>()
    };
    let lines = requests(&app);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["cause"], "GetSecretValue: DecryptionFailure");
    assert_eq!(
        (&lines[0]["status"], &lines[0]["cold_start"]),
        (&json!(500), &json!(true))
    );

    app.cloud.clear_faults();
    assert_eq!(app.me("any").await.status, 401);
    let token = app.register_and_login("testuser").await;
    assert_eq!(app.me(&token).await.status, 200);
    let lines = requests(&app)
        .into_iter()
        .filter(|line| line["function_name"] == "center-get-me");
    let cold: Vec<_> = lines.map(|line| line["cold_start"].clone()).collect();
    assert_eq!(cold, [true, false, false], "one instance serves all three");
}

#[tokio::test]
async fn a_crashed_function_gets_the_response_of_the_gateway() {
    let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    // A shell without input exits.
    symlink("/bin/sh", folder.path().join("center-get-me")).expect("a link");
    let options = Options {
        binaries: folder.path().to_owned(),
        ..local_options()
    };
    let cloud = Cloud::start(options).await.expect("the cloud starts");

    let response = no_proxy_client()
        .get(format!("{}/api/users/me", cloud.url()))
        .send()
        .await
        .expect("a response");
    assert_eq!(response.status(), 500);
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(
        response.text().await.expect("a body"),
        r#"{"message":"Internal Server Error"}"#
    );
    assert_eq!(
        cloud.logs(),
        ["center-get-me: Runtime exited: exit status: 0"]
    );
}
