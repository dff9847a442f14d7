//! The log: one line for whatever a function does, which is its metric, too, and holds nothing
//! that is anybody's secret.

use insta::assert_snapshot;
use local::{Effect, Fault};
use serde_json::{Value, json};

use crate::world::{Embedded, PASSWORD, World, all, registration};

impl Embedded {
    /// Every line of the log so far that a function wrote.
    fn lines(&self) -> Vec<Value> {
        let logs = self.cloud.logs();
        logs.iter()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    /// The last line of a function that was asked; what follows the users writes in its own time.
    fn last_line(&self) -> Value {
        let lines = self.lines().into_iter().rev();
        lines
            .into_iter()
            .find(|line| line["function_name"] != "directory")
            .expect("a line")
    }

    /// The calls of DynamoDB that this function has made since the last question.
    fn calls_of(&self, function: &str) -> u64 {
        let calls = self.cloud.calls();
        self.cloud.clear_calls();
        let calls = calls
            .iter()
            .filter(|call| call.service == "dynamodb" && call.function == function);
        calls.count() as u64
    }
}

/// A line as it is compared: what differs from run to run in the words of what it is.
fn shown(mut line: Value) -> String {
    let mut replace = |pointer: &str, word: &str, fits: fn(&Value) -> bool| {
        if let Some(value) = line.pointer_mut(pointer) {
            assert!(fits(value), "{pointer}: {value}");
            *value = json!(word);
        }
    };
    let text: fn(&Value) -> bool = |value| value.as_str().is_some_and(|text| !text.is_empty());
    replace("/correlation_id", "[the gateway's id]", text);
    replace("/function_request_id", "[Lambda's id]", text);
    replace("/xray_trace_id", "[trace]", |value| {
        value.as_str().is_some_and(|id| id.starts_with("1-"))
    });
    replace("/sequence_number", "[number]", text);
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

#[tokio::test]
async fn a_request_is_one_line_with_all_that_it_took() {
    let Some(world) = World::embedded().await else {
        return;
    };
    let token = world.token("testuser").await;
    world.me(&token).await;
    assert_eq!(world.last_line()["cold_start"], true);
    world.cloud.settle().await;
    let before = world.cloud.logs().len();
    world.me(&token).await;
    assert_eq!(world.cloud.logs().len(), before + 1);
    assert_snapshot!(shown(world.last_line()), @r#"
    {
      "Duration": "[milliseconds]",
      "Fault": 0,
      "Refusal": 0,
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
                "Name": "Refusal",
                "Unit": "Count"
              },
              {
                "Name": "Fault",
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
async fn a_refusal_is_a_line_with_its_name_and_says_which_function_refused() {
    let Some(world) = World::embedded().await else {
        return;
    };
    world.me("no token").await;
    assert_snapshot!(shown(world.last_line()), @r#"
    {
      "Duration": "[milliseconds]",
      "Fault": 0,
      "Refusal": 1,
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
                "Name": "Refusal",
                "Unit": "Count"
              },
              {
                "Name": "Fault",
                "Unit": "Count"
              }
            ],
            "Namespace": "accounts"
          },
          {
            "Dimensions": [
              [
                "service",
                "function_name"
              ]
            ],
            "Metrics": [
              {
                "Name": "Refusal",
                "Unit": "Count"
              }
            ],
            "Namespace": "accounts"
          }
        ],
        "Timestamp": "[milliseconds since 1970]"
      },
      "calls": 0,
      "cold_start": true,
      "correlation_id": "[the gateway's id]",
      "error": "bad_token",
      "function_name": "center-get-me",
      "function_request_id": "[Lambda's id]",
      "level": "INFO",
      "message": "request",
      "read_units": 0.0,
      "route": "GET /api/users/me",
      "service": "accounts",
      "status": 401,
      "timestamp": "[time in UTC]",
      "write_units": 0.0,
      "xray_trace_id": "[trace]"
    }
    "#);
    // In this family's words a refusal is a 200: that it is one stands in the line all the same.
    world
        .whale(
            "PUT",
            "/api/users/login/",
            &json!({"email": "a@b.co", "password": PASSWORD}),
        )
        .await;
    let line = world.last_line();
    assert_eq!(
        (&line["status"], &line["error"], &line["Refusal"]),
        (&json!(200), &json!("no_such_account"), &json!(1))
    );
}

#[tokio::test]
async fn a_fault_is_a_line_with_its_cause() {
    let Some(world) = World::embedded().await else {
        return;
    };
    let token = world.token("testuser").await;
    world.me(&token).await;
    world.cloud.inject(Fault {
        function: None,
        operation: "GetItem".into(),
        times: usize::MAX,
        skip: 0,
        effect: Effect::Refuse {
            status: 400,
            kind: "ResourceNotFoundException".into(),
            message: "canary".into(),
        },
    });
    world.me(&token).await;
    assert_snapshot!(shown(world.last_line()), @r#"
    {
      "Duration": "[milliseconds]",
      "Fault": 1,
      "Refusal": 0,
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
                "Name": "Refusal",
                "Unit": "Count"
              },
              {
                "Name": "Fault",
                "Unit": "Count"
              }
            ],
            "Namespace": "accounts"
          },
          {
            "Dimensions": [
              [
                "service",
                "function_name"
              ]
            ],
            "Metrics": [
              {
                "Name": "Fault",
                "Unit": "Count"
              }
            ],
            "Namespace": "accounts"
          }
        ],
        "Timestamp": "[milliseconds since 1970]"
      },
      "calls": 1,
      "cause": "GetItem: ResourceNotFoundException",
      "cold_start": false,
      "correlation_id": "[the gateway's id]",
      "error": "internal",
      "function_name": "center-get-me",
      "function_request_id": "[Lambda's id]",
      "level": "ERROR",
      "message": "request",
      "read_units": 0.0,
      "route": "GET /api/users/me",
      "service": "accounts",
      "status": 500,
      "timestamp": "[time in UTC]",
      "write_units": 0.0,
      "xray_trace_id": "[trace]"
    }
    "#);
}

