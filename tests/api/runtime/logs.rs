//! Log lines, which are also metrics in CloudWatch's embedded format, and hold no secret.

use std::collections::BTreeSet;

use insta::assert_snapshot;

use serde_json::{Value, json};

use crate::support::{
    PASSWORD, TestApp, all, assert_same_set, fault, fault_of, refuse, registration,
};

/// A line for a snapshot, with names in place of what differs from run to run.
fn normalized(mut line: Value) -> String {
    let mut replace = |pointer: &str, name: &str, is_valid: fn(&Value) -> bool| {
        if let Some(value) = line.pointer_mut(pointer) {
            assert!(is_valid(value), "{pointer}: {value}");
            *value = json!(name);
        }
    };
    let text: fn(&Value) -> bool = |value| value.as_str().is_some_and(|text| !text.is_empty());
    replace("/correlation_id", "[the gateway's id]", text);
    replace("/function_request_id", "[Lambda's id]", text);
    replace("/xray_trace_id", "[trace]", |value| {
        value.as_str().is_some_and(|id| id.starts_with("1-"))
    });
    replace("/Duration", "[milliseconds]", |value| {
        value.as_f64().is_some_and(|took| took > 0.0)
    });
    replace(
        "/_aws/Timestamp",
        "[milliseconds since 1970]",
        Value::is_u64,
    );
    serde_json::to_string_pretty(&line).expect("JSON")
}

/// The fields of a line with these names.
fn fields(line: &Value, names: &[&str]) -> Value {
    names
        .iter()
        .map(|name| ((*name).to_owned(), line[name].clone()))
        .collect()
}

/// The metrics of a line that have the function as a dimension.
fn metrics_by_function(line: &Value) -> Vec<&str> {
    let directives = line["_aws"]["CloudWatchMetrics"].as_array();
    let directives = directives.expect("directives").iter();
    let by_function = directives
        .filter(|directive| directive["Dimensions"] == json!([["service", "function_name"]]));
    let metrics = by_function.flat_map(|directive| directive["Metrics"].as_array());
    metrics
        .flatten()
        .map(|metric| metric["Name"].as_str().expect("a name"))
        .collect()
}

