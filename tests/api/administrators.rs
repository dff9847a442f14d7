//! Administrators: there is always one, whatever happens at once.

use serde_json::{Value, json};
use shared::{By, Error, Subject};

use crate::world::{World, all, registration};

#[tokio::test]
async fn the_last_administrator_remains() {
    let world = World::new().await;
    world.administrator("root").await;
    world
        .admin(json!({"command": "bind-wx", "user": "root", "wx": "oRoot"}))
        .await;
    let ways = [
        json!({"command": "set-access", "user": "root", "access": "user"}),
        json!({"command": "set-access", "user": "root", "access": "unregistered"}),
        json!({"command": "block", "user": "root"}),
        json!({"command": "delete", "user": "root"}),
        json!({"command": "import-campus", "csv": "email,wx,access\nroot@b.co,oRoot,user\n"}),
    ];
    for way in &ways {
        let answer = world.admin(way.clone()).await;
        assert!(
            answer.to_string().contains("the last administrator"),
            "{way}: {answer}"
        );
    }
    // One who is blocked is none to fall back on.
    world.administrator("other").await;
    world
        .admin(json!({"command": "block", "user": "other"}))
        .await;
    for way in &ways {
        let answer = world.admin(way.clone()).await;
        assert!(
            answer.to_string().contains("the last administrator"),
            "{way}: {answer}"
        );
    }
    let gone = world
        .admin(json!({"command": "delete", "user": "other"}))
        .await;
    assert!(gone["deleted"]["uuid"].is_string(), "{gone}");
    world.administrator("third").await;
    assert!(world.admin(ways[3].clone()).await["deleted"].is_object());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_administrators_removed_at_once_one_remains_in_each_of_50_rounds() {
    let world = World::new().await;
    let mut left = world.administrator("root").await["user"]["uuid"].clone();
    let users = world.users().await;
    for round in 0..50 {
        let other = world.administrator(&format!("other{round}")).await["user"]["uuid"].clone();
        let commands = ["set-access", "block", "delete"];
        let command = |user: &Value, at: usize| match commands[at % 3] {
            "set-access" => json!({"command": "set-access", "user": user, "access": "user"}),
            command => json!({"command": command, "user": user}),
        };
        let both = [(left.clone(), round), (other.clone(), round / 3)];
        let answers = all(both.map(|(user, at)| world.admin(command(&user, at)))).await;
        let refused: Vec<bool> = answers
            .iter()
            .map(|answer| answer["name"] == "last_administrator")
            .collect();
        assert!(
            refused == [true, false] || refused == [false, true],
            "round {round}: {answers:?}"
        );
        if refused[1] {
            left = other;
        }
        let uuid = left.as_str().unwrap().parse().unwrap();
        assert!(users.by_uuid(uuid).await.unwrap().unwrap().administers());
    }
    let count = world
        .items()
        .await
        .into_iter()
        .find(|item| item["pk"].as_s().unwrap() == "ADMINS")
        .unwrap();
    assert_eq!(count["count"].as_n().unwrap(), "1");
}

#[tokio::test]
async fn a_change_of_one_who_is_deleted_meanwhile_makes_nobody() {
    let world = World::new().await;
    world.register(&registration("testuser")).await;
    let users = world.users().await;
    let user = users
        .find(&Subject::Username("testuser".parse().unwrap()))
        .await
        .unwrap();
    world
        .admin(json!({"command": "delete", "user": "testuser"}))
        .await;
    let changed = users
        .change(user, &By::operator(), |user| user.featured = true)
        .await;
    assert!(matches!(changed, Err(Error::NoSuchAccount)), "{changed:?}");
    assert!(
        world
            .items()
            .await
            .iter()
            .all(|item| !item.contains_key("featured"))
    );
}
