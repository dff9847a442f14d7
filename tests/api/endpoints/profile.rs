//! Family `profile`: every documented response, and validation.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::{PASSWORD, PNG, TestApp, all, picture, registration};

#[tokio::test]
async fn get_user_returns_the_caller_and_no_secret() {
    let app = TestApp::new().await;
    let token = app.register_and_login("testuser").await;
    app.update_me(
        &token,
        &json!({"phone": "13800138000", "avatar": "https://example.com/a.png"}),
    )
    .await;
    assert_snapshot!(app.get_as(&token, "/users").await, @r#"
    200 application/json
    {
      "code": 200,
      "data": {
        "avatar": "https://example.com/a.png",
        "avatar_url": "https://example.com/a.png",
        "create_time": "[date and time]",
        "email": "testuser@example.com",
        "mobile": "13800138000",
        "name": "testuser",
        "user_id": [id]
      },
      "error_code": "0",
      "message": "Success"
    }
    "#);
}

#[tokio::test]
async fn without_a_token_every_endpoint_returns_4101() {
    let app = TestApp::new().await;
    let mut responses = String::new();
    for (method, path) in [
        ("GET", "/users"),
        ("PUT", "/users/name"),
        ("GET", "/users/auth"),
        ("POST", "/users/auth"),
    ] {
        for token in ["", "nonsense"] {
            let response = app
                .send_json_as(token, method, path, &json!({"name": "n"}))
                .await;
            responses.push_str(&format!(
                "{method} {path} {token:?}: {} {}\n",
                response.status, response.text
            ));
        }
    }
    assert_snapshot!(responses, @r#"
    GET /users "": 401 {"error_code":"4101","message":"Not logged in"}
    GET /users "nonsense": 401 {"error_code":"4101","message":"Not logged in"}
    PUT /users/name "": 401 {"error_code":"4101","message":"Not logged in"}
    PUT /users/name "nonsense": 401 {"error_code":"4101","message":"Not logged in"}
    GET /users/auth "": 401 {"error_code":"4101","message":"Not logged in"}
    GET /users/auth "nonsense": 401 {"error_code":"4101","message":"Not logged in"}
    POST /users/auth "": 401 {"error_code":"4101","message":"Not logged in"}
    POST /users/auth "nonsense": 401 {"error_code":"4101","message":"Not logged in"}
    "#);
}

#[tokio::test]
async fn a_blocked_user_gets_4104_from_every_endpoint() {
    let app = TestApp::new().await;
    let (user, token) = app.whale_account("a@b.co").await;
    app.update_directly(&user, |user| user.blocked = true).await;
    let mut responses = String::new();
    let body = json!({"name": "renamed", "real_name": "测试实名", "id_card": "11010119900307001X"});
    for (method, path) in [
        ("GET", "/users"),
        ("POST", "/users/avatar"),
        ("PUT", "/users/name"),
        ("GET", "/users/auth"),
        ("POST", "/users/auth"),
    ] {
        let response = app.send_json_as(&token, method, path, &body).await;
        responses.push_str(&format!(
            "{method} {path}: {} {}\n",
            response.status, response.text
        ));
    }
    assert_snapshot!(responses, @r#"
    GET /users: 200 {"error_code":"4104","message":"Blocked"}
    POST /users/avatar: 200 {"error_code":"4104","message":"Blocked"}
    PUT /users/name: 200 {"error_code":"4104","message":"Blocked"}
    GET /users/auth: 200 {"error_code":"4104","message":"Blocked"}
    POST /users/auth: 200 {"error_code":"4104","message":"Blocked"}
    "#);
    assert!(
        app.items()
            .await
            .iter()
            .all(|item| !item.contains_key("real_name"))
    );

    // The other families respond in their own format.
    assert_eq!(app.me(&token).await.status, 401);
    let current = app
        .send(app.request("GET", &format!("/api/current_user/?token={token}")))
        .await;
    assert_eq!(current.json()["code"], 1104);
    let renamed = app
        .send_json(
            "PUT",
            &format!("/api/users/name/?token={token}"),
            &json!({"name": "n"}),
        )
        .await;
    assert_eq!(renamed.json()["code"], 1101);
    assert_eq!(
        app.view_profile(&token, "").await.json()["msg"],
        "only active users can access this API"
    );
}

#[tokio::test]
async fn set_name_changes_the_user_name_in_all_families() {
    let app = TestApp::new().await;
    let token = app.register_and_login("testuser").await;
    assert_snapshot!(app.send_json_as(&token, "PUT", "/users/name", &json!({"name": "renamed"})).await, @r#"
    200 application/json
    {
      "code": 200,
      "data": {
        "name": "renamed"
      },
      "error_code": "0",
      "message": "Success",
      "name": "renamed"
    }
    "#);
    assert_eq!(app.me(&token).await.json()["username"], "renamed");
    assert_eq!(app.login("renamed", PASSWORD).await.status, 200);
    assert_eq!(app.login("testuser", PASSWORD).await.status, 401);
}

#[tokio::test]
async fn a_name_can_have_one_character_or_fifty() {
    let app = TestApp::new().await;
    let token = app.register_and_login("testuser").await;
    for name in ["小明", "明", "a", &"长".repeat(50)] {
        let renamed = app
            .send_json_as(&token, "PUT", "/users/name", &json!({ "name": name }))
            .await
            .json();
        assert_eq!(
            (&renamed["error_code"], &renamed["name"]),
            (&json!("0"), &json!(name))
        );
        assert_eq!(app.login(name, PASSWORD).await.status, 200, "{name}");
    }
    let mut body = registration("short");
    body["username"] = "小明".into();
    let refused = app.register(&body).await;
    assert_eq!(
        (refused.status, &refused.json()["detail"]),
        (422, &json!("username: must be 3 to 50 characters")),
        "the center's document requires three characters"
    );
}

#[tokio::test]
async fn an_invalid_name_gets_the_documented_message() {
    let app = TestApp::new().await;
    let (token, _) = (
        app.register_and_login("testuser").await,
        app.register_and_login("taken").await,
    );
    let mut responses = String::new();
    for body in [
        json!({}),
        json!({"other": 1}),
        json!({"name": ""}),
        json!({"name": "  "}),
        json!({"name": null}),
        json!({"name": 0}),
        json!({"name": false}),
        json!({"name": []}),
        json!({"name": {}}),
        json!({"name": 5}),
        json!({"name": "a".repeat(51)}),
        json!({"name": "a\u{2800}b"}),
        json!({"name": "\u{430}dmin"}),
        json!({"name": "a@b.co"}),
        json!({"name": "taken"}),
        json!({"name": "ＴＡＫＥＮ"}),
        json!([]),
        json!(null),
        json!(0),
        json!(""),
        json!([1]),
    ] {
        let response = app.send_json_as(&token, "PUT", "/users/name", &body).await;
        responses.push_str(&format!("{body}: {} {}\n", response.status, response.text));
    }
    for body in ["", "name=renamed", "{"] {
        let request = app.request("PUT", "/users/name").bearer_auth(&token);
        let response = app
            .send(
                request
                    .header("content-type", "application/json")
                    .body(body),
            )
            .await;
        responses.push_str(&format!(
            "{body:?}: {} {}\n",
            response.status, response.text
        ));
    }
    assert_snapshot!(responses, @r#"
    {}: 200 {"error_code":"4103","message":"Incomplete parameters"}
    {"other":1}: 200 {"error_code":"4103","message":"Username cannot be empty"}
    {"name":""}: 200 {"error_code":"4103","message":"Username cannot be empty"}
    {"name":"  "}: 200 {"error_code":"4103","message":"Username cannot be empty"}
    {"name":null}: 200 {"error_code":"4103","message":"Username cannot be empty"}
    {"name":0}: 200 {"error_code":"4103","message":"Username cannot be empty"}
    {"name":false}: 200 {"error_code":"4103","message":"Username cannot be empty"}
    {"name":[]}: 200 {"error_code":"4103","message":"Username cannot be empty"}
    {"name":{}}: 200 {"error_code":"4103","message":"Username cannot be empty"}
    {"name":5}: 200 {"error_code":"4103","message":"Invalid parameters: name must be a string"}
    {"name":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}: 200 {"error_code":"4103","message":"Invalid parameters: name must be 1 to 50 characters"}
    {"name":"a⠀b"}: 200 {"error_code":"4103","message":"Invalid parameters: name must not contain invisible characters"}
    {"name":"аdmin"}: 200 {"error_code":"4001","message":"Username update failed"}
    {"name":"a@b.co"}: 200 {"error_code":"4103","message":"Invalid parameters: name must not contain @"}
    {"name":"taken"}: 200 {"error_code":"4001","message":"Username update failed"}
    {"name":"ＴＡＫＥＮ"}: 200 {"error_code":"4001","message":"Username update failed"}
    []: 200 {"error_code":"4103","message":"Incomplete parameters"}
    null: 200 {"error_code":"4103","message":"Incomplete parameters"}
    0: 200 {"error_code":"4103","message":"Incomplete parameters"}
    "": 200 {"error_code":"4103","message":"Incomplete parameters"}
    [1]: 200 {"error_code":"4103","message":"Invalid parameters: the body must be a JSON object"}
    "": 200 {"error_code":"4103","message":"Incomplete parameters"}
    "name=renamed": 200 {"error_code":"4103","message":"Incomplete parameters"}
    "{": 200 {"error_code":"4103","message":"Incomplete parameters"}
    "#);
    assert_eq!(app.me(&token).await.json()["username"], "testuser");
}

#[tokio::test]
async fn a_real_name_is_saved_once_and_shown_only_to_its_user() {
    let app = TestApp::new().await;
    let token = app.register_and_login("testuser").await;
    assert_snapshot!(app.get_as(&token, "/users/auth").await, @r#"
    200 application/json
    {
      "code": 200,
      "data": {
        "id_card": null,
        "real_name": null,
        "user_id": [id]
      },
      "error_code": "0",
      "message": "Success"
    }
    "#);
    let first = json!({"real_name": "测试实名", "id_card": "11010119900307001X"});
    assert_snapshot!(app.send_json_as(&token, "POST", "/users/auth", &first).await, @r#"
    200 application/json
    {
      "code": 200,
      "data": {},
      "error_code": "0",
      "message": "Verification information saved"
    }
    "#);
    let second = json!({"real_name": "另一实名", "id_card": "11010119900307002Y"});
    let again = app
        .send_json_as(&token, "POST", "/users/auth", &second)
        .await;
    assert_eq!(again.json()["message"], "Verification information saved");
    assert_snapshot!(app.get_as(&token, "/users/auth").await, @r#"
    200 application/json
    {
      "code": 200,
      "data": {
        "id_card": "11010119900307001X",
        "real_name": "测试实名",
        "user_id": [id]
      },
      "error_code": "0",
      "message": "Success"
    }
    "#);

    let stored = app.items().await;
    let user = stored
        .iter()
        .find(|item| item.contains_key("uuid"))
        .expect("the user");
    for (field, secret) in [("real_name", "测试实名"), ("id_card", "11010119900307001X")] {
        let encrypted =
            String::from_utf8_lossy(user[field].as_b().expect("bytes").as_ref()).into_owned();
        assert!(!encrypted.contains(secret), "{field}");
        for response in [app.get_as(&token, "/users").await, app.me(&token).await] {
            assert!(!response.text.contains(secret), "{field}");
        }
        assert!(
            !app.logs().await.join("\n").contains(secret),
            "{field} is in the log"
        );
    }
    let events = app.audit_events().await;
    assert_eq!(events, ["sign-up", "login", "real-name", "real-name-again"]);
}

#[tokio::test]
async fn an_incomplete_real_name_is_refused_and_not_saved() {
    let app = TestApp::new().await;
    let token = app.register_and_login("testuser").await;
    let mut responses = String::new();
    for body in [
        json!({}),
        json!({"real_name": "测试实名"}),
        json!({"id_card": "11010119900307001X"}),
        json!({"real_name": "", "id_card": "11010119900307001X"}),
        json!({"real_name": "测试实名", "id_card": null}),
        json!({"real_name": "测试实名", "id_card": "中文"}),
        json!({"real_name": "测试实名", "id_card": "1' OR '1'='1"}),
        json!({"real_name": ["测试实名"], "id_card": "11010119900307001X"}),
        json!({"real_name": [], "id_card": "11010119900307001X"}),
        json!({"real_name": "测试实名", "id_card": 0}),
        json!({"real_name": false, "id_card": {}}),
        json!("text"),
        json!([]),
        json!(null),
        json!(false),
    ] {
        let response = app.send_json_as(&token, "POST", "/users/auth", &body).await;
        responses.push_str(&format!("{body}: {} {}\n", response.status, response.text));
    }
    assert_snapshot!(responses, @r#"
    {}: 200 {"error_code":"4103","message":"Invalid parameters"}
    {"real_name":"测试实名"}: 200 {"error_code":"4103","message":"Missing required parameters"}
    {"id_card":"11010119900307001X"}: 200 {"error_code":"4103","message":"Missing required parameters"}
    {"id_card":"11010119900307001X","real_name":""}: 200 {"error_code":"4103","message":"Missing required parameters"}
    {"id_card":null,"real_name":"测试实名"}: 200 {"error_code":"4103","message":"Missing required parameters"}
    {"id_card":"中文","real_name":"测试实名"}: 200 {"error_code":"4103","message":"Invalid parameters"}
    {"id_card":"1' OR '1'='1","real_name":"测试实名"}: 200 {"error_code":"4103","message":"Invalid parameters"}
    {"id_card":"11010119900307001X","real_name":["测试实名"]}: 200 {"error_code":"4103","message":"Invalid parameters"}
    {"id_card":"11010119900307001X","real_name":[]}: 200 {"error_code":"4103","message":"Missing required parameters"}
    {"id_card":0,"real_name":"测试实名"}: 200 {"error_code":"4103","message":"Missing required parameters"}
    {"id_card":{},"real_name":false}: 200 {"error_code":"4103","message":"Missing required parameters"}
    "text": 200 {"error_code":"4103","message":"Invalid parameters"}
    []: 200 {"error_code":"4103","message":"Invalid parameters"}
    null: 200 {"error_code":"4103","message":"Invalid parameters"}
    false: 200 {"error_code":"4103","message":"Invalid parameters"}
    "#);
    assert!(
        app.items()
            .await
            .iter()
            .all(|item| !item.contains_key("real_name"))
    );
}

#[tokio::test]
async fn of_16_concurrent_real_names_one_is_saved_whole() {
    let app = TestApp::new().await;
    let token = app.register_and_login("testuser").await;
    let bodies: Vec<Value> = (0..16)
        .map(|at| json!({"real_name": format!("name {at}"), "id_card": format!("CARD-{at}")}))
        .collect();
    for response in all(bodies
        .iter()
        .map(|body| app.send_json_as(&token, "POST", "/users/auth", body)))
    .await
    {
        assert_eq!(response.json()["error_code"], "0", "{response}");
    }
    let saved = app.get_as(&token, "/users/auth").await.json()["data"].clone();
    let number = saved["real_name"]
        .as_str()
        .unwrap()
        .trim_start_matches("name ")
        .to_owned();
    assert_eq!(saved["id_card"], format!("CARD-{number}"));
    let events = app.audit_events().await;
    let count = |event: &str| events.iter().filter(|entry| *entry == event).count();
    assert_eq!(
        (count("real-name"), count("real-name-again")),
        (1, bodies.len() - 1),
        "{events:?}"
    );
}

#[tokio::test]
async fn a_value_of_the_wrong_type_is_never_echoed() {
    let app = TestApp::new().await;
    let token = app.register_and_login("testuser").await;
    let secret = 110_101_199_003_071_234_u64;
    let fields = [
        "real_name",
        "id_card",
        "name",
        "username",
        "password",
        "nickname",
        "email",
        "phone",
        "avatar",
        "apikey",
        "password_old",
        "password_new",
        "code",
        "user_id",
        "group",
        "user_uuid",
        "token",
        "who",
        "block",
        "room",
        "isp",
        "account",
    ];
    let mut refused = 0;
    for value in [
        json!(secret),
        json!([secret]),
        json!({"a": secret}),
        json!(-1.5),
        json!(["1101, expected it"]),
    ] {
        let body: Value = fields
            .iter()
            .map(|field| ((*field).to_owned(), value.clone()))
            .collect();
        for route in app
            .routes()
            .into_iter()
            .filter(|route| ["POST", "PUT"].contains(&&*route.method))
            .filter(|route| route.path != "/api/auth/logout")
        // it would end the session
        {
            let path = route.path.replace("{slash+}", "");
            let response = app.send_json_as(&token, &route.method, &path, &body).await;
            let echoed = ["110101", "-1.5", "1101", "invalid type"]
                .into_iter()
                .find(|value| response.text.contains(value));
            assert_eq!(echoed, None, "{} {path}: {response}", route.method);
            refused += usize::from(response.text.contains("must be a string"));
        }
    }
    assert!(refused > 0, "some families name the field");
}

#[tokio::test]
async fn the_description_shows_the_messages_that_are_returned() {
    let app = TestApp::new().await;
    let token = app.register_and_login("testuser").await;
    let description = app.send(app.request("GET", "/openapi.json")).await.json();
    let example = |method: &str, path: &str| {
        let operation = &description["paths"][path][method];
        operation["responses"]["200"]["content"]["application/json"]["examples"]["success"]["value"]
            .clone()
    };
    let real_name = json!({"real_name": "测试实名", "id_card": "11010119900307001X"});
    let saved = app
        .send_json_as(&token, "POST", "/users/auth", &real_name)
        .await;
    assert_eq!(example("post", "/users/auth"), saved.json());

    let uploaded = app.upload(&token, &picture(PNG, 20)).await.json();
    let mut shown = example("post", "/users/avatar");
    assert_eq!(shown["avatar_url"], shown["data"]["avatar_url"]);
    let key = |url: &Value| url.as_str().map(|url| url.rsplit('/').next().map(str::len));
    assert_eq!(key(&shown["avatar_url"]), key(&uploaded["avatar_url"]));
    for at in ["/avatar_url", "/data/avatar_url"] {
        *shown.pointer_mut(at).expect("a URL") = uploaded["avatar_url"].clone();
    }
    assert_eq!(shown, uploaded);
}