#[tokio::test]
async fn a_request_is_one_line_with_its_metrics() {
    let app = TestApp::new().await;
    let token = app.register_and_login("testuser").await;
    app.me(&token).await;
    assert_eq!(app.last_log_line()["cold_start"], true);
    app.cloud.settle().await;
    let before = app.cloud.logs().len();
    app.me(&token).await;
    assert_eq!(app.cloud.logs().len(), before + 1);
    assert_snapshot!(normalized(app.last_log_line()), @r#"
    {
      "ClientError": 0,
      "Duration": "[milliseconds]",
      "InternalError": 0,
      "_aws": {
        "CloudWatchMetrics": [
          {
            "Dimensions": [
              [
                "service"
              ]
            ],
            "Metrics": [
              {
                "Name": "Duration",
                "Unit": "Milliseconds"
              },
              {
                "Name": "ClientError",
                "Unit": "Count"
              },
              {
                "Name": "InternalError",
                "Unit": "Count"
              }
            ],
            "Namespace": "accounts"
          }
        ],
        "Timestamp": "[milliseconds since 1970]"
      },
      "calls": 1,
      "cold_start": false,
      "correlation_id": "[the gateway's id]",
      "function_name": "center-get-me",
      "function_request_id": "[Lambda's id]",
      "level": "INFO",
      "message": "request",
      "read_units": 1.0,
      "route": "GET /api/users/me",
      "service": "accounts",
      "status": 200,
      "timestamp": "[time in UTC]",
      "user": "[uuid]",
      "write_units": 0.0,
      "xray_trace_id": "[trace]"
    }
    "#);
}

#[tokio::test]
async fn a_refusal_is_logged_and_counted_with_its_error() {
    let app = TestApp::new().await;
    app.me("no token").await;
    let line = app.last_log_line();
    assert_eq!(
        fields(
            &line,
            &["level", "status", "error", "ClientError", "InternalError"]
        ),
        json!({"level": "INFO", "status": 401, "error": "bad_token", "ClientError": 1, "InternalError": 0})
    );
    assert_eq!(metrics_by_function(&line), ["ClientError"]);
    // Family `whale` refuses with status 200, which counts as a refusal too.
    let body = json!({"email": "a@b.co", "password": PASSWORD});
    app.send_json("PUT", "/api/users/login/", &body).await;
    assert_eq!(
        fields(&app.last_log_line(), &["status", "error", "ClientError"]),
        json!({"status": 200, "error": "no_such_account", "ClientError": 1})
    );
}

#[tokio::test]
async fn an_internal_error_is_logged_and_counted_with_its_cause() {
    let app = TestApp::new().await;
    let token = app.register_and_login("testuser").await;
    app.me(&token).await;
    let refused = refuse(400, "ResourceNotFoundException");
    app.cloud.inject(fault("GetItem", usize::MAX, refused));
    app.me(&token).await;
    let line = app.last_log_line();
    assert_eq!(
        fields(
            &line,
            &[
                "level",
                "status",
                "error",
                "cause",
                "ClientError",
                "InternalError"
            ]
        ),
        json!({
            "level": "ERROR", "status": 500, "error": "internal",
            "cause": "GetItem: ResourceNotFoundException", "ClientError": 0, "InternalError": 1,
        })
    );
    assert_eq!(metrics_by_function(&line), ["InternalError"]);
}

#[tokio::test]
async fn a_stream_record_and_a_command_are_one_line_each() {
    let app = TestApp::new().await;
    app.whale_account("a@b.co").await;
    app.code("a@b.co").await;
    let lines = app.log_lines();
    let record = lines.iter().find(|line| line["function_name"] == "mailer");
    let record = record.expect("a line of the mailer");
    assert_eq!(
        fields(record, &["message", "event", "calls", "route", "status"]),
        json!({"message": "record", "event": "INSERT", "calls": 3, "route": null, "status": null})
    );
    let text = |name: &str| record[name].as_str().is_some_and(|text| !text.is_empty());
    assert!(text("sequence_number") && text("xray_trace_id"), "{record}");

    app.admin(json!({"command": "block", "user": "a@b.co"}))
        .await;
    assert_eq!(
        fields(
            &app.last_log_line(),
            &["message", "event", "calls", "read_units", "write_units"]
        ),
        json!({"message": "event", "event": "block", "calls": 3, "read_units": 2.0, "write_units": 4.0})
    );
}

#[tokio::test]
async fn an_unreadable_event_is_logged_and_fails() {
    let app = TestApp::new().await;
    for function in ["center-get-me", "mailer", "avatar-cleanup"] {
        for event in [
            json!({"canary": "canary"}),
            json!("canary"),
            json!(null),
            json!([1]),
        ] {
            let before = app.cloud.logs().len();
            let error = app
                .cloud
                .invoke(function, &event)
                .await
                .expect_err("an event of another function");
            assert!(!error.to_string().contains("canary"), "{error}");
            let line: Value = serde_json::from_str(&app.cloud.logs()[before]).expect("a line");
            let level = (&line["level"], &line["function_name"], &line["error"]);
            assert_eq!(
                level,
                (&json!("ERROR"), &json!(function), &json!("unreadable")),
                "{event}"
            );
            assert!(
                line["function_request_id"]
                    .as_str()
                    .is_some_and(|id| !id.is_empty())
            );
        }
    }
    let response = app
        .cloud
        .invoke("admin", &json!({"canary": "canary"}))
        .await
        .expect("a response");
    assert_eq!(response["name"], "unreadable");
    assert_eq!(
        (
            &app.last_log_line()["event"],
            &app.last_log_line()["ClientError"]
        ),
        (&json!("unreadable"), &json!(1))
    );
    let log: String = app.log_lines().iter().map(Value::to_string).collect();
    assert!(!log.contains("canary"), "{log}");
}

#[tokio::test]
async fn a_function_that_cannot_start_logs_the_reason() {
    let app = TestApp::with_variables(&[("TOKEN_SECONDS", "canary")]).await;
    assert_eq!(app.me("any").await.status, 500);
    let line = app.log_lines().into_iter().next().expect("a line");
    assert_eq!(line["level"], "ERROR");
    assert_eq!(line["function_name"], "center-get-me");
    assert_eq!(line["message"], "the function cannot start");
    assert_eq!(line["cause"], "the variable TOKEN_SECONDS is not a number");
}

#[tokio::test]
async fn each_line_has_the_number_of_database_calls_and_units() {
    let app = TestApp::new().await;
    let token = app.register_and_login("testuser").await;
    app.me(&token).await;
    let calls = |line: &Value| line["calls"].as_u64().expect("a number");
    app.update_me(&token, &json!({"nickname": "n"})).await;
    let line = app.last_log_line();
    let opening = 1; // the read of a missing item at the start, which belongs to no request
    assert_eq!(
        app.dynamodb_calls_by("center-update-me"),
        calls(&line) + opening
    );
    assert_eq!(
        (&line["read_units"], &line["write_units"]),
        (&json!(1.0), &json!(1.0))
    );
    app.update_me(
        &token,
        &json!({"email": "new@b.co", "phone": "13800138000"}),
    )
    .await;
    let line = app.last_log_line();
    assert_eq!(app.dynamodb_calls_by("center-update-me"), calls(&line));
    // One unit counts the new address. A transaction takes two units an item: the user, three markers,
    // two audit records, the limit of conflicts.
    assert_eq!(line["write_units"], 15.0);

    // A retry by the SDK counts as a call.
    app.dynamodb_calls_by("center-get-me");
    let transient = refuse(500, "InternalServerError");
    app.cloud
        .inject(fault_of("center-get-me", "GetItem", 1, transient));
    app.me(&token).await;
    assert_eq!(
        (
            calls(&app.last_log_line()),
            app.dynamodb_calls_by("center-get-me")
        ),
        (2, 2)
    );
}

#[tokio::test]
async fn a_line_names_the_caller_by_uuid() {
    let app = TestApp::new().await;
    let (user, token) = app.whale_account("a@b.co").await;
    assert_eq!(
        app.last_log_line()["user"],
        user["uuid"],
        "the new user signs up"
    );
    app.send(app.request("GET", &format!("/api/current_user/?token={token}")))
        .await;
    assert_eq!(app.last_log_line()["user"], user["uuid"]);
    app.me("no token").await;
    assert_eq!(app.last_log_line()["user"], Value::Null);
}

#[tokio::test]
async fn every_line_is_an_embedded_metric_document() {
    let app = TestApp::new().await;
    send_everything(&app).await;
    let lines = app.log_lines();
    for line in &lines {
        let metadata = &line["_aws"];
        assert!(metadata["Timestamp"].is_u64(), "{line}");
        let directives = metadata["CloudWatchMetrics"]
            .as_array()
            .expect("directives");
        for directive in directives {
            assert_eq!(directive["Namespace"], "accounts");
            let dimensions = directive["Dimensions"]
                .as_array()
                .expect("sets of dimensions");
            let names = dimensions
                .iter()
                .flat_map(|set| set.as_array().expect("a set"));
            for name in names {
                assert!(line[name.as_str().unwrap()].is_string(), "{name} in {line}");
            }
            for metric in directive["Metrics"].as_array().expect("metrics") {
                assert!(
                    line[metric["Name"].as_str().unwrap()].is_number(),
                    "{metric} in {line}"
                );
                assert!(["Count", "Milliseconds"].contains(&metric["Unit"].as_str().unwrap()));
            }
        }
    }
    assert!(lines.len() > 20, "{}", lines.len());
}

#[tokio::test]
async fn the_variables_of_powertools_configure_the_log() {
    let variables = [
        ("POWERTOOLS_SERVICE_NAME", "our service"),
        ("POWERTOOLS_METRICS_NAMESPACE", "our namespace"),
    ];
    let app = TestApp::with_variables(&variables).await;
    app.me("no token").await;
    let line = app.last_log_line();
    assert_eq!(line["service"], "our service");
    assert_eq!(
        line["_aws"]["CloudWatchMetrics"][0]["Namespace"],
        "our namespace"
    );

    let app = TestApp::with_variables(&[("POWERTOOLS_METRICS_DISABLED", "true")]).await;
    app.me("no token").await;
    let line = app.last_log_line();
    assert_eq!((line.get("_aws"), &line["ClientError"]), (None, &json!(1)));

    for variable in ["POWERTOOLS_LOG_LEVEL", "AWS_LAMBDA_LOG_LEVEL"] {
        let app = TestApp::with_variables(&[(variable, "ERROR")]).await;
        app.me("no token").await;
        assert!(app.cloud.logs().is_empty(), "{variable}");
        app.cloud
            .invoke("center-get-me", &json!({}))
            .await
            .expect_err("no request");
        assert_eq!(app.log_lines().len(), 1, "{variable}");
    }
}

/// Sends valid and invalid requests to every endpoint, and returns their secrets. Personal data
/// contains the word "canary".
async fn send_everything(app: &TestApp) -> Vec<String> {
    let mut body = registration("canaryuser");
    body["password"] = "canary password".into();
    body["nickname"] = "canary 昵称".into();
    app.register(&body).await;
    let signed_in = app.login("canaryuser", "canary password").await.json();
    let token = signed_in["access_token"]
        .as_str()
        .expect("a token")
        .to_owned();
    let user = app.show("canaryuser").await;
    let everything = json!({
        "username": "canaryuser", "password": "canary password", "password_old": "canary wrong",
        "password_new": "canary password", "nickname": "canary", "name": "canary name",
        "email": "canaryuser@example.com", "phone": "19912345678", "avatar": "https://example.com/canary.png",
        "apikey": "sk-canary", "real_name": "canary name", "id_card": "canary1234567890", "group": 1,
        "code": "CANARY00", "token": "canary.canary.canary", "user_uuid": user["uuid"],
        "wx": "canary", "sid": "canary", "block": "canary", "room": "canary", "isp": "canary",
        "account": "canary", "fields": "canary",
    });
    app.upload_url(&token).await;
    app.upload_url(&token).await; // deletes the first
    let code = app.code("canaryuser@example.com").await;
    let routes = app.cloud.routes();
    let requests = routes
        .iter()
        .filter(|route| route.path.starts_with('/'))
        .flat_map(|route| {
            let method = if route.method == "ANY" {
                "PATCH"
            } else {
                route.method.as_str()
            };
            let path = route
                .path
                .replace("{slash+}", "canary")
                .replace(['{', '}', '+'], "");
            let request = |token: &str| {
                let request = app.request(
                    method,
                    &format!("{path}?token={token}&who=canary&fields=canary&page=canary"),
                );
                request
                    .bearer_auth(token)
                    .header("user-agent", "canary")
                    .header("cookie", "session=canary")
            };
            [
                request(&token).json(&everything),
                request("canary.canary.canary").json(&everything),
                request(&token).form(&[("username", "canaryuser"), ("password", "canary wrong")]),
                request(&token)
                    .header("content-type", "application/json")
                    .body("{\"canary\": canary"),
                request(&token)
                    .header("content-type", "multipart/form-data; boundary=canary")
                    .body("--canary"),
            ]
        });
    let requests: Vec<_> = requests.collect();
    let sent = requests.len();
    let before = app.log_lines().len();
    all(requests.into_iter().map(|request| app.send(request))).await;
    for command in ["show", "audit", "block", "canary"] {
        app.admin(json!({"command": command, "user": "canaryuser", "canary": "canary"}))
            .await;
        app.admin(json!({"command": command, "user": "canaryuser"}))
            .await;
    }
    app.rotate_token_key().await;
    app.cloud.settle().await;
    assert!(
        app.log_lines().len() > before + sent,
        "fewer lines than the {sent} requests"
    );
    let id = user["id"].to_string();
    vec![
        token,
        code,
        id,
        "canary".into(),
        "CANARY".into(),
        "19912345678".into(),
        "昵称".into(),
    ]
}

#[tokio::test]
async fn no_secret_and_no_personal_data_is_in_any_line() {
    let app = TestApp::new().await;
    let mut secrets = send_everything(&app).await;
    secrets.extend([
        app.secret("TokenKey").await,
        app.secret("CodeKey").await,
        app.secret("DataKey").await,
    ]);
    secrets.extend(["token=", "127.0.0.1", "user-agent", "argon2id", "eyJ"].map(str::to_owned));
    let lines = app.cloud.logs();
    for line in &lines {
        for secret in &secrets {
            assert!(!line.contains(secret.as_str()), "{secret} in {line}");
        }
    }
    let logged: BTreeSet<String> = app
        .log_lines()
        .iter()
        .map(|line| line["function_name"].as_str().expect("a name").to_owned())
        .collect();
    let functions = &app.cloud.template().functions;
    let functions = functions.iter().map(|function| function.name.clone());
    assert_same_set(
        "functions in the log and in the template",
        &logged,
        &functions.collect(),
    );
}

#[tokio::test]
async fn the_units_of_frequent_requests_are_known() {
    let app = TestApp::new().await;
    let mut lines = String::new();
    let mut log = |request: &str| {
        let line = app.last_log_line();
        let units = |name: &str| line[name].as_f64().expect("a number");
        let (read, written) = (units("read_units"), units("write_units"));
        lines.push_str(&format!("{request}: {read} read, {written} written\n"));
    };
    app.register(&registration("testuser")).await;
    let token = app.login_token("testuser", PASSWORD).await;
    log("login");
    app.login("testuser", "a wrong one").await;
    log("failed login");
    app.me(&token).await;
    log("read");
    app.update_me(&token, &json!({"nickname": "n"})).await;
    log("nickname");
    assert_snapshot!(lines, @r"
    login: 2 read, 16 written
    failed login: 2 read, 8 written
    read: 1 read, 0 written
    nickname: 1 read, 1 written
    ");
}
