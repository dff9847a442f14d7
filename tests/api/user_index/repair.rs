//! Comparing the user index with the users, and rebuilding it.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use shared::{FromConfig, UserIndex};

use crate::support::{TestApp, all};

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

/// The report of a consistent index with this many users and nodes of the count tree.
fn consistent(users: usize, counts: usize) -> Value {
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
async fn each_kind_of_damage_is_reported_and_repaired() {
    let app = TestApp::new().await;
    let token = app.admin_token().await;
    let users = all((0..12).map(|n| app.numbered_account(n))).await;
    let whole = app.list_emails(&token, "").await;
    let items = app.index_items().await;
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
    assert_eq!(
        app.check_user_index("compare-directory").await,
        consistent(13, nodes)
    );

    app.damage_user_index(&users[0].0).await; // is still counted
    app.list_nobody().await;
    let root = counts("COUNTS#0").remove(0);
    let child = root
        .keys()
        .find(|name| !["pk", "sk"].contains(&name.as_str()));
    let child = child.expect("a count").clone();
    let wrong_root = [
        ("pk", root["pk"].clone()),
        ("sk", root["sk"].clone()),
        (&child, text("000:99")),
    ];
    let of_nothing = [
        ("pk", text("COUNTS#3")),
        ("sk", text("00000000000000000001")),
        ("5", text("000:1")),
    ];
    for item in [wrong_root, of_nothing] {
        let item = item.map(|(name, value)| (name.to_owned(), value));
        app.put_item("UserIndexTable", item.into()).await;
    }
    app.delete_index_item(&counts("COUNTS#2")[0]).await;

    let found = app.check_user_index("compare-directory").await;
    assert_eq!(
        (&found["users"], &found["entries"]),
        (&json!(13), &json!(13)),
        "{found}"
    );
    assert_eq!(found["different_entries"], 2, "{found}");
    assert_eq!(
        found["different_users"],
        json!([(1 << 24) + 7, users[0].0["id"]]),
        "{found}"
    );
    // The root's, that of nothing, and that of the deleted node.
    assert_eq!(found["different_counts"], 3, "{found}");
    assert_ne!(app.list_emails(&token, "").await, whole);

    let rebuilt = app.check_user_index("rebuild-directory").await;
    assert_eq!(rebuilt["different_entries"], 2, "{rebuilt}");
    assert_eq!(app.list_emails(&token, "").await, whole);
    let found = app.check_user_index("compare-directory").await;
    assert_eq!(
        (&found["different_entries"], &found["different_counts"]),
        (&json!(0), &json!(0)),
        "{found}"
    );
}

#[tokio::test]
async fn a_rebuild_lists_the_users_of_a_restored_backup() {
    let app = TestApp::new().await;
    let token = app.admin_token().await;
    let (user, _) = app.whale_account("a@b.co").await;
    let (other, _) = app.whale_account("b@b.co").await;
    let backup = app.items().await;
    app.update_directly(&other, |user| user.featured = true)
        .await;
    app.admin(json!({"command": "delete", "user": user["uuid"]}))
        .await;
    assert_eq!(app.list_emails(&token, "featured=1").await.1, 1);
    for item in backup {
        app.put_item("UsersTable", item).await;
    }
    app.check_user_index("rebuild-directory").await;
    assert_eq!(app.list_emails(&token, "featured=1").await.1, 0);
    assert_eq!(
        app.list_emails(&token, "").await.0,
        ["root@example.com", "a@b.co", "b@b.co"]
    );
}

#[tokio::test]
async fn a_lost_index_is_rebuilt_in_several_runs() {
    let app = TestApp::new().await;
    let token = app.admin_token().await;
    all((0..12).map(|n| app.numbered_account(n))).await;
    let whole = app.list_emails(&token, "featured=0").await;
    all(app
        .index_items()
        .await
        .iter()
        .map(|item| app.delete_index_item(item)))
    .await;
    assert_eq!(app.list_emails(&token, "featured=0").await, (vec![], 0));

    let index = UserIndex::open(&app.operator())
        .await
        .expect("the user index opens");
    let (mut runs, mut from) = (0, None::<String>);
    loop {
        let checked = index
            .check(true, from.as_deref(), Duration::ZERO)
            .await
            .expect("a check");
        runs += 1;
        assert!(
            checked.next.is_none() || checked.next != from,
            "the run from {from:?} made no progress"
        );
        from = checked.next;
        if from.is_none() {
            break;
        }
    }
    assert!(runs > 3, "{runs} runs");
    assert_eq!(app.list_emails(&token, "featured=0").await, whole);
    let response = app
        .admin(json!({"command": "compare-directory", "from": "nowhere"}))
        .await;
    assert_eq!(response["error"], "from: must be what was told as next");
}
