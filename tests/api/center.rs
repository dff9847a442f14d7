//! `center-api.txt`: every row of the document, whole bodies.

use insta::assert_snapshot;
use serde_json::{Value, json};
use shared::By;

use crate::campus::wanted;
use crate::world::{Item, PASSWORD, World, registration};

#[tokio::test]
async fn register_answers_the_new_user() {
    let world = World::new().await;
    assert_snapshot!(world.register(&registration("testuser")).await, @r#"
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
async fn a_taken_username_or_email_is_a_conflict_whatever_its_spelling() {
    let world = World::new().await;
    world.register(&registration("testuser")).await;
    let mut again = registration("testuser");
    assert_snapshot!(world.register(&again).await, @r#"
    409 application/json
    {
      "detail": "Username already exists"
    }
    "#);
    again["username"] = "ＴＥＳＴuser ".into();
    again["email"] = "other@example.com".into();
    assert_snapshot!(world.register(&again).await, @r#"
    409 application/json
    {
      "detail": "Username already exists"
    }
    "#);
    again["username"] = "other".into();
    again["email"] = "TestUser@Example.com".into();
    assert_snapshot!(world.register(&again).await, @r#"
    409 application/json
    {
      "detail": "Email already exists"
    }
    "#);
}

#[tokio::test]
async fn login_by_form_answers_a_token_and_the_user() {
    let world = World::new().await;
    world.register(&registration("testuser")).await;
    assert_snapshot!(world.login("testuser", PASSWORD).await, @r#"
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
async fn login_takes_the_user_name_or_the_email_in_any_spelling() {
    let world = World::new().await;
    world.register(&registration("testuser")).await;
    for name in [
        "testuser",
        "TestUser",
        "testuser@example.com",
        "TESTUSER@example.COM",
    ] {
        assert_eq!(world.login(name, PASSWORD).await.status, 200, "{name}");
    }
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_user_are_told_the_same() {
    let world = World::new().await;
    world.register(&registration("testuser")).await;
    let wrong = world.login("testuser", "password124").await;
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
            world.login(name, password).await.to_string(),
            wrong.to_string(),
            "{name}"
        );
    }
}

#[tokio::test]
async fn me_answers_the_caller() {
    let world = World::new().await;
    let token = world.token("testuser").await;
    assert_snapshot!(world.me(&token).await, @r#"
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
async fn a_missing_token_is_refused_everywhere() {
    let world = World::new().await;
    let answer = world.send(world.request("GET", "/api/users/me")).await;
    assert_snapshot!(answer, @r#"
    401 application/json www-authenticate: Bearer
    {
      "detail": "Invalid credentials"
    }
    "#);
    let update = world
        .send(world.request("PUT", "/api/users/me").json(&json!({})))
        .await;
    assert_eq!(update.to_string(), answer.to_string());
    let basic = world
        .send(
            world
                .request("GET", "/api/users/me")
                .basic_auth("testuser", Some(PASSWORD)),
        )
        .await;
    assert_eq!(basic.to_string(), answer.to_string());
}

#[tokio::test]
async fn update_answers_the_changed_user() {
    let world = World::new().await;
    let token = world.token("testuser").await;
    let changes = json!({
        "nickname": "新昵称",
        "phone": "13800138000",
        "email": "newemail@example.com",
        "avatar": "https://example.com/new-avatar.jpg",
        "apikey": "sk-xxxxxxxxxxxxxxxx",
    });
    let changed = world.update(&token, &changes).await;
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
    assert_eq!(world.me(&token).await.to_string(), changed.to_string());
    assert_eq!(
        world.login("newemail@example.com", PASSWORD).await.status,
        200
    );
    assert_eq!(
        world.login("testuser@example.com", PASSWORD).await.status,
        401
    );
}

#[tokio::test]
async fn an_email_or_phone_of_another_is_a_conflict_and_ones_own_is_not() {
    let world = World::new().await;
    let (one, two) = (world.token("one").await, world.token("two").await);
    assert_eq!(
        world
            .update(&one, &json!({"phone": "13800138000"}))
            .await
            .status,
        200
    );
    assert_snapshot!(world.update(&two, &json!({"email": "ONE@example.com"})).await, @r#"
    409 application/json
    {
      "detail": "Email already exists"
    }
    "#);
    assert_snapshot!(world.update(&two, &json!({"phone": "１３８００１３８０００"})).await, @r#"
    409 application/json
    {
      "detail": "Phone already exists"
    }
    "#);
    let own = json!({"email": "one@example.com", "phone": "13800138000"});
    assert_eq!(world.update(&one, &own).await.status, 200);
}

#[tokio::test]
async fn a_name_given_up_is_free_for_another() {
    let world = World::new().await;
    let (one, two) = (world.token("one").await, world.token("two").await);
    world.update(&one, &json!({"phone": "13800138000"})).await;
    world
        .update(
            &one,
            &json!({"phone": null, "email": "elsewhere@example.com"}),
        )
        .await;
    let both = json!({"phone": "13800138000", "email": "one@example.com"});
    assert_eq!(world.update(&two, &both).await.status, 200);
}

#[tokio::test]
async fn null_clears_what_can_be_cleared() {
    let world = World::new().await;
    let token = world.token("testuser").await;
    let avatar = "https://example.com/a.jpg";
    world
        .update(
            &token,
            &json!({"phone": "13800138000", "avatar": avatar, "apikey": "sk-1"}),
        )
        .await;
    let cleared = world
        .update(
            &token,
            &json!({"phone": null, "avatar": null, "apikey": null}),
        )
        .await
        .json();
    assert_eq!(
        (&cleared["phone"], &cleared["avatar"]),
        (&Value::Null, &Value::Null)
    );
    let items = world.items().await;
    assert!(
        items
            .iter()
            .all(|item| !item.contains_key("apikey") && !item.contains_key("phone"))
    );

    assert_snapshot!(world.update(&token, &json!({"nickname": null})).await, @r#"
    422 application/json
    {
      "detail": "nickname: must be a string"
    }
    "#);
    assert_snapshot!(world.update(&token, &json!({"email": null})).await, @r#"
    422 application/json
    {
      "detail": "email: must be a string"
    }
    "#);
}

#[tokio::test]
async fn nothing_that_is_not_the_callers_to_change_is_changed() {
    let world = World::new().await;
    let token = world.token("testuser").await;
    let before = world.items().await;
    for (key, value) in forbidden() {
        assert_eq!(
            world.update(&token, &json!({ key: value })).await.status,
            200,
            "{key}"
        );
    }
    assert_eq!(sorted(world.items().await), sorted(before));

    let mut greedy = registration("greedy");
    forbidden().into_iter().for_each(|(key, value)| {
        if key != "username" && key != "password" {
            greedy[key] = value;
        }
    });
    assert_eq!(world.register(&greedy).await.status, 200);
    let items = world.items().await;
    let greedy = items.iter().find(|item| {
        item.get("username")
            .is_some_and(|name| name.as_s().unwrap() == "greedy")
    });
    let greedy = greedy.expect("the user was stored");
    assert_eq!(greedy["access"].as_s().unwrap(), "user");
    assert_eq!(greedy["email_verified"].as_bool(), Ok(&false));
    assert_eq!(greedy["token_version"].as_n().unwrap(), "1");
    assert!(!greedy.contains_key("phone") && !greedy.contains_key("apikey"));
}

/// Keys that no client may set, here or anywhere, with values that would show.
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
        ("wx", json!("openid")),
        ("ver", json!(7)),
        ("version", json!(7)),
        ("token_version", json!(7)),
        ("created_at", json!(0)),
        ("last_login", json!(0)),
        ("real_name", json!("x")),
        ("id_card", json!("x")),
    ]
}

fn sorted(mut items: Vec<Item>) -> Vec<Item> {
    items.sort_by_key(|item| item["pk"].as_s().unwrap().clone());
    items
}

#[tokio::test]
async fn secrets_are_not_stored_in_clear_and_never_answered() {
    let world = World::new().await;
    let token = world.token("testuser").await;
    let answer = world
        .update(&token, &json!({"apikey": "sk-canary-0123456789"}))
        .await;
    let items = world.items().await;
    let sealed = items
        .iter()
        .find_map(|item| item.get("apikey")?.as_b().ok())
        .expect("a sealed key");
    assert!(!String::from_utf8_lossy(sealed.as_ref()).contains("sk-canary"));
    let stored = format!("{items:?}");
    assert!(stored.contains("$argon2id$v=19$m=19456,t=2,p=1$"));
    assert!(!stored.contains(PASSWORD) && !stored.contains(&token));
    for secret in ["sk-canary", PASSWORD, "argon2id", &token] {
        assert!(!answer.text.contains(secret), "{secret} is in the answer");
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
            !world.logs().await.join("\n").contains(secret),
            "{secret} is in the log"
        );
    }
}

#[tokio::test]
async fn every_flaw_of_a_registration_is_named_and_nothing_is_stored() {
    let world = World::new().await;
    let mut answers = String::new();
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
        let answer = world.register(&body).await;
        assert_eq!(answer.status, 422, "{answer}");
        answers.push_str(answer.json()["detail"].as_str().expect("one string"));
        answers.push('\n');
    }
    for field in ["username", "password", "nickname", "email"] {
        let mut body = registration("testuser");
        body.as_object_mut().unwrap().remove(field);
        let answer = world.register(&body).await;
        assert_eq!(answer.status, 422, "{answer}");
        answers.push_str(answer.json()["detail"].as_str().expect("one string"));
        answers.push('\n');
    }
    assert_snapshot!(answers, @"
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
    assert!(world.items().await.is_empty());
}

#[tokio::test]
async fn what_people_read_may_hold_joined_emoji_and_what_is_compared_may_not() {
    let world = World::new().await;
    let mut body = registration("testuser");
    body["nickname"] = "👨\u{200D}👩\u{200D}👧 ❤\u{FE0F}".into();
    let registered = world.register(&body).await;
    assert_eq!(
        (registered.status, &registered.json()["nickname"]),
        (200, &body["nickname"]),
        "{registered}"
    );
    let token = world.login("testuser", PASSWORD).await.json()["access_token"].clone();
    let token = token.as_str().expect("a token");
    let persian = json!({"real_name": "می\u{200C}خواهم", "id_card": "1234"});
    let saved = world
        .request("POST", "/users/auth")
        .bearer_auth(token)
        .json(&persian);
    assert_eq!(world.send(saved).await.json()["error_code"], "0");
    let mut profile = wanted(&format!(
        "local:{}",
        registered.json()["id"].as_str().expect("an id")
    ));
    profile["room"] = "❤\u{FE0F}".into();
    assert_eq!(world.change_profile(token, &profile).await.status, 200);
    assert_eq!(
        world.view(token, "").await.json()["profile"]["room"],
        "❤\u{FE0F}"
    );

    for nickname in [
        "\u{200D}",
        "\u{FE0F}a",
        "a\u{202E}b",
        "a\u{200B}b",
        "a\u{7}b",
    ] {
        let answer = world.update(token, &json!({"nickname": nickname})).await;
        assert_eq!(answer.status, 422, "{nickname:?}");
    }
    for (field, value) in [
        ("username", "test\u{200D}user"),
        ("username", "testuser❤\u{FE0F}"),
        ("email", "a\u{200C}b@example.com"),
    ] {
        let mut body = registration("another");
        body[field] = value.into();
        assert_eq!(world.register(&body).await.status, 422, "{value:?}");
    }
}

#[tokio::test]
async fn every_flaw_of_an_update_is_named_and_nothing_is_changed() {
    let world = World::new().await;
    let token = world.token("testuser").await;
    let before = sorted(world.items().await);
    let mut answers = String::new();
    for body in [
        json!({"nickname": ""}),
        json!({"nickname": "n".repeat(101)}),
        json!({"email": "nowhere"}),
        json!({"phone": ""}),
        json!({"phone": "1".repeat(21)}),
        json!({"phone": "call me"}),
        json!({"phone": 13_800_138_000_u64}),
        json!({"avatar": "http://example.com/a.jpg"}),
        json!({"avatar": "https://user:secret@example.com/a.jpg"}),
        json!({"avatar": format!("https://example.com/{}", "a".repeat(2048))}),
        json!({"apikey": ""}),
        json!({"apikey": "k".repeat(256)}),
        json!({"nickname": "fine", "email": false}),
        json!([]),
        json!("text"),
        Value::Null,
    ] {
        let answer = world.update(&token, &body).await;
        assert_eq!(answer.status, 422, "{answer}");
        answers.push_str(answer.json()["detail"].as_str().expect("one string"));
        answers.push('\n');
    }
    assert_snapshot!(answers, @"
    nickname: must be 1 to 100 characters
    nickname: must be 1 to 100 characters
    email: is not a valid e-mail address
    phone: must be 3 to 20 characters
    phone: must be 3 to 20 characters
    phone: is not a phone number
    phone: must be a string
    avatar: must be an https URL
    avatar: must not hold user information
    avatar: must be 1 to 2048 characters
    apikey: must be 1 to 255 characters
    apikey: must be 1 to 255 characters
    email: must be a string
    the body must be a JSON object
    the body must be a JSON object
    the body must be a JSON object
    ");
    assert_eq!(sorted(world.items().await), before);
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_refused_in_the_familys_words() {
    let world = World::new().await;
    let mut answers = String::new();
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
        let mut request = world.request("POST", "/api/auth/register").body(body);
        if !content_type.is_empty() {
            request = request.header("content-type", content_type);
        }
        let answer = world.send(request).await;
        answers.push_str(&format!(
            "{name}: {} {}\n",
            answer.status,
            answer.json()["detail"]
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
        let request = world
            .request("POST", "/api/auth/login")
            .header("content-type", content_type)
            .body(body);
        let answer = world.send(request).await;
        answers.push_str(&format!(
            "{name}: {} {}\n",
            answer.status,
            answer.json()["detail"]
        ));
    }
    assert_snapshot!(answers, @r#"
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
        world
            .items()
            .await
            .iter()
            .all(|item| !item.contains_key("uuid"))
    );
}

#[tokio::test]
async fn a_body_that_is_no_utf_8_is_no_json() {
    let Some(world) = World::embedded().await else {
        return;
    };
    let request = world
        .request("POST", "/api/auth/register")
        .header("content-type", "application/json");
    let answer = world
        .send(request.body(&b"{\"username\":\"\xff\xfe\"}"[..]))
        .await;
    assert_eq!(
        (answer.status, &answer.json()["detail"]),
        (422, &json!("the body is not valid JSON"))
    );
}

#[tokio::test]
async fn an_unchanged_value_is_no_change() {
    let Some(world) = World::embedded().await else {
        return;
    };
    let token = world.token("testuser").await;
    let before = sorted(world.items().await);
    world.cloud.clear_calls();
    assert_eq!(world.update(&token, &json!({})).await.status, 200);
    let same = json!({"nickname": "测试用户", "email": "testuser@example.com", "phone": null});
    assert_eq!(world.update(&token, &same).await.status, 200);
    assert!(world.dynamodb_calls().iter().all(|call| call == "GetItem"));
    assert_eq!(sorted(world.items().await), before);
}

#[tokio::test]
async fn a_new_email_is_unverified_until_it_is_verified() {
    let world = World::new().await;
    let token = world.token("testuser").await;
    let users = world.users().await;
    let user = async || {
        let me = world.me(&token).await.json();
        let uuid = me["id"].as_str().unwrap().parse().unwrap();
        users.by_uuid(uuid).await.ok().flatten().expect("the user")
    };
    users
        .change(user().await, &By::operator(), |user| {
            user.email_verified = true
        })
        .await
        .ok();
    world
        .update(&token, &json!({"email": "TestUser@example.com"}))
        .await;
    assert!(
        user().await.email_verified,
        "another spelling is the same address"
    );
    world
        .update(&token, &json!({"email": "new@example.com"}))
        .await;
    assert!(!user().await.email_verified);
}

#[tokio::test]
async fn each_request_makes_no_more_calls_than_it_must() {
    let Some(world) = World::embedded().await else {
        return;
    };
    let token = world.token("testuser").await;
    world.update(&token, &json!({})).await;
    world.me(&token).await; // every function is warm now
    world.cloud.clear_calls();

    world.register(&registration("another")).await;
    assert_eq!(world.dynamodb_calls(), ["TransactWriteItems"]);
    world.login("another", PASSWORD).await;
    assert_eq!(
        world.dynamodb_calls(),
        ["GetItem", "UpdateItem", "GetItem", "TransactWriteItems"]
    );
    world.login("another", "a wrong one").await;
    assert_eq!(
        world.dynamodb_calls(),
        ["GetItem", "UpdateItem", "GetItem", "TransactWriteItems"]
    );
    world.login("nobody", PASSWORD).await;
    assert_eq!(
        world.dynamodb_calls(),
        ["GetItem", "UpdateItem", "GetItem", "TransactWriteItems"]
    );
    world.me(&token).await;
    assert_eq!(world.dynamodb_calls(), ["GetItem"]);
    world.update(&token, &json!({"nickname": "n"})).await;
    assert_eq!(world.dynamodb_calls(), ["GetItem", "UpdateItem"]);
    world
        .update(
            &token,
            &json!({"phone": "13800138000", "email": "n@example.com"}),
        )
        .await;
    assert_eq!(world.dynamodb_calls(), ["GetItem", "TransactWriteItems"]);
    assert!(world.cloud.calls().iter().all(|call| call.granted));
}
