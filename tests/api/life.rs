//! A user's life in the trail, and what is left when it is over.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::world::{PASSWORD, World, registration};

#[tokio::test]
async fn the_trail_tells_a_users_life_and_no_secret_of_it() {
    let world = World::new().await;
    world.administrator("root").await;
    let token = world.token("canaryname").await;
    let user = world
        .admin(json!({"command": "show", "user": "canaryname"}))
        .await["user"]
        .clone();
    world.login("canaryname", "canary wrong password").await;
    let body =
        json!({"user_id": user["id"], "password_old": PASSWORD, "password_new": "canary password"});
    assert_eq!(
        world
            .whale("PUT", &format!("/api/users/password/?token={token}"), &body)
            .await
            .json()["code"],
        0
    );
    let token = world.login("canaryname", "canary password").await.json()["access_token"].clone();
    let token = token.as_str().expect("a token");
    world.update(token, &json!({"email": "canary@b.co"})).await;
    let auth = json!({"real_name": "canary real name", "id_card": "canary123"});
    let saved = world
        .send(
            world
                .request("POST", "/users/auth")
                .bearer_auth(token)
                .json(&auth),
        )
        .await;
    assert_eq!(saved.json()["error_code"], "0", "{saved}");
    for command in [
        json!({"command": "set-access", "user": user["id"], "access": "admin"}),
        json!({"command": "set-access", "user": user["id"], "access": "user"}),
        json!({"command": "block", "user": user["id"]}),
        json!({"command": "block", "user": user["id"]}), // changes nothing, so it is not told
        json!({"command": "unblock", "user": user["id"]}),
        json!({"command": "feature", "user": user["id"]}),
        json!({"command": "bind-wx", "user": user["id"], "wx": "oCanary"}),
        json!({"command": "delete", "user": user["id"]}),
    ] {
        let answer = world.admin(command.clone()).await;
        assert_eq!(answer["error"], Value::Null, "{command}: {answer}");
    }
    let trail = world
        .admin(json!({"command": "audit", "user": user["uuid"]}))
        .await;
    let mut told = String::new();
    for entry in trail["entries"].as_array().expect("entries") {
        let actor = match &entry["actor"] {
            actor if *actor == user["uuid"] => "themselves",
            Value::Null => "nobody",
            _ => "another",
        };
        told.push_str(&format!(
            "{} by {actor} from {}\n",
            entry["event"], entry["address"]
        ));
    }
    assert_snapshot!(told, @r#"
    "deleted" by nobody from "operator"
    "wx" by nobody from "operator"
    "featured" by nobody from "operator"
    "unblocked" by nobody from "operator"
    "blocked" by nobody from "operator"
    "access" by nobody from "operator"
    "access" by nobody from "operator"
    "real-name" by themselves from "127.0.0.1"
    "email" by themselves from "127.0.0.1"
    "login" by themselves from "127.0.0.1"
    "password" by nobody from "127.0.0.1"
    "failed-login" by nobody from "127.0.0.1"
    "login" by themselves from "127.0.0.1"
    "sign-up" by nobody from "127.0.0.1"
    "#);
    let newest = world
        .admin(json!({"command": "audit", "user": user["uuid"], "limit": 2}))
        .await;
    assert_eq!(
        newest["entries"].as_array().unwrap()[..],
        trail["entries"].as_array().unwrap()[..2]
    );

    let (trail, log) = (trail.to_string(), world.logs().await.join("\n"));
    for place in [&trail, &log] {
        assert!(
            !place.to_lowercase().contains("canary") && !place.contains(PASSWORD),
            "{place}"
        );
    }
}

#[tokio::test]
async fn of_one_who_is_deleted_nothing_is_left_but_the_trail_and_the_names_are_free() {
    let world = World::new().await;
    let token = world.token("testuser").await;
    let user = world
        .admin(json!({"command": "show", "user": "testuser"}))
        .await["user"]
        .clone();
    world
        .update(&token, &json!({"phone": "13800138000", "apikey": "sk-1"}))
        .await;
    world
        .admin(json!({"command": "bind-wx", "user": "testuser", "wx": "oWx"}))
        .await;
    world.uploaded(&token).await;
    world.code("testuser@example.com").await;
    world
        .whale(
            "POST",
            "/api/users/verification_email/",
            &json!({"user_id": user["id"]}),
        )
        .await;
    world.login("testuser", "wrong password").await;
    world.settle().await;

    let answer = world
        .admin(json!({"command": "delete", "user": {"wx": "oWx"}}))
        .await;
    assert_eq!(
        answer,
        json!({"deleted": {"id": user["id"], "uuid": user["uuid"]}})
    );
    world.settle().await;
    assert_eq!(world.me(&token).await.status, 401);
    let (uuid, id) = (user["uuid"].as_str().unwrap(), user["id"].to_string());
    for item in [
        world.items().await,
        world.captchas().await,
        world.outbox().await,
    ]
    .concat()
    {
        let item = format!("{item:?}");
        // What the sweeper has to delete is known by its key, which ends by itself in a day.
        let left = item.replace(&format!("avatars/{uuid}/"), "");
        for word in [uuid, &id, "testuser", "13800138000", "oWx"] {
            assert!(!left.contains(word), "{word} is left: {item}");
        }
    }
    assert_eq!(
        world.trail().await.last().map(String::as_str),
        Some("deleted")
    );
    assert_eq!(
        world
            .admin(json!({"command": "delete", "user": user["id"]}))
            .await["name"],
        "no_such_account"
    );

    let token = world.token("testuser").await;
    assert_eq!(
        world
            .update(&token, &json!({"phone": "13800138000"}))
            .await
            .status,
        200
    );
    let bound = world
        .admin(json!({"command": "bind-wx", "user": "testuser", "wx": "oWx"}))
        .await;
    assert_eq!(bound["user"]["wx"], "oWx");
    assert_eq!(world.register(&registration("testuser")).await.status, 409);
}
