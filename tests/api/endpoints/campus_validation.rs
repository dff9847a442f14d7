//! Family `campus`: validation of requests, and the number of AWS calls.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::{TestApp, profile_change};

const FIELDS: [&str; 6] = ["who", "block", "room", "phone", "isp", "account"];

#[tokio::test]
async fn missing_fields_are_reported_in_the_documented_order() {
    let app = TestApp::new().await;
    let (_, token) = app.student("student").await;
    let whole = profile_change("student");
    let mut phone = whole.clone();
    phone["phone"] = json!("");
    assert_snapshot!(app.change_profile(&token, &phone).await, @r#"
    400 application/json
    {
      "errType": 2,
      "msg": "invalid request body: Key: 'ChangeUserProfileRequest.Phone' Error:Field validation for 'Phone' failed on the 'required' tag",
      "success": false
    }
    "#);
    assert_snapshot!(app.change_profile(&token, &json!({})).await.json()["msg"].as_str().unwrap(), @"
    invalid request body: Key: 'ChangeUserProfileRequest.Who' Error:Field validation for 'Who' failed on the 'required' tag
    Key: 'ChangeUserProfileRequest.Block' Error:Field validation for 'Block' failed on the 'required' tag
    Key: 'ChangeUserProfileRequest.Room' Error:Field validation for 'Room' failed on the 'required' tag
    Key: 'ChangeUserProfileRequest.Phone' Error:Field validation for 'Phone' failed on the 'required' tag
    Key: 'ChangeUserProfileRequest.ISP' Error:Field validation for 'ISP' failed on the 'required' tag
    Key: 'ChangeUserProfileRequest.Account' Error:Field validation for 'Account' failed on the 'required' tag
    ");

    // Every set of missing fields, missing in every way.
    for missing in 1_u32..1 << FIELDS.len() {
        let is_missing = |field: &str| {
            missing & (1 << FIELDS.iter().position(|name| *name == field).unwrap()) != 0
        };
        for nothing in [None, Some(Value::Null), Some(json!("")), Some(json!(" \t"))] {
            let mut body = whole.clone();
            for field in FIELDS.iter().filter(|field| is_missing(field)) {
                body.as_object_mut().unwrap().remove(*field);
                nothing
                    .iter()
                    .for_each(|nothing| body[*field] = nothing.clone());
            }
            let response = app.change_profile(&token, &body).await;
            let message = response.json()["msg"].as_str().unwrap().to_owned();
            assert_eq!(
                (response.status, &response.json()["errType"]),
                (400, &json!(2)),
                "{body}: {response}"
            );
            assert!(
                message.starts_with("invalid request body: Key: 'ChangeUserProfileRequest."),
                "{message}"
            );
            let names = ["Who", "Block", "Room", "Phone", "ISP", "Account"];
            let expected = FIELDS
                .iter()
                .zip(names)
                .filter(|(field, _)| is_missing(field));
            let reported: Vec<&str> = message
                .lines()
                .filter_map(|line| line.split('\'').nth(3))
                .collect();
            assert_eq!(
                reported,
                expected.map(|(_, name)| name).collect::<Vec<_>>(),
                "{body}"
            );
        }
    }
    assert_eq!(
        app.view_profile(&token, "").await.json()["profile"]["room"],
        ""
    );
}

#[tokio::test]
async fn an_invalid_body_is_read_only_for_active_users() {
    let app = TestApp::new().await;
    let (user, token) = app.student("student").await;
    let uuid = user["uuid"].as_str().expect("a UUID");
    let before = app.user_item("uuid", uuid).await;
    let with = |field: &str, value: Value| {
        let mut body = profile_change("student");
        body[field] = value;
        body.to_string()
    };
    let bodies = [
        ("empty", String::new()),
        ("not JSON", "who=student".into()),
        ("cut short", r#"{"who":"#.into()),
        (
            "trailing data",
            format!("{}{{}}", profile_change("student")),
        ),
        ("an array", json!([profile_change("student")]).to_string()),
        (
            "an array of texts",
            json!(["student", "15", "202", "13900139000", "telecom", "1"]).to_string(),
        ),
        ("a text", "\"who\"".into()),
        ("null", "null".into()),
        ("1 MB", with("room", "2".repeat(1 << 20).into())),
        ("a number", with("phone", json!(13_900_139_000_u64))),
        ("a list", with("room", json!(["202"]))),
        ("an object", with("block", json!({"S": "15"}))),
        ("a truth", with("who", json!(true))),
        (
            "a key twice",
            profile_change("student")
                .to_string()
                .replacen('{', r#"{"room":"1","#, 1),
        ),
        ("no phone number", with("phone", "13900139000x".into())),
        ("a long phone number", with("phone", "1".repeat(21).into())),
        ("a control character", with("room", "2\u{0}2".into())),
        ("a new line", with("account", "1\r\n2".into())),
        (
            "a mark that turns the direction",
            with("isp", "tele\u{202E}com".into()),
        ),
        ("101 characters", with("block", "宿".repeat(101).into())),
    ];
    let send = async |token: &str, kind: &str, body: &str| {
        let request = app
            .request("POST", "/api/v3/change_profile")
            .bearer_auth(token);
        app.send(request.header("content-type", kind).body(body.to_owned()))
            .await
    };
    let mut lines = String::new();
    for (name, body) in &bodies {
        let response = send(&token, "application/json", body).await;
        lines.push_str(&format!("{name}: {} {}\n", response.status, response.text));
        assert_eq!(
            send("", "application/json", body).await.status,
            401,
            "{name}"
        );
    }
    let response = send(&token, "text/plain", &profile_change("student").to_string()).await;
    lines.push_str(&format!(
        "text/plain: {} {}\n",
        response.status, response.text
    ));
    assert_snapshot!(lines, @r#"
    empty: 400 {"success":false,"msg":"invalid request body: the body is not valid JSON","errType":2}
    not JSON: 400 {"success":false,"msg":"invalid request body: the body is not valid JSON","errType":2}
    cut short: 400 {"success":false,"msg":"invalid request body: the body is not valid JSON","errType":2}
    trailing data: 400 {"success":false,"msg":"invalid request body: the body is not valid JSON","errType":2}
    an array: 400 {"success":false,"msg":"invalid request body: the body must be a JSON object","errType":2}
    an array of texts: 400 {"success":false,"msg":"invalid request body: the body must be a JSON object","errType":2}
    a text: 400 {"success":false,"msg":"invalid request body: the body must be a JSON object","errType":2}
    null: 400 {"success":false,"msg":"invalid request body: the body must be a JSON object","errType":2}
    1 MB: 413 {"success":false,"msg":"request body too large","errType":2}
    a number: 400 {"success":false,"msg":"invalid request body: phone: must be a string","errType":2}
    a list: 400 {"success":false,"msg":"invalid request body: room: must be a string","errType":2}
    an object: 400 {"success":false,"msg":"invalid request body: block: must be a string","errType":2}
    a truth: 400 {"success":false,"msg":"invalid request body: who: must be a string","errType":2}
    a key twice: 400 {"success":false,"msg":"invalid request body: duplicate field `room`","errType":2}
    no phone number: 400 {"success":false,"msg":"invalid request body: phone: is not a phone number","errType":2}
    a long phone number: 400 {"success":false,"msg":"invalid request body: phone: must be 3 to 20 characters","errType":2}
    a control character: 400 {"success":false,"msg":"invalid request body: room: must not contain invisible characters","errType":2}
    a new line: 400 {"success":false,"msg":"invalid request body: account: must not contain invisible characters","errType":2}
    a mark that turns the direction: 400 {"success":false,"msg":"invalid request body: isp: must not contain invisible characters","errType":2}
    101 characters: 400 {"success":false,"msg":"invalid request body: block: must be 1 to 100 characters","errType":2}
    text/plain: 400 {"success":false,"msg":"invalid request body: the content type is not application/json","errType":2}
    "#);
    assert_eq!(app.user_item("uuid", uuid).await, before);

    app.update_directly(&user, |user| user.blocked = true).await;
    for (name, body) in &bodies {
        assert_eq!(
            send(&token, "application/json", body).await.status,
            403,
            "{name}"
        );
    }
    app.update_directly(&user, |user| user.blocked = false)
        .await;
    let longest = with("block", "宿".repeat(100).into());
    assert_eq!(
        send(&token, "application/json; charset=utf-8", &longest)
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn an_impossible_openid_refers_to_no_user() {
    let app = TestApp::new().await;
    let (_, token) = app.student("student").await;
    let admin = app.campus_admin_token().await;
    let long = "x".repeat(129);
    for who in [
        "local:",
        "local:student",
        "local: ",
        "%00",
        "a%20b",
        "%F0%9F%98%80",
        "USER%231%0A",
        &long,
    ] {
        let query = format!("?who={who}");
        assert_eq!(app.view_profile(&token, &query).await.status, 403, "{who}");
        let response = app.view_profile(&admin, &query).await;
        assert_eq!(
            (response.status, &response.json()["errType"]),
            (400, &json!("logic")),
            "{who}: {response}"
        );
    }
}

#[tokio::test]
async fn attributes_that_clients_may_not_set_do_not_change() {
    let app = TestApp::new().await;
    let (user, token) = app.student("student").await;
    let uuid = user["uuid"].as_str().expect("a UUID");
    let whole = profile_change("student");
    assert_eq!(app.change_profile(&token, &whole).await.status, 200);
    let before = app.user_item("uuid", uuid).await;
    for key in [
        "access",
        "role",
        "wx",
        "wechat_open_id",
        "sid",
        "blocked",
        "uuid",
        "id",
        "user_id",
        "ver",
        "version",
        "token_version",
        "email",
        "email_verified",
        "featured",
        "username",
        "nickname",
        "name",
        "avatar",
        "apikey",
        "password",
        "password_hash",
        "real_name",
        "id_card",
        "created_at",
        "updated_at",
        "last_login",
        "pk",
        "owner",
        "expires_at",
        "Who",
        "__proto__",
    ] {
        for value in [
            json!("admin"),
            json!(true),
            json!(2),
            json!(null),
            json!({"S": "admin"}),
        ] {
            let mut body = whole.clone();
            body[key] = value;
            let response = app.change_profile(&token, &body).await;
            assert_eq!(response.status, 200, "{body}: {response}");
        }
    }
    assert_eq!(app.user_item("uuid", uuid).await, before);
}

#[tokio::test]
async fn each_campus_request_makes_the_fewest_aws_calls() {
    let app = TestApp::new().await;
    let (user, token) = app.student("student").await;
    let admin = app.campus_admin_token().await;
    let local = format!("local:{}", user["uuid"].as_str().unwrap());
    app.view_profile(&token, "").await;
    app.change_profile(&token, &json!({})).await; // both functions are warm
    let mut lines = String::new();
    app.cloud.clear_calls();
    let mut record =
        |what: &str| lines.push_str(&format!("{what}: {}\n", app.dynamodb_calls().join(" ")));
    let view = async |token: &str, who: &str| app.view_profile(token, &format!("?who={who}")).await;
    view(&token, "").await;
    record("view oneself");
    view(&token, "student").await;
    record("view oneself by name");
    view(&admin, "student").await;
    record("an admin views another");
    view(&admin, &local).await;
    record("an admin views another by uuid");
    view(&token, "admin").await;
    record("a stranger views");
    let mut body = profile_change("student");
    app.change_profile(&token, &body).await;
    record("change oneself, with the phone");
    body["room"] = json!("203");
    app.change_profile(&token, &body).await;
    record("change oneself");
    app.change_profile(&token, &body).await;
    record("change nothing");
    body["room"] = json!("204");
    app.change_profile(&admin, &body).await;
    record("an admin changes another");
    assert_snapshot!(lines, @"
    view oneself: GetItem
    view oneself by name: GetItem
    an admin views another: GetItem GetItem GetItem
    an admin views another by uuid: GetItem GetItem
    a stranger views: GetItem
    change oneself, with the phone: GetItem TransactWriteItems
    change oneself: GetItem UpdateItem
    change nothing: GetItem
    an admin changes another: GetItem GetItem GetItem TransactWriteItems
    ");
}
