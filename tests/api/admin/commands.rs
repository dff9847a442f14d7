//! Commands of the function `admin`: responses, errors and effects.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::{PASSWORD, TestApp};

#[tokio::test]
async fn the_password_of_a_new_administrator_is_shown_once() {
    let app = TestApp::new().await;
    let created = app.create_administrator("root").await;
    let password = created["password"].as_str().expect("a password");
    assert_eq!(password.len(), 24);
    assert_eq!(app.login("root", password).await.status, 200);
    let shown = app.admin(json!({"command": "show", "user": "root"})).await;
    assert!(!shown.to_string().contains(password));
    assert_snapshot!(format!("{shown:#}"), @r#"
    {
      "user": {
        "access": "admin",
        "account": null,
        "avatar": null,
        "block": null,
        "blocked": false,
        "created_at": "[time in UTC]",
        "email": "root@b.co",
        "email_verified": false,
        "featured": false,
        "held_email": null,
        "id": [id],
        "isp": null,
        "last_login": "[time in UTC]",
        "nickname": "root",
        "phone": null,
        "real_name_saved": false,
        "room": null,
        "sid": null,
        "updated_at": "[time in UTC]",
        "username": "root",
        "uuid": "[uuid]",
        "wx": null
      }
    }
    "#);

    let own = json!({"command": "create-administrator", "username": "other", "email": "other@b.co", "nickname": "另一个",
        "password": "correct horse battery"});
    let created = app.admin(own).await;
    assert_eq!(
        (created["password"].clone(), &created["user"]["nickname"]),
        (Value::Null, &json!("另一个"))
    );
    assert_eq!(
        app.login("other", "correct horse battery").await.status,
        200
    );
}

#[tokio::test]
async fn a_command_accepts_every_reference_to_a_user() {
    let app = TestApp::new().await;
    app.register_and_login("testuser").await;
    let user = app.show("testuser").await;
    app.admin(json!({"command": "bind-wx", "user": "testuser", "wx": "oWx-1"}))
        .await;
    for name in [
        json!({"id": user["id"]}),
        json!({"uuid": user["uuid"]}),
        json!({"email": "TestUser@Example.com"}),
        json!({"username": "TESTUSER"}),
        json!({"wx": "oWx-1"}),
        user["id"].clone(),
        json!(user["id"].to_string()),
        user["uuid"].clone(),
        json!(" testuser@example.com "),
    ] {
        let shown = app.admin(json!({"command": "show", "user": name})).await;
        assert_eq!(shown["user"]["uuid"], user["uuid"], "{name}: {shown}");
    }
}

#[tokio::test]
async fn an_invalid_command_gets_an_error_and_changes_nothing() {
    let app = TestApp::new().await;
    app.register_and_login("testuser").await;
    let before = app.items().await.len();
    let mut responses = String::new();
    for event in [
        json!({}),
        json!([]),
        json!("show"),
        json!({"command": "destroy"}),
        json!({"command": 1}),
        json!({"command": "show"}),
        json!({"command": "show", "user": "testuser", "canary": 1}),
        json!({"command": "show", "user": null}),
        json!({"command": "show", "user": {"name": "testuser"}}),
        json!({"command": "show", "user": {"id": -1}}),
        json!({"command": "show", "user": {"id": 1, "email": "a@b.co"}}),
        json!({"command": "show", "user": "nobody"}),
        json!({"command": "show", "user": "no@body.co"}),
        json!({"command": "show", "user": 1}),
        json!({"command": "show", "user": "x"}),
        json!({"command": "set-access", "user": "testuser", "access": "root"}),
        json!({"command": "bind-wx", "user": "testuser", "wx": "local:1"}),
        json!({"command": "audit", "user": "testuser", "limit": 0}),
        json!({"command": "audit", "user": "testuser", "limit": 1001}),
        json!({"command": "audit", "user": 1}),
        json!({"command": "delete", "user": "nobody"}),
        json!({"command": "create-administrator", "username": "a@b", "email": "a@b.co"}),
        json!({"command": "create-administrator", "username": "root", "email": "a"}),
        json!({"command": "create-administrator", "username": "root", "email": "a@b.co", "password": "admin123"}),
        json!({"command": "create-administrator", "username": "testuser", "email": "a@b.co"}),
        json!({"command": "create-administrator", "username": "root", "email": "testuser@example.com"}),
    ] {
        let response = app.admin(event.clone()).await;
        responses.push_str(&format!(
            "{event}\n    {}\n",
            response["error"].as_str().expect("an error")
        ));
    }
    assert_snapshot!(responses, @r#"
    {}
        missing field `command`
    []
        missing field `command`
    "show"
        invalid type: string "show", expected internally tagged enum Command
    {"command":"destroy"}
        unknown variant `destroy`, expected one of `create-administrator`, `set-access`, `block`, `unblock`, `end-sessions`, `feature`, `unfeature`, `bind-wx`, `unbind-wx`, `import-campus`, `clear-limits`, `audit`, `delete`, `sweep-avatars`, `redrive`, `show`, `compare-directory`, `rebuild-directory`
    {"command":1}
        invalid type: integer `1`, expected variant identifier
    {"command":"show"}
        missing field `user`
    {"canary":1,"command":"show","user":"testuser"}
        unknown field `canary`, expected `user`
    {"command":"show","user":null}
        user: invalid type: null, expected string or map
    {"command":"show","user":{"name":"testuser"}}
        user: unknown variant `name`, expected one of `id`, `uuid`, `email`, `username`, `wx`
    {"command":"show","user":{"id":-1}}
        user: invalid value: integer `-1`, expected u64
    {"command":"show","user":{"email":"a@b.co","id":1}}
        user: invalid value: map, expected map with a single key
    {"command":"show","user":"nobody"}
        there is no such user
    {"command":"show","user":"no@body.co"}
        there is no such user
    {"command":"show","user":1}
        there is no such user
    {"command":"show","user":"x"}
        there is no such user
    {"access":"root","command":"set-access","user":"testuser"}
        access: must be admin, user or unregistered
    {"command":"bind-wx","user":"testuser","wx":"local:1"}
        wx: must not start with local:
    {"command":"audit","limit":0,"user":"testuser"}
        limit: must be 1 to 1000
    {"command":"audit","limit":1001,"user":"testuser"}
        limit: must be 1 to 1000
    {"command":"audit","user":1}
        there is no such user
    {"command":"delete","user":"nobody"}
        there is no such user
    {"command":"create-administrator","email":"a@b.co","username":"a@b"}
        username: must not contain @
    {"command":"create-administrator","email":"a","username":"root"}
        email: is not a valid e-mail address
    {"command":"create-administrator","email":"a@b.co","password":"admin123","username":"root"}
        password: must be 12 to 100 characters for an administrator
    {"command":"create-administrator","email":"a@b.co","username":"testuser"}
        another user has this user name
    {"command":"create-administrator","email":"testuser@example.com","username":"root"}
        another user has this e-mail
    "#);
    assert_eq!(app.items().await.len(), before);
    let log = app.logs().await.join("\n");
    for word in ["canary", "testuser", "nobody", "destroy"] {
        assert!(!log.contains(word), "{word} is in the log");
    }
    assert!(
        log.contains(r#""event":"set-access""#) && log.contains(r#""event":"unreadable""#),
        "{log}"
    );
}

#[tokio::test]
async fn a_change_takes_effect_at_the_next_request() {
    let app = TestApp::new().await;
    let (user, token) = app.whale_account("a@b.co").await;
    let (other, _) = app.whale_account("c@d.co").await;
    let rename = json!({"user_id": other["id"], "name": "n"});
    let code = async || {
        app.send_json("PUT", &format!("/api/users/name/?token={token}"), &rename)
            .await
            .json()["code"]
            .clone()
    };
    assert_eq!(code().await, 1103);
    app.promote(&user).await;
    assert_eq!(code().await, 0);
    app.create_administrator("root").await;
    app.admin(json!({"command": "set-access", "user": user["id"], "access": "user"}))
        .await;
    assert_eq!(code().await, 1103);

    app.admin(json!({"command": "block", "user": user["id"]}))
        .await;
    assert_eq!(app.me(&token).await.status, 401);
    assert_eq!(app.login("a@b.co", PASSWORD).await.status, 401);
    app.admin(json!({"command": "unblock", "user": user["id"]}))
        .await;
    assert_eq!(app.me(&token).await.status, 401, "its session ended");
    assert_eq!(app.login("a@b.co", PASSWORD).await.status, 200);

    let flags = async |command: &str| {
        let shown = app
            .admin(json!({"command": command, "user": user["id"]}))
            .await["user"]
            .clone();
        (shown["featured"].clone(), shown["wx"].clone())
    };
    assert_eq!(flags("feature").await.0, true);
    assert_eq!(flags("unfeature").await.0, false);
    app.admin(json!({"command": "bind-wx", "user": user["id"], "wx": "oWx"}))
        .await;
    let taken = app
        .admin(json!({"command": "bind-wx", "user": other["id"], "wx": "oWx"}))
        .await;
    assert_eq!(taken["name"], "wx_taken");
    assert_eq!(flags("show").await.1, "oWx");
    assert_eq!(flags("unbind-wx").await.1, Value::Null);
    let free = app
        .admin(json!({"command": "bind-wx", "user": other["id"], "wx": "oWx"}))
        .await;
    assert_eq!(free["user"]["wx"], "oWx");
}
