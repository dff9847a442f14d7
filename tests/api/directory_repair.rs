//! Comparing the directory with the users, and mending it.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use shared::{Directory, Resource};

use crate::world::{Item, World, all};

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

impl World {
    /// Every item of the directory.
    async fn directory(&self) -> Vec<Item> {
        self.scan("DirectoryTable").await
    }

    async fn put(&self, item: Item) {
        let put = self
            .dynamodb()
            .put_item()
            .table_name(self.physical_id("DirectoryTable"));
        put.set_item(Some(item)).send().await.expect("a put");
    }

    async fn remove(&self, item: &Item) {
        let delete = self
            .dynamodb()
            .delete_item()
            .table_name(self.physical_id("DirectoryTable"));
        let delete = delete
            .key("pk", item["pk"].clone())
            .key("sk", item["sk"].clone());
        delete.send().await.expect("a deletion");
    }

    /// Takes a user's entry away, past all counts.
    pub async fn damage_the_directory(&self, user: &Value) {
        self.settle().await;
        let uuid = user["uuid"].as_str().expect("a uuid");
        let items = self.directory().await;
        let entry = items
            .iter()
            .find(|item| item.get("uuid") == Some(&text(uuid)));
        self.remove(entry.expect("an entry")).await;
    }

    async fn check(&self, command: &str) -> Value {
        self.settle().await;
        self.admin(json!({ "command": command })).await
    }
}

/// What a comparison finds in a directory of so many users and nodes that is as it should be.
fn sound(users: usize, counts: usize) -> Value {
    json!({
        "users": users,
        "entries": users,
        "counts": counts,
        "different_entries": 0,
        "different_counts": 0,
        "different_users": [],
        "next": null,
    })
}

#[tokio::test]
async fn each_kind_of_damage_is_told_and_mended() {
    let world = World::new().await;
    let token = world.root().await;
    let users = all((0..12).map(|n| world.whale_account_at(n))).await;
    let whole = world.listed(&token, "").await;
    let items = world.directory().await;
    let counts = |depth: &str| {
        items
            .iter()
            .filter(|item| item["pk"] == text(depth))
            .cloned()
            .collect::<Vec<_>>()
    };
    let nodes = items
        .iter()
        .filter(|item| item["pk"].as_s().expect("a text").starts_with("COUNTS#"))
        .count();
    assert_eq!(world.check("compare-directory").await, sound(13, nodes));

    world.damage_the_directory(&users[0].0).await; // its leaf then counts one too many
    let uuid = users[1].0["uuid"].as_str().expect("a uuid");
    let mut renamed = items
        .iter()
        .find(|item| item.get("uuid") == Some(&text(uuid)))
        .expect("an entry")
        .clone();
    renamed.insert("nickname".into(), text("somebody else"));
    world.put(renamed.clone()).await;
    renamed.extend([
        ("sk".into(), text("00000000000000004097")),
        ("uuid".into(), text("016f5e66-e801-7001-8000-000000000000")), // nobody, and counted nowhere
    ]);
    world.put(renamed).await;
    let mut root = counts("COUNTS#0").remove(0);
    let count = root
        .iter()
        .find(|(name, _)| name.contains('.'))
        .expect("a count")
        .0
        .clone();
    root.insert(count, number(99));
    world.put(root).await;
    world.remove(&counts("COUNTS#4")[0]).await;
    let ghost = [
        ("pk", text("COUNTS#7")),
        ("sk", text("00000000000000000001")),
        ("version", number(1)),
        ("5.000", number(1)),
    ];
    world
        .put(ghost.map(|(name, value)| (name.to_owned(), value)).into())
        .await;

    let found = world.check("compare-directory").await;
    assert_eq!(
        (&found["users"], &found["entries"]),
        (&json!(13), &json!(13)),
        "{found}"
    );
    assert_eq!(found["different_entries"], 3, "{found}");
    assert_eq!(found["different_users"][2], 4097, "{found}");
    // The leaf of the missing entry, that of nobody, the ghost and its parent, the node that is
    // gone and its parent, and the root.
    assert!(found["different_counts"].as_u64() >= Some(6), "{found}");
    assert_ne!(world.listed(&token, "").await, whole);

    let mended = world.check("rebuild-directory").await;
    assert_eq!(mended["different_entries"], 3, "{mended}");
    assert_eq!(world.listed(&token, "").await, whole);
    let found = world.check("compare-directory").await;
    assert_eq!(
        (&found["different_entries"], &found["different_counts"]),
        (&json!(0), &json!(0)),
        "{found}"
    );
}

#[tokio::test]
async fn users_of_a_backup_are_listed_again_as_they_were() {
    let world = World::new().await;
    let token = world.root().await;
    let (user, _) = world.whale_account("a@b.co").await;
    let (other, _) = world.whale_account("b@b.co").await;
    let backup = world.items().await;
    world.alter(&other, |user| user.featured = true).await;
    world
        .admin(json!({"command": "delete", "user": user["uuid"]}))
        .await;
    assert_eq!(world.listed(&token, "featured=1").await.1, 1);
    for item in backup {
        let put = world
            .dynamodb()
            .put_item()
            .table_name(world.table())
            .set_item(Some(item));
        put.send().await.expect("a put");
    }
    world.check("rebuild-directory").await;
    assert_eq!(world.listed(&token, "featured=1").await.1, 0);
    assert_eq!(
        world.listed(&token, "").await.0,
        ["root@example.com", "a@b.co", "b@b.co"]
    );
}

#[tokio::test]
async fn a_directory_that_is_lost_is_made_again_in_as_many_goes_as_it_takes() {
    let world = World::new().await;
    let token = world.root().await;
    all((0..12).map(|n| world.whale_account_at(n))).await;
    let whole = world.listed(&token, "featured=0").await;
    all(world
        .directory()
        .await
        .iter()
        .map(|item| world.remove(item)))
    .await;
    assert_eq!(world.listed(&token, "featured=0").await, (vec![], 0));

    let directory = Directory::open(&world.operator())
        .await
        .expect("the directory opens");
    let (mut goes, mut from) = (0, None::<String>);
    loop {
        let checked = directory
            .check(true, from.as_deref(), Duration::ZERO)
            .await
            .expect("a check");
        goes += 1;
        assert!(
            checked.next.is_none() || checked.next != from,
            "{from:?} leads nowhere"
        );
        from = checked.next;
        if from.is_none() {
            break;
        }
    }
    assert!(goes > 3, "{goes}");
    assert_eq!(world.listed(&token, "featured=0").await, whole);
    let answer = world
        .admin(json!({"command": "compare-directory", "from": "nowhere"}))
        .await;
    assert_eq!(answer["error"], "from: must be what was told as next");
}