#[tokio::test]
async fn a_record_of_a_stream_and_an_event_are_a_line_each() {
    let Some(world) = World::embedded().await else {
        return;
    };
    world.whale_account("a@b.co").await;
    world.code("a@b.co").await;
    let lines = world.lines();
    let record = lines
        .iter()
        .find(|line| line["function_name"] == "mailer")
        .expect("a line");
    assert_snapshot!(shown(record.clone()), @r#"
    {
      "Duration": "[milliseconds]",
      "Fault": 0,
      "Refusal": 0,
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
                "Name": "Refusal",
                "Unit": "Count"
              },
              {
                "Name": "Fault",
                "Unit": "Count"
              }
            ],
            "Namespace": "accounts"
          }
        ],
        "Timestamp": "[milliseconds since 1970]"
      },
      "calls": 0,
      "cold_start": true,
      "event": "INSERT",
      "function_name": "mailer",
      "function_request_id": "[Lambda's id]",
      "level": "INFO",
      "message": "record",
      "read_units": 0.0,
      "sequence_number": "[number]",
      "service": "accounts",
      "timestamp": "[time in UTC]",
      "write_units": 0.0,
      "xray_trace_id": "[trace]"
    }
    "#);
    world
        .admin(json!({"command": "block", "user": "a@b.co"}))
        .await;
    assert_snapshot!(shown(world.last_line()), @r#"
    {
      "Duration": "[milliseconds]",
      "Fault": 0,
      "Refusal": 0,
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
                "Name": "Refusal",
                "Unit": "Count"
              },
              {
                "Name": "Fault",
                "Unit": "Count"
              }
            ],
            "Namespace": "accounts"
          }
        ],
        "Timestamp": "[milliseconds since 1970]"
      },
      "calls": 3,
      "cold_start": true,
      "event": "block",
      "function_name": "admin",
      "function_request_id": "[Lambda's id]",
      "level": "INFO",
      "message": "event",
      "read_units": 2.0,
      "service": "accounts",
      "timestamp": "[time in UTC]",
      "write_units": 4.0,
      "xray_trace_id": "[trace]"
    }
    "#);
}

