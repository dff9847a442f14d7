//! Two concurrent updates of one entry, of which one is late.

use local::OPERATOR;
use serde_json::{Value, json};
use shared::{FromConfig, UserId, UserIndex};

use crate::support::{TestApp, in_time};

/// Updates a user's entry in addition to the stream, as the operator.
async fn sync_as_operator(app: &TestApp, user: &Value) {
    let id: UserId = user["id"].to_string().parse().expect("an id");
    let index = UserIndex::open(&app.operator())
        .await
        .expect("the user index opens");
    index.sync([id]).await.expect("an entry");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_update_does_not_list_a_deleted_user_again() {
    let app = TestApp::new().await;
    let token = app.admin_token().await;
    app.settle().await;
    // Both updates find a user without an entry.
    let stream = app.hold("user-index-sync", "BatchGetItem", 0);
    let (user, _) = app.whale_account("a@b.co").await;
    let late = app.hold(OPERATOR, "TransactWriteItems", 0);
    let meanwhile = async {
        in_time("the late update's write", late.reached()).await;
        stream.release();
        app.admin(json!({"command": "delete", "user": user["uuid"]}))
            .await;
        assert_eq!(app.list_emails(&token, "").await.1, 1);
        late.release();
    };
    futures_util::join!(sync_as_operator(&app, &user), meanwhile);
    assert_eq!(
        app.list_emails(&token, "").await,
        (vec!["root@example.com".into()], 1)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_update_does_not_restore_an_older_entry() {
    let app = TestApp::new().await;
    let token = app.admin_token().await;
    let (user, _) = app.whale_account("a@b.co").await;
    app.settle().await;
    let late = app.hold(OPERATOR, "BatchGetItem", 1); // the second read of two
    let meanwhile = async {
        in_time("the late update's second read", late.reached()).await;
        app.admin(json!({"command": "feature", "user": user["uuid"]}))
            .await;
        assert_eq!(app.list_emails(&token, "featured=1").await.1, 1);
        late.release();
    };
    futures_util::join!(sync_as_operator(&app, &user), meanwhile);
    assert_eq!(app.list_emails(&token, "featured=1").await.1, 1);
}
