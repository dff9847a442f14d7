//! Mass assignment: no endpoint sets an attribute that clients may not set.

use serde_json::{Value, json};

use crate::support::{Item, PASSWORD, TestApp};

/// Keys that no client may set, by stored and other names, with values that would be visible.
fn forbidden() -> Value {
    json!({
        "id": "550e8400-e29b-41d4-a716-446655440000",
        "uuid": "550e8400-e29b-41d4-a716-446655440000",
        "pk": "USER#1",
        "access": "admin",
        "role": "admin",
        "is_admin": true,
        "blocked": true,
        "featured": true,
        "email_verified": true,
        "wx": "openid",
        "wechat_open_id": "openid",
        "openid": "openid",
        "sid": "20230001001",
        "ver": 7,
        "version": 7,
        "token_version": 7,
        "sessions": {},
        "password_hash": "x",
        "created_at": 0,
        "iso_create_time": "2000-01-01T00:00:00Z",
        "last_login": 0,
        "ADMINS": 7,
    })
}

/// `body` with every forbidden key added.
fn greedy(body: &Value) -> Value {
    let (mut all, own) = (forbidden(), body.as_object().expect("an object"));
    own.iter()
        .for_each(|(name, value)| all[name] = value.clone());
    all
}

/// The attributes that no client may set.
fn protected(item: &Item) -> Vec<String> {
    let names = [
        "pk",
        "uuid",
        "role",
        "blocked",
        "featured",
        "email_verified",
        "wechat_open_id",
        "sid",
        "created_at",
    ];
    names
        .map(|name| format!("{name}: {:?}", item.get(name)))
        .to_vec()
}

#[tokio::test]
async fn every_writing_endpoint_ignores_every_forbidden_key() {
    let app = TestApp::new().await;
    let (account, token) = app.whale_account("a@b.co").await;
    let before = app.user_item("email", "a@b.co").await;
    let who = format!("local:{}", account["uuid"].as_str().unwrap());
    let campus = json!({"who": who, "block": "9", "room": "1", "phone": "13800138000", "isp": "i", "account": "a"});
    for (method, path, body) in [
        ("PUT", "/users/name", json!({"name": "renamed"})),
        (
            "POST",
            "/users/auth",
            json!({"real_name": "n", "id_card": "1234"}),
        ),
        (
            "PUT",
            "/api/users/name/",
            json!({"user_id": account["id"], "name": "renamed"}),
        ),
        (
            "PUT",
            "/api/users/avatar/",
            json!({"user_id": account["id"], "avatar": "https://example.com/a.png"}),
        ),
        (
            "POST",
            "/api/users/verification_email/",
            json!({"user_id": account["id"]}),
        ),
        (
            "POST",
            "/api/captcha/",
            json!({"group": 1, "user_id": account["id"]}),
        ),
        (
            "PUT",
            "/api/users/login/",
            json!({"email": "a@b.co", "password": PASSWORD}),
        ),
        ("POST", "/api/v3/change_profile", campus),
        ("PUT", "/api/users/me", json!({"nickname": "n"})),
        ("DELETE", "/api/auth/sessions", json!({})),
        (
            "PUT",
            "/api/users/password/",
            json!({"user_id": account["id"], "password_old": PASSWORD, "password_new": PASSWORD}),
        ),
    ] {
        let request = app
            .request(method, path)
            .bearer_auth(&token)
            .json(&greedy(&body));
        let response = app.send(request).await;
        assert_eq!(response.status, 200, "{path}: {response}");
        assert!(
            !["1401", "1402", "4103"]
                .iter()
                .any(|code| response.text.contains(code)),
            "{path}: {response}"
        );
        assert_eq!(
            protected(&app.user_item("email", "a@b.co").await),
            protected(&before),
            "{path}"
        );
    }
    assert_eq!(
        app.user_item("email", "a@b.co").await["token_version"]
            .as_n()
            .unwrap(),
        "2",
        "one change of the password"
    );

    let new = json!({"email": "new@b.co", "password": PASSWORD, "name": "n"});
    assert_eq!(
        app.send_json("POST", "/api/users/", &greedy(&new))
            .await
            .json()["code"],
        0
    );
    let new = json!({"username": "center", "email": "center@b.co", "password": PASSWORD, "nickname": "n"});
    assert_eq!(app.register(&greedy(&new)).await.status, 200);
    for email in ["new@b.co", "center@b.co"] {
        let created = app.user_item("email", email).await;
        assert_eq!(created["role"].as_s().unwrap(), "user", "{email}");
        assert_eq!(created["version"].as_n().unwrap(), "1", "{email}");
        assert!(
            !created.contains_key("wechat_open_id") && !created.contains_key("sid"),
            "{email}"
        );
        assert!(
            ["blocked", "featured", "email_verified"]
                .iter()
                .all(|flag| created[*flag].as_bool() == Ok(&false))
        );
    }
}
