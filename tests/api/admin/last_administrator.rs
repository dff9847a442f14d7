//! The last administrator: no sequence or race removes them.

use serde_json::{Value, json};
use shared::{Actor, Error, UserRef};

use crate::support::{TestApp, all, registration};

#[tokio::test]
async fn the_last_administrator_remains() {
    let app = TestApp::new().await;
    app.create_administrator("root").await;
    app.admin(json!({"command": "bind-wx", "user": "root", "wx": "oRoot"}))
        .await;
    let commands = [
        json!({"command": "set-access", "user": "root", "access": "user"}),
        json!({"command": "set-access", "user": "root", "access": "unregistered"}),
        json!({"command": "block", "user": "root"}),
        json!({"command": "delete", "user": "root"}),
        json!({"command": "import-campus", "csv": "email,wx,access\nroot@b.co,oRoot,user\n"}),
    ];
    for command in &commands {
        let response = app.admin(command.clone()).await;
        assert!(
            response.to_string().contains("the last administrator"),
            "{command}: {response}"
        );
    }
    // A blocked administrator does not count.
    app.create_administrator("other").await;
    app.admin(json!({"command": "block", "user": "other"}))
        .await;
    for command in &commands {
        let response = app.admin(command.clone()).await;
        assert!(
            response.to_string().contains("the last administrator"),
            "{command}: {response}"
        );
    }
    let deleted = app
        .admin(json!({"command": "delete", "user": "other"}))
        .await;
    assert!(deleted["deleted"]["uuid"].is_string(), "{deleted}");
    app.create_administrator("third").await;
    assert!(app.admin(commands[3].clone()).await["deleted"].is_object());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_administrators_removed_concurrently_one_remains() {
    let app = TestApp::new().await;
    let mut remaining = app.create_administrator("root").await["user"]["uuid"].clone();
    for round in 0..50 {
        let other =
            app.create_administrator(&format!("other{round}")).await["user"]["uuid"].clone();
        let commands = ["set-access", "block", "delete"];
        let command = |user: &Value, at: usize| match commands[at % 3] {
            "set-access" => json!({"command": "set-access", "user": user, "access": "user"}),
            command => json!({"command": command, "user": user}),
        };
        let both = [(remaining.clone(), round), (other.clone(), round / 3)];
        let responses = all(both.map(|(user, at)| app.admin(command(&user, at)))).await;
        let refused: Vec<bool> = responses
            .iter()
            .map(|response| response["name"] == "last_administrator")
            .collect();
        assert!(
            refused == [true, false] || refused == [false, true],
            "round {round}: {responses:?}"
        );
        if refused[1] {
            remaining = other;
        }
        let user = app.stored_user(&json!({ "uuid": remaining })).await;
        assert!(user.is_active_admin(), "round {round}");
    }
    let count = app
        .items()
        .await
        .into_iter()
        .find(|item| item["pk"].as_s().unwrap() == "ADMINS")
        .unwrap();
    assert_eq!(count["count"].as_n().unwrap(), "1");
}

#[tokio::test]
async fn a_change_of_a_deleted_user_does_not_create_them_again() {
    let app = TestApp::new().await;
    app.register(&registration("testuser")).await;
    let users = app.users().await;
    let user = users
        .find(&UserRef::Username("testuser".parse().unwrap()))
        .await
        .unwrap();
    app.admin(json!({"command": "delete", "user": "testuser"}))
        .await;
    let changed = users
        .change(user, &Actor::operator(), |user| user.featured = true)
        .await;
    assert!(matches!(changed, Err(Error::NoSuchAccount)), "{changed:?}");
    assert!(
        app.items()
            .await
            .iter()
            .all(|item| !item.contains_key("featured"))
    );
}
