//! The custom resource that creates a stack's first administrator.

use std::time::Duration;

use insta::assert_snapshot;
use local::InjectedFault;
use serde_json::{Value, json};

use crate::support::{CallbackServer, TestApp, eventually, fault_of, refuse, registration};

const EMAIL: &str = "root@b.co";

/// A request of this type, as CloudFormation documents it.
fn request(kind: &str, url: &str) -> Value {
    json!({
        "RequestType": kind,
        "ResponseURL": url,
        "StackId": "arn:aws:cloudformation:eu-central-1:123456789012:stack/accounts/guid",
        "RequestId": "unique id",
        "ResourceType": "Custom::Administrator",
        "LogicalResourceId": "FirstAdministrator",
        "ResourceProperties": {"ServiceToken": "arn", "Email": EMAIL},
    })
}

/// The body of the last callback.
fn body(callbacks: &[String]) -> Value {
    let (_, body) = callbacks
        .last()
        .expect("a callback")
        .split_once("\r\n\r\n")
        .expect("a body");
    serde_json::from_str(body).expect("JSON")
}

#[tokio::test]
async fn a_stack_creates_its_administrator_with_a_random_password() {
    let app = TestApp::with_parameters(&[("AdminEmail", EMAIL)]).await;
    let password = app.secret("AdminPassword").await;
    assert!(app.items().await.is_empty());
    for (name, documented) in [
        ("admin", "admin123"),
        (EMAIL, "admin123"),
        ("admin", &password),
    ] {
        assert_eq!(app.login(name, documented).await.status, 401);
    }
    let server = CallbackServer::start(&[]).await;
    let mut bodies = String::new();
    for kind in ["Create", "Create", "Update", "Delete", "Create"] {
        app.admin(request(kind, &server.url)).await;
        let callbacks = server.take_requests();
        assert_eq!(callbacks.len(), 1, "{callbacks:?}");
        bodies.push_str(&format!("{kind}\n{:#}\n", body(&callbacks)));
        assert!(
            callbacks[0].starts_with("PUT /response?X-Amz-Signature=a%2Bb HTTP/1.1\r\n"),
            "{callbacks:?}"
        );
        let types: Vec<_> = callbacks[0]
            .lines()
            .filter(|line| line.to_lowercase().starts_with("content-type"))
            .collect();
        assert!(
            types
                .iter()
                .all(|line| line.split_once(':').unwrap().1.trim().is_empty()),
            "{types:?}"
        );
    }
    assert_snapshot!(bodies, @r#"
    Create
    {
      "LogicalResourceId": "FirstAdministrator",
      "PhysicalResourceId": "first-administrator",
      "Reason": "the administrator is made",
      "RequestId": "unique id",
      "StackId": "arn:aws:cloudformation:eu-central-1:123456789012:stack/accounts/guid",
      "Status": "SUCCESS"
    }
    Create
    {
      "LogicalResourceId": "FirstAdministrator",
      "PhysicalResourceId": "first-administrator",
      "Reason": "the administrator is there already",
      "RequestId": "unique id",
      "StackId": "arn:aws:cloudformation:eu-central-1:123456789012:stack/accounts/guid",
      "Status": "SUCCESS"
    }
    Update
    {
      "LogicalResourceId": "FirstAdministrator",
      "PhysicalResourceId": "first-administrator",
      "Reason": "the administrator stays as they are",
      "RequestId": "unique id",
      "StackId": "arn:aws:cloudformation:eu-central-1:123456789012:stack/accounts/guid",
      "Status": "SUCCESS"
    }
    Delete
    {
      "LogicalResourceId": "FirstAdministrator",
      "PhysicalResourceId": "first-administrator",
      "Reason": "the administrator stays, as all users do",
      "RequestId": "unique id",
      "StackId": "arn:aws:cloudformation:eu-central-1:123456789012:stack/accounts/guid",
      "Status": "SUCCESS"
    }
    Create
    {
      "LogicalResourceId": "FirstAdministrator",
      "PhysicalResourceId": "first-administrator",
      "Reason": "the administrator is there already",
      "RequestId": "unique id",
      "StackId": "arn:aws:cloudformation:eu-central-1:123456789012:stack/accounts/guid",
      "Status": "SUCCESS"
    }
    "#);
    app.advance_clock(Duration::from_secs(15 * 60)); // resets the limit of login tries
    assert_eq!(app.login("admin", &password).await.status, 200);
    assert_eq!(app.login(EMAIL, &password).await.status, 200);
    assert_eq!(app.login("admin", "admin123").await.status, 401);
    let users = app
        .items()
        .await
        .into_iter()
        .filter(|item| item.contains_key("email"))
        .count();
    assert_eq!(users, 1);
    let log = app.logs().await.join("\n");
    for word in [&password, EMAIL, "Signature", "guid", "unique id"] {
        assert!(!log.contains(word), "{word} is in the log");
    }
}

#[tokio::test]
async fn cloudformation_gets_a_response_to_every_failed_request() {
    let app = TestApp::with_parameters(&[("AdminEmail", EMAIL)]).await;
    let other =
        json!({"command": "create-administrator", "username": "admin", "email": "other@b.co"});
    assert_eq!(app.admin(other).await["error"], Value::Null); // another administrator comes first
    let server = CallbackServer::start(&[]).await;
    let mut outcomes = String::new();
    let mut fail = async |app: &TestApp, request: Value| {
        app.admin(request).await;
        let body = body(&server.take_requests());
        outcomes.push_str(&format!(
            "{}: {}\n",
            body["Status"].as_str().unwrap(),
            body["Reason"].as_str().unwrap()
        ));
    };
    fail(&app, request("Create", &server.url)).await;
    let mut unnamed = request("Create", &server.url);
    unnamed["ResourceProperties"] = json!({});
    fail(&app, unnamed).await;
    let mut misspelt = request("Create", &server.url);
    misspelt["ResourceProperties"]["Email"] = "nobody".into();
    fail(&app, misspelt).await;
    fail(&app, request("Destroy", &server.url)).await;
    fail(
        &app,
        json!({"RequestType": "Create", "ResponseURL": server.url}),
    )
    .await;
    let without_secret = TestApp::new().await;
    fail(&without_secret, request("Create", &server.url)).await;
    assert_snapshot!(outcomes, @"
    FAILED: another user has this user name
    FAILED: Email: must be there
    FAILED: email: is not a valid e-mail address
    FAILED: RequestType: must be Create, Update or Delete
    FAILED: Email: must be there
    FAILED: it failed for a reason that the log tells; it may be tried again
    ");
    assert!(without_secret.items().await.is_empty());
}

#[tokio::test]
async fn permissions_that_take_effect_later_delay_the_administrator() {
    let app = TestApp::with_parameters(&[("AdminEmail", EMAIL)]).await;
    let server = CallbackServer::start(&[]).await;
    for operation in ["GetItem", "GetSecretValue", "TransactWriteItems"] {
        let denied = refuse(400, "AccessDeniedException");
        // The first read opens the connection.
        let skip = usize::from(operation == "GetItem");
        let fault = InjectedFault {
            skip,
            ..fault_of("admin", operation, 1, denied)
        };
        app.cloud.inject(fault);
    }
    app.admin(request("Create", &server.url)).await;
    let body = body(&server.take_requests());
    assert_eq!(body["Reason"], "the administrator is made");
    let logs = app.logs().await.join("\n");
    for operation in ["GetItem", "GetSecretValue", "TransactWriteItems"] {
        let cause = format!("{operation}: AccessDeniedException");
        assert!(logs.contains(&cause), "{operation}");
    }
}

#[tokio::test]
async fn permissions_that_never_take_effect_fail_the_administrator() {
    let app = TestApp::with_parameters(&[("AdminEmail", EMAIL)]).await;
    app.advance_clock(Duration::ZERO);
    let server = CallbackServer::start(&[]).await;
    let denied = refuse(400, "AccessDeniedException");
    let fault = fault_of("admin", "GetSecretValue", usize::MAX, denied);
    app.cloud.inject(fault);
    let create = app.admin(request("Create", &server.url));
    let time_passes = async {
        eventually("a retry", async || {
            (app.secret_reads("admin") > 1).then_some(())
        })
        .await;
        app.advance_clock(Duration::from_secs(4 * 60));
    };
    tokio::join!(create, time_passes);
    let body = body(&server.take_requests());
    assert_eq!(
        (&body["Status"], &body["Reason"]),
        (
            &json!("FAILED"),
            &json!("IAM still denies the function its permissions; update the stack again")
        )
    );
    let line = app.last_log_line();
    assert_eq!(line["cause"], "GetSecretValue: AccessDeniedException");
    assert_eq!(line["level"], "ERROR");
}

#[tokio::test]
async fn the_name_of_the_first_administrator_is_reserved() {
    let app = TestApp::with_parameters(&[("AdminEmail", EMAIL)]).await;
    for name in ["admin", "Admin", " ａｄｍｉｎ "] {
        let mut documented = registration(name);
        documented["password"] = "admin123".into();
        documented["email"] = "somebody@b.co".into();
        let refused = app.register(&documented).await;
        assert_eq!(
            (refused.status, &refused.json()["detail"]),
            (409, &json!("Username already exists"))
        );
    }
    assert_eq!(app.login("admin", "admin123").await.status, 401);
    let token = app.register_and_login("testuser").await;
    for name in ["admin", "ADMIN"] {
        let rename = app
            .request("PUT", "/users/name")
            .bearer_auth(&token)
            .json(&json!({"name": name}));
        assert_eq!(
            app.send(rename).await.json()["message"],
            "Username update failed"
        );
    }

    let server = CallbackServer::start(&[]).await;
    app.admin(request("Create", &server.url)).await;
    assert_eq!(
        body(&server.take_requests())["Reason"],
        "the administrator is made"
    );
    let password = app.secret("AdminPassword").await;
    let login = app.login("admin", &password).await.json();
    let token = login["access_token"].as_str().expect("a token");
    let same = app
        .request("PUT", "/users/name")
        .bearer_auth(token)
        .json(&json!({"name": "Admin"}));
    assert_eq!(
        app.send(same).await.json()["name"],
        "Admin",
        "one's own name in another spelling"
    );
}

#[tokio::test]
async fn a_callback_is_retried_and_never_sent_over_http() {
    let app = TestApp::with_parameters(&[("AdminEmail", EMAIL)]).await;
    let server = CallbackServer::start(&[503, 500]).await;
    app.admin(request("Create", &server.url)).await;
    assert_eq!(server.take_requests().len(), 3);
    let response = app.admin(request("Delete", "http://example.com/")).await;
    assert_eq!(response["error"], "ResponseURL: must be an https URL");
    let unreachable = app.admin(request("Delete", "http://127.0.0.1:1/")).await;
    assert_eq!(unreachable["name"], "internal");
}

#[tokio::test]
async fn a_user_with_the_admin_email_does_not_become_administrator() {
    let app = TestApp::with_parameters(&[("AdminEmail", "testuser@example.com")]).await;
    app.register_and_login("testuser").await;
    let server = CallbackServer::start(&[]).await;
    let mut create = request("Create", &server.url);
    create["ResourceProperties"]["Email"] = "testuser@example.com".into();
    let response = app.admin(create).await;
    assert_eq!(response["name"], "email_taken", "{response}");
    assert_eq!(body(&server.take_requests())["Status"], "FAILED");
}
