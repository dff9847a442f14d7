//! Failures during an upload: at worst an unreferenced object remains.

use local::{Effect, InjectedFault};
use serde_json::json;

use crate::support::{PNG, TestApp, all, fault_of, picture, refuse};

#[tokio::test]
async fn a_picture_that_cannot_be_stored_changes_nothing() {
    let app = TestApp::new().await;
    let token = app.register_and_login("testuser").await;
    let old = app.upload_url(&token).await;
    for status in [403, 503] {
        app.cloud.inject(fault_of(
            "profile-set-avatar",
            "PutObject",
            usize::MAX,
            refuse(status, "SomethingIsWrong"),
        ));
        let response = app.upload(&token, &picture(PNG, 20)).await;
        assert_eq!(
            (response.status, &response.json()["error_code"]),
            (500, &json!("4500"))
        );
        app.cloud.clear_faults();
    }
    app.settle().await;
    assert_eq!(app.avatar(&token).await.as_ref(), Some(&old));
    assert_eq!(app.stored_avatars().await, [old]);
}

#[tokio::test]
async fn the_object_of_a_failed_upload_is_deleted() {
    let app = TestApp::new().await;
    let token = app.register_and_login("testuser").await;
    app.cloud.inject(fault_of(
        "profile-set-avatar",
        "UpdateItem",
        1,
        refuse(400, "SomethingIsWrong"),
    ));
    assert_eq!(app.upload(&token, &picture(PNG, 20)).await.status, 500);
    app.settle().await;
    assert!(app.stored_avatars().await.is_empty() && app.avatar(&token).await.is_none());

    let old = app.upload_url(&token).await;
    app.cloud.inject(fault_of(
        "profile-set-avatar",
        "TransactWriteItems",
        1,
        refuse(400, "SomethingIsWrong"),
    ));
    assert_eq!(app.upload(&token, &picture(PNG, 20)).await.status, 500);
    app.settle().await;
    assert_eq!(app.avatar(&token).await.as_ref(), Some(&old));
    assert_eq!(app.stored_avatars().await, [old]);
}

#[tokio::test]
async fn no_sequence_of_failures_leaves_a_dangling_reference() {
    let app = TestApp::new().await;
    let token = app.register_and_login("testuser").await;
    let old = app.upload_url(&token).await;
    // The upload fails after the object is stored and before the user refers to it.
    app.cloud.inject(fault_of(
        "profile-set-avatar",
        "TransactWriteItems",
        usize::MAX,
        refuse(400, "SomethingIsWrong"),
    ));
    assert_eq!(app.upload(&token, &picture(PNG, 20)).await.status, 500);
    app.cloud.clear_faults();
    app.settle().await;
    assert_eq!(app.avatar(&token).await.as_ref(), Some(&old));
    assert_eq!(app.stored_avatars().await.len(), 2, "one is unreferenced");

    // Each response is lost in turn. The change is kept, and the old avatar is deleted.
    let mut before = old;
    let upload = "profile-set-avatar";
    for (function, operation) in [
        (upload, "PutObject"),
        (upload, "TransactWriteItems"),
        ("avatar-cleanup", "DeleteObject"),
    ] {
        for times in 1..=3 {
            app.cloud
                .inject(fault_of(function, operation, times, Effect::LoseAnswer));
            let status = app.upload(&token, &picture(PNG, 20)).await.status;
            app.cloud.clear_faults();
            app.settle().await;
            let now = app.avatar(&token).await.expect("a picture");
            assert!(
                status == 500 || now != before,
                "{operation} {times}: {status}"
            );
            assert!(app.stored_avatars().await.contains(&now));
            assert_eq!(
                app.serves(&before).await,
                now == before,
                "{operation} {times}"
            );
            before = now;
        }
    }
}

#[tokio::test]
async fn a_committed_change_with_a_lost_response_is_not_undone() {
    let app = TestApp::new().await;
    let token = app.register_and_login("testuser").await;
    let lost = |times| {
        fault_of(
            "profile-set-avatar",
            "TransactWriteItems",
            times,
            Effect::LoseAnswer,
        )
    };
    let refused = |operation, kind: &str, skip| {
        let fault = fault_of("profile-set-avatar", operation, 2, refuse(400, kind));
        InjectedFault { skip, ..fault }
    };
    let mut before = app.upload_url(&token).await;
    for kind in [
        "TransactionInProgressException",
        "ThrottlingException",
        "RequestLimitExceeded",
    ] {
        app.cloud.inject(lost(1));
        app.cloud.inject(refused("TransactWriteItems", kind, 0));
        let response = app.upload(&token, &picture(PNG, 20)).await;
        app.cloud.clear_faults();
        app.settle().await;
        let now = app.avatar(&token).await.expect("a picture");
        assert!(
            response.status == 200 && now != before,
            "{kind}: {response}"
        );
        before = now;
    }
    // The stored state cannot be read either. The first read is of the caller, the second of the
    // outcome.
    app.cloud.inject(lost(3));
    app.cloud
        .inject(refused("GetItem", "ValidationException", 1));
    let response = app.upload(&token, &picture(PNG, 20)).await;
    app.cloud.clear_faults();
    app.settle().await;
    assert_eq!(response.status, 500);
    assert_ne!(app.avatar(&token).await, Some(before));
}

#[tokio::test]
async fn a_failed_deletion_is_retried() {
    let app = TestApp::new().await;
    let token = app.register_and_login("testuser").await;
    app.upload_url(&token).await;
    app.cloud.inject(fault_of(
        "avatar-cleanup",
        "DeleteObject",
        6,
        refuse(503, "SomethingIsWrong"),
    ));
    let url = app.upload_url(&token).await;
    app.settle().await;
    assert_eq!(app.stored_avatars().await, [url]);
    assert!(app.cloud.dead_letters().is_empty());
}

#[tokio::test]
async fn of_64_concurrent_uploads_only_the_users_avatar_remains() {
    let app = TestApp::new().await;
    let token = app.register_and_login("testuser").await;
    app.upload_url(&token).await;
    let png = picture(PNG, 20);
    let responses = all((0..64).map(|_| app.upload(&token, &png))).await;
    let saved = responses
        .iter()
        .filter(|response| response.status == 200)
        .count();
    assert!(
        saved > 0
            && responses
                .iter()
                .all(|response| [200, 500].contains(&response.status)),
        "{responses:?}"
    );
    app.settle().await;
    assert_eq!(
        app.stored_avatars().await,
        [app.avatar(&token).await.expect("a picture")]
    );
}
