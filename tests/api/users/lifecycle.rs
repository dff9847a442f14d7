//! The audit log of a user's life, and the deletion of all their data.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::{PASSWORD, TestApp, registration};

#[tokio::test]
async fn the_audit_log_records_every_change_and_no_secret() {
    let app = TestApp::new().await;
    app.create_administrator("root").await;
    let token = app.register_and_login("canaryname").await;
    let user = app.show("canaryname").await;
    app.login("canaryname", "canary wrong password").await;
    let body =
        json!({"user_id": user["id"], "password_old": PASSWORD, "password_new": "canary password"});
    assert_eq!(
        app.send_json("PUT", &format!("/api/users/password/?token={token}"), &body)
            .await
            .json()["code"],
        0
    );
    let token = &app.login_token("canaryname", "canary password").await;
    app.update_me(token, &json!({"email": "canary@b.co"})).await;
    let auth = json!({"real_name": "canary real name", "id_card": "canary123"});
    let saved = app
        .send(
            app.request("POST", "/users/auth")
                .bearer_auth(token)
                .json(&auth),
        )
        .await;
    assert_eq!(saved.json()["error_code"], "0", "{saved}");
    for command in [
        json!({"command": "set-access", "user": user["id"], "access": "admin"}),
        json!({"command": "set-access", "user": user["id"], "access": "user"}),
        json!({"command": "block", "user": user["id"]}),
        json!({"command": "block", "user": user["id"]}), // changes nothing, so it is not recorded
        json!({"command": "unblock", "user": user["id"]}),
        json!({"command": "feature", "user": user["id"]}),
        json!({"command": "bind-wx", "user": user["id"], "wx": "oCanary"}),
        json!({"command": "delete", "user": user["id"]}),
    ] {
        let response = app.admin(command.clone()).await;
        assert_eq!(response["error"], Value::Null, "{command}: {response}");
    }
    let audit = app
        .admin(json!({"command": "audit", "user": user["uuid"]}))
        .await;
    let mut events = String::new();
    for entry in audit["entries"].as_array().expect("entries") {
        let actor = match &entry["actor"] {
            actor if *actor == user["uuid"] => "themselves",
            Value::Null => "nobody",
            _ => "another",
        };
        events.push_str(&format!(
            "{} by {actor} from {}\n",
            entry["event"], entry["address"]
        ));
    }
    assert_snapshot!(events, @r#"
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
    let newest = app
        .admin(json!({"command": "audit", "user": user["uuid"], "limit": 2}))
        .await;
    assert_eq!(
        newest["entries"].as_array().unwrap()[..],
        audit["entries"].as_array().unwrap()[..2]
    );

    let (audit, log) = (audit.to_string(), app.logs().await.join("\n"));
    for text in [&audit, &log] {
        assert!(
            !text.to_lowercase().contains("canary") && !text.contains(PASSWORD),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_deletion_removes_all_data_but_the_audit_log() {
    let app = TestApp::new().await;
    let token = app.register_and_login("testuser").await;
    let user = app.show("testuser").await;
    app.update_me(&token, &json!({"phone": "13800138000", "apikey": "sk-1"}))
        .await;
    app.admin(json!({"command": "bind-wx", "user": "testuser", "wx": "oWx"}))
        .await;
    app.upload_url(&token).await;
    app.code("testuser@example.com").await;
    app.send_json(
        "POST",
        "/api/users/verification_email/",
        &json!({"user_id": user["id"]}),
    )
    .await;
    app.login("testuser", "wrong password").await;
    app.settle().await;

    let response = app
        .admin(json!({"command": "delete", "user": {"wx": "oWx"}}))
        .await;
    assert_eq!(
        response,
        json!({"deleted": {"id": user["id"], "uuid": user["uuid"]}})
    );
    app.settle().await;
    assert_eq!(app.me(&token).await.status, 401);
    let (uuid, id) = (user["uuid"].as_str().unwrap(), user["id"].to_string());
    for item in [
        app.items().await,
        app.mail_code_items().await,
        app.outbox().await,
    ]
    .concat()
    {
        let item = format!("{item:?}");
        // The outbox names the object that the cleanup deletes, until it has.
        let left = item.replace(&format!("avatars/{uuid}/"), "");
        for word in [uuid, &id, "testuser", "13800138000", "oWx"] {
            assert!(!left.contains(word), "{word} is still stored: {item}");
        }
    }
    assert_eq!(
        app.audit_events().await.last().map(String::as_str),
        Some("deleted")
    );
    assert_eq!(
        app.admin(json!({"command": "delete", "user": user["id"]}))
            .await["name"],
        "no_such_account"
    );

    let token = app.register_and_login("testuser").await;
    assert_eq!(
        app.update_me(&token, &json!({"phone": "13800138000"}))
            .await
            .status,
        200
    );
    let bound = app
        .admin(json!({"command": "bind-wx", "user": "testuser", "wx": "oWx"}))
        .await;
    assert_eq!(bound["user"]["wx"], "oWx");
    assert_eq!(app.register(&registration("testuser")).await.status, 409);
}
