//! No mass assignment: what is not a client's to set is not set, by whatever endpoint.

use serde_json::{Value, json};

use crate::world::{Item, PASSWORD, World};

/// Keys that no client may set, with values that would show, by the name stored and others'.
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
        "openid": "openid",
        "sid": "20230001001",
        "ver": 7,
        "version": 7,
        "token_version": 7,
        "password_hash": "x",
        "created_at": 0,
        "iso_create_time": "2000-01-01T00:00:00Z",
        "last_login": 0,
        "ADMINS": 7,
    })
}

/// The body with every forbidden key beside its own.
fn greedy(body: &Value) -> Value {
    let (mut all, own) = (forbidden(), body.as_object().expect("an object"));
    own.iter()
        .for_each(|(name, value)| all[name] = value.clone());
    all
}

/// What of a user is not a client's to set.
fn kept(item: &Item) -> Vec<String> {
    let names = [
        "pk",
        "uuid",
        "access",
        "blocked",
        "featured",
        "email_verified",
        "wx",
        "sid",
        "created_at",
    ];
    names
        .map(|name| format!("{name}: {:?}", item.get(name)))
        .to_vec()
}

async fn user(world: &World, email: &str) -> Item {
    let items = world.items().await;
    let found = items.into_iter().find(|item| {
        item.get("email")
            .is_some_and(|value| value.as_s().unwrap() == email)
    });
    found.expect("a user")
}

#[tokio::test]
async fn every_forbidden_key_is_ignored_by_every_writing_endpoint_of_all_families() {
    let world = World::new().await;
    let (account, token) = world.whale_account("a@b.co").await;
    let before = user(&world, "a@b.co").await;
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
        (
            "PUT",
            "/api/users/password/",
            json!({"user_id": account["id"], "password_old": PASSWORD, "password_new": PASSWORD}),
        ),
    ] {
        let request = world
            .request(method, path)
            .bearer_auth(&token)
            .json(&greedy(&body));
        let answer = world.send(request).await;
        assert_eq!(answer.status, 200, "{path}: {answer}");
        assert!(
            !["1401", "1402", "4103"]
                .iter()
                .any(|code| answer.text.contains(code)),
            "{path}: {answer}"
        );
        assert_eq!(kept(&user(&world, "a@b.co").await), kept(&before), "{path}");
    }
    assert_eq!(
        user(&world, "a@b.co").await["token_version"]
            .as_n()
            .unwrap(),
        "2",
        "one password was set"
    );

    let new = json!({"email": "new@b.co", "password": PASSWORD, "name": "n"});
    assert_eq!(
        world
            .whale("POST", "/api/users/", &greedy(&new))
            .await
            .json()["code"],
        0
    );
    let new = json!({"username": "center", "email": "center@b.co", "password": PASSWORD, "nickname": "n"});
    assert_eq!(world.register(&greedy(&new)).await.status, 200);
    for email in ["new@b.co", "center@b.co"] {
        let made = user(&world, email).await;
        assert_eq!(made["access"].as_s().unwrap(), "user", "{email}");
        assert_eq!(made["version"].as_n().unwrap(), "1", "{email}");
        assert!(
            !made.contains_key("wx") && !made.contains_key("sid"),
            "{email}"
        );
        assert!(
            ["blocked", "featured", "email_verified"]
                .iter()
                .all(|flag| made[*flag].as_bool() == Ok(&false))
        );
    }
}
