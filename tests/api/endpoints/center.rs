//! Family `center`: every documented response, and validation.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::{PASSWORD, TestApp, profile_change, registration, sorted};

#[tokio::test]
async fn register_returns_the_new_user() {
    let app = TestApp::new().await;
    assert_snapshot!(app.register(&registration("testuser")).await, @r#"
    200 application/json
    {
      "avatar": null,
      "created_at": "[time]",
      "email": "testuser@example.com",
      "id": "[uuid]",
      "nickname": "测试用户",
      "phone": null,
      "registration_date": "[date]",
      "updated_at": "[time]",
      "username": "testuser"
    }
    "#);
}

#[tokio::test]
async fn a_taken_username_or_email_conflicts_in_every_spelling() {
    let app = TestApp::new().await;
    app.register(&registration("testuser")).await;
    let mut again = registration("testuser");
    assert_snapshot!(app.register(&again).await, @r#"
    409 application/json
    {
      "detail": "Username already exists"
    }
    "#);
    again["username"] = "ＴＥＳＴuser ".into();
    again["email"] = "other@example.com".into();
    assert_snapshot!(app.register(&again).await, @r#"
    409 application/json
    {
      "detail": "Username already exists"
    }
    "#);
    again["username"] = "other".into();
    again["email"] = "TestUser@Example.com".into();
    assert_snapshot!(app.register(&again).await, @r#"
    409 application/json
    {
      "detail": "Email already exists"
    }
    "#);
}

#[tokio::test]
async fn login_by_form_returns_a_token_and_the_user() {
    let app = TestApp::new().await;
    app.register(&registration("testuser")).await;
    assert_snapshot!(app.login("testuser", PASSWORD).await, @r#"
    200 application/json
    {
      "access_token": "[token]",
      "token_type": "bearer",
      "user": {
        "avatar": null,
        "created_at": "[time]",
        "email": "testuser@example.com",
        "id": "[uuid]",
        "nickname": "测试用户",
        "phone": null,
        "registration_date": "[date]",
        "updated_at": "[time]",
        "username": "testuser"
      }
    }
    "#);
}

#[tokio::test]
async fn login_accepts_user_name_or_email_in_any_spelling() {
    let app = TestApp::new().await;
    app.register(&registration("testuser")).await;
    for name in [
        "testuser",
        "TestUser",
        "testuser@example.com",
        "TESTUSER@example.COM",
    ] {
        assert_eq!(app.login(name, PASSWORD).await.status, 200, "{name}");
    }
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_user_get_the_same_response() {
    let app = TestApp::new().await;
    app.register(&registration("testuser")).await;
    let wrong = app.login("testuser", "password124").await;
    assert_snapshot!(wrong, @r#"
    401 application/json www-authenticate: Bearer
    {
      "detail": "Invalid username or password"
    }
    "#);
    for (name, password) in [
        ("nobody", PASSWORD),
        ("no@body.example", PASSWORD),
        ("", ""),
        ("testuser", ""),
    ] {
        assert_eq!(
            app.login(name, password).await.to_string(),
            wrong.to_string(),
            "{name}"
        );
    }
}

#[tokio::test]
async fn me_returns_the_caller() {
    let app = TestApp::new().await;
    let token = app.register_and_login("testuser").await;
    assert_snapshot!(app.me(&token).await, @r#"
    200 application/json
    {
      "avatar": null,
      "created_at": "[time]",
      "email": "testuser@example.com",
      "id": "[uuid]",
      "nickname": "测试用户",
      "phone": null,
      "registration_date": "[date]",
      "updated_at": "[time]",
      "username": "testuser"
    }
    "#);
}

#[tokio::test]
async fn a_missing_token_is_refused_by_every_endpoint() {
    let app = TestApp::new().await;
    let response = app.send(app.request("GET", "/api/users/me")).await;
    assert_snapshot!(response, @r#"
    401 application/json www-authenticate: Bearer
    {
      "detail": "Invalid credentials"
    }
    "#);
    let update = app
        .send(app.request("PUT", "/api/users/me").json(&json!({})))
        .await;
    assert_eq!(update.to_string(), response.to_string());
    let basic = app
        .send(
            app.request("GET", "/api/users/me")
                .basic_auth("testuser", Some(PASSWORD)),
        )
        .await;
    assert_eq!(basic.to_string(), response.to_string());
}

#[tokio::test]
async fn update_returns_the_changed_user() {
    let app = TestApp::new().await;
    let token = app.register_and_login("testuser").await;
    let changes = json!({
        "nickname": "新昵称",
        "phone": "13800138000",
        "email": "newemail@example.com",
        "avatar": "https://example.com/new-avatar.jpg",
        "apikey": "sk-xxxxxxxxxxxxxxxx",
    });
    let changed = app.update_me(&token, &changes).await;
    assert_snapshot!(changed, @r#"
    200 application/json
    {
      "avatar": "https://example.com/new-avatar.jpg",
      "created_at": "[time]",
      "email": "newemail@example.com",
      "id": "[uuid]",
      "nickname": "新昵称",
      "phone": "13800138000",
      "registration_date": "[date]",
      "updated_at": "[time]",
      "username": "testuser"
    }
    "#);
    assert_eq!(app.me(&token).await.to_string(), changed.to_string());
    assert_eq!(
        app.login("newemail@example.com", PASSWORD).await.status,
        200
    );
    assert_eq!(
        app.login("testuser@example.com", PASSWORD).await.status,
        401
    );
}

#[tokio::test]
async fn an_email_or_phone_of_another_user_conflicts() {
    let app = TestApp::new().await;
    let (one, two) = (
        app.register_and_login("one").await,
        app.register_and_login("two").await,
    );
    assert_eq!(
        app.update_me(&one, &json!({"phone": "13800138000"}))
            .await
            .status,
        200
    );
    assert_snapshot!(app.update_me(&two, &json!({"email": "ONE@example.com"})).await, @r#"
    409 application/json
    {
      "detail": "Email already exists"
    }
    "#);
    assert_snapshot!(app.update_me(&two, &json!({"phone": "１３８００１３８０００"})).await, @r#"
    409 application/json
    {
      "detail": "Phone already exists"
    }
    "#);
    let own = json!({"email": "one@example.com", "phone": "13800138000"});
    assert_eq!(app.update_me(&one, &own).await.status, 200);
}

#[tokio::test]
async fn a_released_name_is_free_for_another_user() {
    let app = TestApp::new().await;
    let (one, two) = (
        app.register_and_login("one").await,
        app.register_and_login("two").await,
    );
    app.update_me(&one, &json!({"phone": "13800138000"})).await;
    app.update_me(
        &one,
        &json!({"phone": null, "email": "elsewhere@example.com"}),
    )
    .await;
    let both = json!({"phone": "13800138000", "email": "one@example.com"});
    assert_eq!(app.update_me(&two, &both).await.status, 200);
}

#[tokio::test]
async fn a_phone_number_is_one_in_every_spelling() {
    let app = TestApp::new().await;
    let (token, other) = (
        app.register_and_login("testuser").await,
        app.register_and_login("other").await,
    );
    let spellings = ["13800138000", "+86 138 0013 8000", "0086-138-0013-8000"];
    for own in spellings {
        let stored = app.update_me(&token, &json!({"phone": own})).await.json();
        assert_eq!(stored["phone"], own, "the text stays as it was entered");
        for taken in spellings {
            let response = app.update_me(&other, &json!({"phone": taken})).await;
            assert_eq!(
                (response.status, &response.json()["detail"]),
                (409, &json!("Phone already exists")),
                "{own} {taken}"
            );
        }
    }
    for free in ["+852 1380 0138", "13800138001", "138", "*100#"] {
        let response = app.update_me(&other, &json!({"phone": free})).await;
        assert_eq!(response.status, 200, "{free}");
    }
    app.update_me(&token, &json!({"phone": ""})).await;
    let released = app
        .update_me(&other, &json!({"phone": "86 138 0013 8000"}))
        .await;
    assert_eq!(released.status, 200, "{released}");
}

#[tokio::test]
async fn a_parameter_sets_the_region_of_phone_numbers() {
    let app = TestApp::with_parameters(&[("PhoneRegion", "GB")]).await;
    let (token, other) = (
        app.register_and_login("testuser").await,
        app.register_and_login("other").await,
    );
    let phone = |text: &str| json!({ "phone": text });
    app.update_me(&token, &phone("020 7946 0958")).await;
    let taken = app.update_me(&other, &phone("+44 20 7946 0958")).await;
    assert_eq!(taken.status, 409, "{taken}");
    app.update_me(&token, &phone("13800138000")).await;
    let free = app.update_me(&other, &phone("+8613800138000")).await;
    assert_eq!(free.status, 200, "{free}");
}

#[tokio::test]
async fn a_name_that_looks_reserved_is_taken() {
    let app = TestApp::new().await;
    for name in [
        "admin",
        "\u{430}dmin",
        "adm\u{456}n",
        "\u{391}D\u{39C}\u{399}\u{39D}",
    ] {
        let mut body = registration("testuser");
        body["username"] = name.into();
        let refused = app.register(&body).await;
        assert_eq!(
            (refused.status, &refused.json()["detail"]),
            (409, &json!("Username already exists")),
            "{name}"
        );
    }
    for (field, value) in [("username", "ad\u{2800}min"), ("nickname", "\u{2800}")] {
        let mut body = registration("testuser");
        body[field] = value.into();
        let refused = app.register(&body).await;
        let reason = format!("{field}: must not contain invisible characters");
        assert_eq!(
            (refused.status, &refused.json()["detail"]),
            (422, &json!(reason))
        );
    }
    let mut body = registration("testuser");
    body["username"] = "админ".into();
    assert_eq!(app.register(&body).await.status, 200);
}

#[tokio::test]
async fn null_and_empty_texts_clear_optional_fields() {
    let app = TestApp::new().await;
    let token = app.register_and_login("testuser").await;
    let avatar = "https://example.com/a.jpg";
    for nothing in [json!(null), json!(""), json!("  ")] {
        app.update_me(
            &token,
            &json!({"phone": "13800138000", "avatar": avatar, "apikey": "sk-1"}),
        )
        .await;
        let absent = app.update_me(&token, &json!({})).await.json();
        assert_eq!(
            (&absent["phone"], &absent["avatar"]),
            (&json!("13800138000"), &json!(avatar))
        );
        let cleared = app
            .update_me(
                &token,
                &json!({"phone": nothing, "avatar": nothing, "apikey": nothing}),
            )
            .await;
        assert_eq!(cleared.status, 200, "{nothing}: {cleared}");
        assert_eq!(
            (&cleared.json()["phone"], &cleared.json()["avatar"]),
            (&Value::Null, &Value::Null)
        );
        let items = app.items().await;
        for field in ["apikey", "phone", "avatar"] {
            assert!(
                items.iter().all(|item| !item.contains_key(field)),
                "{nothing} {field}"
            );
        }
    }
    for (field, value) in [("nickname", ""), ("email", "")] {
        let refused = app.update_me(&token, &json!({ field: value })).await;
        assert_eq!(refused.status, 422, "{field}");
    }
    for (field, value) in [
        ("phone", json!(5)),
        ("avatar", json!([])),
        ("apikey", json!(false)),
    ] {
        let refused = app.update_me(&token, &json!({ field: value })).await;
        assert_eq!(refused.status, 422, "{field}");
    }

    assert_snapshot!(app.update_me(&token, &json!({"nickname": null})).await, @r#"
    422 application/json
    {
      "detail": "nickname: must be a string"
    }
    "#);
    assert_snapshot!(app.update_me(&token, &json!({"email": null})).await, @r#"
    422 application/json
    {
      "detail": "email: must be a string"
    }
    "#);
}

#[tokio::test]
async fn attributes_that_the_caller_may_not_change_do_not_change() {
    let app = TestApp::new().await;
    let token = app.register_and_login("testuser").await;
    let before = app.items().await;
    for (key, value) in forbidden() {
        assert_eq!(
            app.update_me(&token, &json!({ key: value })).await.status,
            200,
            "{key}"
        );
    }
    assert_eq!(sorted(app.items().await), sorted(before));

    let mut greedy = registration("greedy");
    forbidden().into_iter().for_each(|(key, value)| {
        if key != "username" && key != "password" {
            greedy[key] = value;
        }
    });
    assert_eq!(app.register(&greedy).await.status, 200);
    let items = app.items().await;
    let greedy = items.iter().find(|item| {
        item.get("username")
            .is_some_and(|name| name.as_s().unwrap() == "greedy")
    });
    let greedy = greedy.expect("the user was stored");
    assert_eq!(greedy["role"].as_s().unwrap(), "user");
    assert_eq!(greedy["email_verified"].as_bool(), Ok(&false));
    assert_eq!(greedy["token_version"].as_n().unwrap(), "1");
    assert!(!greedy.contains_key("phone") && !greedy.contains_key("apikey"));
}

/// Keys that no client may set, with values that would be visible.
fn forbidden() -> Vec<(&'static str, Value)> {
    vec![
        ("id", json!("550e8400-e29b-41d4-a716-446655440000")),
        ("uuid", json!("550e8400-e29b-41d4-a716-446655440000")),
        ("user_id", json!(1)),
        ("pk", json!("USER#1")),
        ("username", json!("somebody")),
        ("password", json!("another password")),
        ("password_hash", json!("x")),
        ("access", json!("admin")),
        ("blocked", json!(true)),
        ("featured", json!(true)),
        ("email_verified", json!(true)),
        ("role", json!("admin")),
        ("wx", json!("openid")),
        ("wechat_open_id", json!("openid")),
        ("ver", json!(7)),
        ("version", json!(7)),
        ("token_version", json!(7)),
        ("created_at", json!(0)),
        ("last_login", json!(0)),
        ("real_name", json!("x")),
        ("id_card", json!("x")),
    ]
}

#[tokio::test]
async fn secrets_are_stored_encrypted_and_never_returned() {
    let app = TestApp::new().await;
    let token = app.register_and_login("testuser").await;
    let response = app
        .update_me(&token, &json!({"apikey": "sk-canary-0123456789"}))
        .await;
    let items = app.items().await;
    let encrypted = items
        .iter()
        .find_map(|item| item.get("apikey")?.as_b().ok())
        .expect("an encrypted key");
    assert!(!String::from_utf8_lossy(encrypted.as_ref()).contains("sk-canary"));
    let stored = format!("{items:?}");
    assert!(stored.contains("$argon2id$v=19$m=19456,t=2,p=1$"));
    assert!(!stored.contains(PASSWORD) && !stored.contains(&token));
    for secret in ["sk-canary", PASSWORD, "argon2id", &token] {
        assert!(
            !response.text.contains(secret),
            "{secret} is in the response"
        );
    }
    for secret in [
        "sk-canary",
        PASSWORD,
        "argon2id",
        &token,
        "testuser",
        "测试用户",
        "example.com",
    ] {
        assert!(
            !app.logs().await.join("\n").contains(secret),
            "{secret} is in the log"
        );
    }
}

#[tokio::test]
async fn an_invalid_registration_names_the_field_and_stores_nothing() {
    let app = TestApp::new().await;
    let mut responses = String::new();
    for (field, value) in [
        ("username", json!("ab")),
        ("username", json!("a".repeat(51))),
        ("username", json!("a@b.co")),
        ("username", json!("ad\u{200b}min")),
        ("username", json!(5)),
        ("username", Value::Null),
        ("password", json!("1234567")),
        ("password", json!("x".repeat(101))),
        ("password", json!(["password123"])),
        ("nickname", json!("")),
        ("nickname", json!(" ")),
        ("nickname", json!("n".repeat(101))),
        ("nickname", json!("a\u{0}b")),
        ("email", json!("not an address")),
        ("email", json!("a@b.co\r\nBcc: c@d.ef")),
        ("email", json!({"address": "a@b.co"})),
    ] {
        let mut body = registration("testuser");
        body[field] = value;
        let response = app.register(&body).await;
        assert_eq!(response.status, 422, "{response}");
        responses.push_str(response.json()["detail"].as_str().expect("one string"));
        responses.push('\n');
    }
    for field in ["username", "password", "nickname", "email"] {
        let mut body = registration("testuser");
        body.as_object_mut().unwrap().remove(field);
        let response = app.register(&body).await;
        assert_eq!(response.status, 422, "{response}");
        responses.push_str(response.json()["detail"].as_str().expect("one string"));
        responses.push('\n');
    }
    assert_snapshot!(responses, @"
    username: must be 3 to 50 characters
    username: must be 3 to 50 characters
    username: must not contain @
    username: must not contain invisible characters
    username: must be a string
    username: must be a string
    password: must be 8 to 100 characters
    password: must be 8 to 100 characters
    password: must be a string
    nickname: must be 1 to 100 characters
    nickname: must be 1 to 100 characters
    nickname: must be 1 to 100 characters
    nickname: must not contain invisible characters
    email: is not a valid e-mail address
    email: is not a valid e-mail address
    email: must be a string
    missing field `username`
    missing field `password`
    missing field `nickname`
    missing field `email`
    ");
    assert!(app.items().await.is_empty());
}

#[tokio::test]
async fn display_texts_allow_joined_emoji_and_identifiers_do_not() {
    let app = TestApp::new().await;
    let mut body = registration("testuser");
    body["nickname"] = "👨\u{200D}👩\u{200D}👧 ❤\u{FE0F}".into();
    let registered = app.register(&body).await;
    assert_eq!(
        (registered.status, &registered.json()["nickname"]),
        (200, &body["nickname"]),
        "{registered}"
    );
    let token = &app.login_token("testuser", PASSWORD).await;
    let persian = json!({"real_name": "می\u{200C}خواهم", "id_card": "1234"});
    let saved = app
        .request("POST", "/users/auth")
        .bearer_auth(token)
        .json(&persian);
    assert_eq!(app.send(saved).await.json()["error_code"], "0");
    let mut profile = profile_change(&format!(
        "local:{}",
        registered.json()["id"].as_str().expect("an id")
    ));
    profile["room"] = "❤\u{FE0F}".into();
    assert_eq!(app.change_profile(token, &profile).await.status, 200);
    assert_eq!(
        app.view_profile(token, "").await.json()["profile"]["room"],
        "❤\u{FE0F}"
    );

    for nickname in [
        "\u{200D}",
        "\u{FE0F}a",
        "a\u{202E}b",
        "a\u{200B}b",
        "a\u{7}b",
    ] {
        let response = app.update_me(token, &json!({"nickname": nickname})).await;
        assert_eq!(response.status, 422, "{nickname:?}");
    }
    for (field, value) in [
        ("username", "test\u{200D}user"),
        ("username", "testuser❤\u{FE0F}"),
        ("email", "a\u{200C}b@example.com"),
    ] {
        let mut body = registration("another");
        body[field] = value.into();
        assert_eq!(app.register(&body).await.status, 422, "{value:?}");
    }
}

#[tokio::test]
async fn an_invalid_update_names_the_field_and_changes_nothing() {
    let app = TestApp::new().await;
    let token = app.register_and_login("testuser").await;
    let before = sorted(app.items().await);
    let mut responses = String::new();
    for body in [
        json!({"nickname": ""}),
        json!({"nickname": "n".repeat(101)}),
        json!({"email": "nowhere"}),
        json!({"phone": "1".repeat(21)}),
        json!({"phone": "call me"}),
        json!({"phone": 13_800_138_000_u64}),
        json!({"avatar": "ftp://example.com/a.jpg"}),
        json!({"avatar": "https://例子.测试/a.jpg"}),
        json!({"avatar": "https://user:secret@example.com/a.jpg"}),
        json!({"avatar": format!("https://example.com/{}", "a".repeat(2048))}),
        json!({"apikey": "k".repeat(256)}),
        json!({"nickname": "fine", "email": false}),
        json!([]),
        json!("text"),
        Value::Null,
    ] {
        let response = app.update_me(&token, &body).await;
        assert_eq!(response.status, 422, "{response}");
        responses.push_str(response.json()["detail"].as_str().expect("one string"));
        responses.push('\n');
    }
    assert_snapshot!(responses, @"
    nickname: must be 1 to 100 characters
    nickname: must be 1 to 100 characters
    email: is not a valid e-mail address
    phone: must be 3 to 20 characters
    phone: is not a phone number
    phone: must be a string
    avatar: must be an http or https URL with its host name in ASCII
    avatar: must be an http or https URL with its host name in ASCII
    avatar: must not hold user information
    avatar: must be 1 to 2048 characters
    apikey: must be 1 to 255 characters
    email: must be a string
    the body must be a JSON object
    the body must be a JSON object
    the body must be a JSON object
    ");
    assert_eq!(sorted(app.items().await), before);
}

#[tokio::test]
async fn a_malformed_body_gets_the_error_format_of_center() {
    let app = TestApp::new().await;
    let mut responses = String::new();
    let json = "application/json";
    let deep = format!("{}{}", "[".repeat(100_000 / 2), "]".repeat(1000));
    let twice = r#"{"username":"one","username":"two","password":"password123","nickname":"n","email":"a@b.co"}"#;
    for (name, content_type, body) in [
        ("empty", json, Vec::new()),
        ("not JSON", json, b"username=testuser".to_vec()),
        ("cut off", json, br#"{"username":"test"#.to_vec()),
        (
            "two values",
            json,
            format!("{} {{}}", registration("testuser")).into_bytes(),
        ),
        ("a key twice", json, twice.into()),
        ("50,000 deep", json, deep.into_bytes()),
        (
            "1 MB",
            json,
            format!(r#"{{"username":"{}"}}"#, "a".repeat(1 << 20)).into_bytes(),
        ),
        (
            "another type",
            "text/plain",
            registration("testuser").to_string().into_bytes(),
        ),
        (
            "no type",
            "",
            registration("testuser").to_string().into_bytes(),
        ),
    ] {
        let mut request = app.request("POST", "/api/auth/register").body(body);
        if !content_type.is_empty() {
            request = request.header("content-type", content_type);
        }
        let response = app.send(request).await;
        responses.push_str(&format!(
            "{name}: {} {}\n",
            response.status,
            response.json()["detail"]
        ));
    }
    for (name, content_type, body) in [
        (
            "login by JSON",
            json,
            &b"{\"username\":\"a\",\"password\":\"b\"}"[..],
        ),
        (
            "login without password",
            "application/x-www-form-urlencoded",
            b"username=testuser",
        ),
        (
            "login twice named",
            "application/x-www-form-urlencoded",
            b"username=a&username=b&password=c",
        ),
        (
            "login not UTF-8",
            "application/x-www-form-urlencoded",
            b"username=%ff&password=c",
        ),
    ] {
        let request = app
            .request("POST", "/api/auth/login")
            .header("content-type", content_type)
            .body(body);
        let response = app.send(request).await;
        responses.push_str(&format!(
            "{name}: {} {}\n",
            response.status,
            response.json()["detail"]
        ));
    }
    assert_snapshot!(responses, @r#"
    empty: 422 "the body is not valid JSON"
    not JSON: 422 "the body is not valid JSON"
    cut off: 422 "the body is not valid JSON"
    two values: 422 "the body is not valid JSON"
    a key twice: 422 "duplicate field `username`"
    50,000 deep: 422 "the body is not valid JSON"
    1 MB: 413 "Request body too large"
    another type: 422 "the content type is not application/json"
    no type: 422 "the content type is not application/json"
    login by JSON: 422 "the content type is not application/x-www-form-urlencoded"
    login without password: 422 "missing field `password`"
    login twice named: 422 "duplicate field `username`"
    login not UTF-8: 401 "Invalid username or password"
    "#);
    assert!(
        app.items()
            .await
            .iter()
            .all(|item| !item.contains_key("uuid"))
    );
}

#[tokio::test]
async fn a_body_in_another_encoding_is_invalid_json() {
    let app = TestApp::new().await;
    let request = app
        .request("POST", "/api/auth/register")
        .header("content-type", "application/json");
    let response = app
        .send(request.body(&b"{\"username\":\"\xff\xfe\"}"[..]))
        .await;
    assert_eq!(
        (response.status, &response.json()["detail"]),
        (422, &json!("the body is not valid JSON"))
    );
}

#[tokio::test]
async fn an_unchanged_value_writes_nothing() {
    let app = TestApp::new().await;
    let token = app.register_and_login("testuser").await;
    let before = sorted(app.items().await);
    app.cloud.clear_calls();
    assert_eq!(app.update_me(&token, &json!({})).await.status, 200);
    let same = json!({"nickname": "测试用户", "email": "testuser@example.com", "phone": null});
    assert_eq!(app.update_me(&token, &same).await.status, 200);
    assert!(app.dynamodb_calls().iter().all(|call| call == "GetItem"));
    assert_eq!(sorted(app.items().await), before);
}

#[tokio::test]
async fn a_new_email_is_unverified_until_it_is_verified() {
    let app = TestApp::new().await;
    let token = app.register_and_login("testuser").await;
    let me = app.me(&token).await.json();
    let user = async || app.stored_user(&me).await;
    app.update_directly(&me, |user| user.email_verified = true)
        .await;
    app.update_me(&token, &json!({"email": "TestUser@example.com"}))
        .await;
    assert!(
        user().await.email_verified,
        "another spelling is not a new address"
    );
    app.update_me(&token, &json!({"email": "new@example.com"}))
        .await;
    assert!(!user().await.email_verified);
}

#[tokio::test]
async fn each_center_request_makes_the_fewest_aws_calls() {
    let app = TestApp::new().await;
    let token = app.register_and_login("testuser").await;
    app.update_me(&token, &json!({})).await;
    app.me(&token).await;
    app.sessions(&token).await;
    app.end_other_sessions(&token).await;
    app.refresh("").await;
    app.log_out("").await; // every function is warm
    app.cloud.clear_calls();

    app.register(&registration("another")).await;
    assert_eq!(app.dynamodb_calls(), ["UpdateItem", "TransactWriteItems"]);
    let login = [
        "GetItem",
        "GetItem",
        "TransactWriteItems",
        "TransactWriteItems",
    ];
    app.login("another", PASSWORD).await;
    assert_eq!(app.dynamodb_calls(), login);
    app.login("another", "a wrong one").await;
    assert_eq!(app.dynamodb_calls(), login);
    app.login("nobody", PASSWORD).await;
    assert_eq!(app.dynamodb_calls(), login);
    app.me(&token).await;
    assert_eq!(app.dynamodb_calls(), ["GetItem"]);
    app.update_me(&token, &json!({"nickname": "n"})).await;
    assert_eq!(app.dynamodb_calls(), ["GetItem", "UpdateItem"]);
    app.update_me(
        &token,
        &json!({"phone": "13800138000", "email": "n@example.com"}),
    )
    .await;
    // A new address is counted first.
    let change = ["GetItem", "UpdateItem", "TransactWriteItems"];
    assert_eq!(app.dynamodb_calls(), change);
    app.sessions(&token).await;
    assert_eq!(app.dynamodb_calls(), ["GetItem"]);
    let offline = app.login_with_scope("another", "offline_access").await;
    assert_eq!(app.dynamodb_calls(), login);
    let login = offline.json();
    app.refresh(login["refresh_token"].as_str().unwrap()).await;
    assert_eq!(app.dynamodb_calls(), ["GetItem", "UpdateItem"]);
    let token = login["access_token"].as_str().unwrap();
    app.end_other_sessions(token).await;
    assert_eq!(app.dynamodb_calls(), ["GetItem", "TransactWriteItems"]);
    app.log_out(token).await;
    assert_eq!(app.dynamodb_calls(), ["GetItem", "TransactWriteItems"]);
    assert!(app.cloud.calls().iter().all(|call| call.granted));
}
