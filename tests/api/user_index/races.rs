//! Two concurrent syncs of one user, of which one is late.

use local::OPERATOR;
use serde_json::{Value, json};
use shared::{FromConfig, UserId, UserIndex};

use crate::support::{TestApp, in_time};

/// Syncs a user in addition to the stream, as the operator.
async fn sync_as_operator(app: &TestApp, user: &Value) {
    let id: UserId = user["id"].to_string().parse().expect("an id");
    let index = UserIndex::open(&app.operator())
        .await
        .expect("the user index opens");
    index.sync([id]).await.expect("a sync");
}

/// The report on the index must be that of `users` users without a difference.
async fn assert_consistent(app: &TestApp, users: u64) {
    let report = app.check_user_index("compare-directory").await;
    let number = |name: &str| report[name].as_u64();
    assert_eq!(number("users"), Some(users), "{report}");
    assert_eq!(number("entries"), Some(users), "{report}");
    assert_eq!(number("different_entries"), Some(0), "{report}");
    assert_eq!(number("different_counts"), Some(0), "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_sync_does_not_list_a_deleted_user_again() {
    let app = TestApp::new().await;
    let token = app.admin_token().await;
    app.settle().await;
    // Both syncs find a user who is not listed.
    let stream = app.hold("user-index-sync", "BatchGetItem", 0);
    let (user, _) = app.whale_account("a@b.co").await;
    let late = app.hold(OPERATOR, "UpdateItem", 0);
    let meanwhile = async {
        in_time("the late sync's write", late.reached()).await;
        stream.release();
        app.admin(json!({"command": "delete", "user": user["uuid"]}))
            .await;
        assert_eq!(
            app.list_emails(&token, "").await.0,
            ["root@example.com".to_owned()]
        );
        late.release();
    };
    futures_util::join!(sync_as_operator(&app, &user), meanwhile);
    assert_eq!(
        app.list_emails(&token, "").await,
        (vec!["root@example.com".into()], 1)
    );
    assert_consistent(&app, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_sync_does_not_restore_former_flags() {
    let app = TestApp::new().await;
    let token = app.admin_token().await;
    let (user, _) = app.whale_account("a@b.co").await;
    app.settle().await;
    let change = async |command: &str| {
        app.admin(json!({"command": command, "user": user["uuid"]}))
            .await
    };
    let stream = app.hold("user-index-sync", "BatchGetItem", 0);
    change("feature").await;
    let late = app.hold(OPERATOR, "UpdateItem", 0);
    let meanwhile = async {
        in_time("the late sync's write", late.reached()).await;
        change("unfeature").await; // the user is listed like this, so the stream writes nothing
        stream.release();
        app.settle().await;
        late.release();
    };
    futures_util::join!(sync_as_operator(&app, &user), meanwhile);
    assert_eq!(app.list_emails(&token, "featured=1").await, (vec![], 0));
    assert_eq!(app.list_emails(&token, "featured=0").await.1, 2);
    assert_consistent(&app, 2).await;
}