#[tokio::test]
async fn an_event_that_is_none_of_a_functions_is_told_and_fails() {
    let Some(world) = World::embedded().await else {
        return;
    };
    for function in ["center-get-me", "mailer", "sweeper"] {
        for event in [
            json!({"canary": "canary"}),
            json!("canary"),
            json!(null),
            json!([1]),
        ] {
            let before = world.cloud.logs().len();
            let error = world
                .cloud
                .invoke(function, &event)
                .await
                .expect_err("no event of its own");
            assert!(!error.to_string().contains("canary"), "{error}");
            let line: Value = serde_json::from_str(&world.cloud.logs()[before]).expect("a line");
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
    let answer = world
        .cloud
        .invoke("admin", &json!({"canary": "canary"}))
        .await
        .expect("an answer");
    assert_eq!(answer["name"], "unreadable");
    assert_eq!(
        (&world.last_line()["event"], &world.last_line()["Refusal"]),
        (&json!("unreadable"), &json!(1))
    );
    let told = world
        .lines()
        .iter()
        .map(Value::to_string)
        .collect::<String>();
    assert!(!told.contains("canary"), "{told}");
}

#[tokio::test]
async fn a_function_that_cannot_start_says_why() {
    let Some(world) = World::with_variables(&[], &[("TOKEN_SECONDS", "canary")]).await else {
        return;
    };
    assert_eq!(world.me("any").await.status, 500);
    let line = world.lines().into_iter().next().expect("a line");
    assert_eq!(line["level"], "ERROR");
    assert_eq!(line["function_name"], "center-get-me");
    assert_eq!(line["message"], "the function cannot start");
    assert_eq!(line["cause"], "the variable TOKEN_SECONDS is not a number");
}

#[tokio::test]
async fn each_line_tells_as_many_calls_as_were_made_and_the_units_they_took() {
    let Some(world) = World::embedded().await else {
        return;
    };
    let token = world.token("testuser").await;
    world.me(&token).await;
    let calls = |line: &Value| line["calls"].as_u64().expect("a number");
    world.update(&token, &json!({"nickname": "n"})).await;
    let line = world.last_line();
    let opening = 1; // an item that is not there, read while the function starts: no request's
    assert_eq!(world.calls_of("center-update-me"), calls(&line) + opening);
    assert_eq!(
        (&line["read_units"], &line["write_units"]),
        (&json!(1.0), &json!(1.0))
    );
    world
        .update(
            &token,
            &json!({"email": "new@b.co", "phone": "13800138000"}),
        )
        .await;
    let line = world.last_line();
    assert_eq!(world.calls_of("center-update-me"), calls(&line));
    // In a transaction each item is written twice: the user, three markers, the mail, the trail.
    assert_eq!(line["write_units"], 12.0);

    // An attempt that the SDK makes again by itself is a call, too.
    let passing = Effect::Refuse {
        status: 500,
        kind: "InternalServerError".into(),
        message: "for now".into(),
    };
    let fault = Fault {
        function: None,
        operation: "GetItem".into(),
        times: 1,
        skip: 0,
        effect: passing,
    };
    world.cloud.settle().await; // so that nobody else meets the fault
    world.calls_of("center-get-me");
    world.cloud.inject(fault);
    world.me(&token).await;
    assert_eq!(
        (calls(&world.last_line()), world.calls_of("center-get-me")),
        (2, 2)
    );
}

#[tokio::test]
async fn whoever_makes_a_request_is_told_by_their_uuid() {
    let Some(world) = World::embedded().await else {
        return;
    };
    let (user, token) = world.whale_account("a@b.co").await;
    assert_eq!(
        world.last_line()["user"],
        user["uuid"],
        "who has just signed up"
    );
    world
        .send(world.request("GET", &format!("/api/current_user/?token={token}")))
        .await;
    assert_eq!(world.last_line()["user"], user["uuid"]);
    world.me("no token").await;
    assert_eq!(world.last_line()["user"], Value::Null);
}

#[tokio::test]
async fn every_line_is_an_embedded_metric_document() {
    let Some(world) = World::embedded().await else {
        return;
    };
    busy(&world).await;
    let lines = world.lines();
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
async fn how_the_log_is_kept_is_said_by_powertools_variables() {
    let variables = [
        ("POWERTOOLS_SERVICE_NAME", "our service"),
        ("POWERTOOLS_METRICS_NAMESPACE", "our namespace"),
    ];
    let Some(world) = World::with_variables(&[], &variables).await else {
        return;
    };
    world.me("no token").await;
    let line = world.last_line();
    assert_eq!(line["service"], "our service");
    assert_eq!(
        line["_aws"]["CloudWatchMetrics"][0]["Namespace"],
        "our namespace"
    );

    let Some(world) = World::with_variables(&[], &[("POWERTOOLS_METRICS_DISABLED", "true")]).await
    else {
        return;
    };
    world.me("no token").await;
    let line = world.last_line();
    assert_eq!((line.get("_aws"), &line["Refusal"]), (None, &json!(1)));

    for variable in ["POWERTOOLS_LOG_LEVEL", "AWS_LAMBDA_LOG_LEVEL"] {
        let Some(world) = World::with_variables(&[], &[(variable, "ERROR")]).await else {
            return;
        };
        world.me("no token").await;
        assert!(world.cloud.logs().is_empty(), "{variable}");
        world
            .cloud
            .invoke("center-get-me", &json!({}))
            .await
            .expect_err("no request");
        assert_eq!(world.lines().len(), 1, "{variable}");
    }
}

/// Every endpoint, by good requests and bad ones; what is secret or personal has "canary" in it.
async fn busy(world: &Embedded) -> Vec<String> {
    let mut body = registration("canaryuser");
    body["password"] = "canary password".into();
    body["nickname"] = "canary 昵称".into();
    world.register(&body).await;
    let signed_in = world.login("canaryuser", "canary password").await.json();
    let token = signed_in["access_token"]
        .as_str()
        .expect("a token")
        .to_owned();
    let user = world
        .admin(json!({"command": "show", "user": "canaryuser"}))
        .await["user"]
        .clone();
    let everything = json!({
        "username": "canaryuser", "password": "canary password", "password_old": "canary wrong",
        "password_new": "canary password", "nickname": "canary", "name": "canary name",
        "email": "canaryuser@example.com", "phone": "19912345678", "avatar": "https://example.com/canary.png",
        "apikey": "sk-canary", "real_name": "canary name", "id_card": "canary1234567890", "group": 1,
        "code": "CANARY00", "token": "canary.canary.canary", "user_uuid": user["uuid"],
        "wx": "canary", "sid": "canary", "block": "canary", "room": "canary", "isp": "canary",
        "account": "canary", "fields": "canary",
    });
    world.uploaded(&token).await;
    world.uploaded(&token).await; // the sweeper deletes the first
    let code = world.code("canaryuser@example.com").await;
    let routes = world.cloud.routes();
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
                let request = world.request(
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
    let before = world.lines().len();
    all(requests.into_iter().map(|request| world.send(request))).await;
    for command in ["show", "audit", "block", "canary"] {
        world
            .admin(json!({"command": command, "user": "canaryuser", "canary": "canary"}))
            .await;
        world
            .admin(json!({"command": command, "user": "canaryuser"}))
            .await;
    }
    world.rotate_token_key().await;
    world.cloud.settle().await;
    assert!(
        world.lines().len() > before + sent,
        "each request is a line: {sent}"
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
async fn no_secret_and_nothing_personal_is_in_any_line_of_any_function() {
    let Some(world) = World::embedded().await else {
        return;
    };
    let mut secrets = busy(&world).await;
    secrets.extend([
        world.secret("TokenKey").await,
        world.secret("DataKey").await,
    ]);
    secrets.extend(["token=", "127.0.0.1", "user-agent", "argon2id", "eyJ"].map(str::to_owned));
    let lines = world.cloud.logs();
    for line in &lines {
        for secret in &secrets {
            assert!(!line.contains(secret.as_str()), "{secret} in {line}");
        }
    }
    let told: std::collections::BTreeSet<_> = world
        .lines()
        .iter()
        .map(|line| line["function_name"].to_string())
        .collect();
    let functions = world.cloud.template().functions.len();
    assert_eq!(
        told.len(),
        functions,
        "every function has written something: {told:?}"
    );
}
