//! Avatars when something fails in between: at worst an object is left that nobody points to.

use local::{Effect, Fault};
use serde_json::json;

use crate::upload::{PNG, picture};
use crate::world::{World, all};

fn fault(function: &str, operation: &str, times: usize, effect: Effect) -> Fault {
    Fault {
        function: Some(function.into()),
        operation: operation.into(),
        times,
        skip: 0,
        effect,
    }
}

fn refuse(status: u16) -> Effect {
    Effect::Refuse {
        status,
        kind: "SomethingIsWrong".into(),
        message: "for now".into(),
    }
}

#[tokio::test]
async fn a_picture_that_cannot_be_stored_changes_nothing() {
    let Some(world) = World::embedded().await else {
        return;
    };
    let token = world.token("testuser").await;
    let old = world.uploaded(&token).await;
    for status in [403, 503] {
        world.cloud.inject(fault(
            "profile-set-avatar",
            "PutObject",
            usize::MAX,
            refuse(status),
        ));
        let answer = world.upload(&token, &picture(PNG, 20)).await;
        assert_eq!(
            (answer.status, &answer.json()["error_code"]),
            (500, &json!("4500"))
        );
        world.cloud.clear_faults();
    }
    world.settle().await;
    assert_eq!(world.avatar(&token).await.as_ref(), Some(&old));
    assert_eq!(world.objects().await, [old]);
}

#[tokio::test]
async fn a_picture_that_does_not_become_the_users_is_deleted_again() {
    let Some(world) = World::embedded().await else {
        return;
    };
    let token = world.token("testuser").await;
    world
        .cloud
        .inject(fault("profile-set-avatar", "UpdateItem", 1, refuse(400)));
    assert_eq!(world.upload(&token, &picture(PNG, 20)).await.status, 500);
    world.settle().await;
    assert!(world.objects().await.is_empty() && world.avatar(&token).await.is_none());

    let old = world.uploaded(&token).await;
    world.cloud.inject(fault(
        "profile-set-avatar",
        "TransactWriteItems",
        1,
        refuse(400),
    ));
    assert_eq!(world.upload(&token, &picture(PNG, 20)).await.status, 500);
    world.settle().await;
    assert_eq!(world.avatar(&token).await.as_ref(), Some(&old));
    assert_eq!(world.objects().await, [old]);
}

#[tokio::test]
async fn nothing_points_to_what_is_not_there_whatever_fails_and_however_often() {
    let Some(world) = World::embedded().await else {
        return;
    };
    let token = world.token("testuser").await;
    let old = world.uploaded(&token).await;
    // It ends after the object is there, and before the user points to it.
    world.cloud.inject(fault(
        "profile-set-avatar",
        "TransactWriteItems",
        usize::MAX,
        refuse(400),
    ));
    assert_eq!(world.upload(&token, &picture(PNG, 20)).await.status, 500);
    world.cloud.clear_faults();
    world.settle().await;
    assert_eq!(world.avatar(&token).await.as_ref(), Some(&old));
    assert_eq!(world.objects().await.len(), 2, "one that nobody points to");

    // Each answer is lost in turn: what was done stays done, and the one before goes.
    let mut before = old;
    let upload = "profile-set-avatar";
    for (function, operation) in [
        (upload, "PutObject"),
        (upload, "TransactWriteItems"),
        ("sweeper", "DeleteObject"),
    ] {
        for times in 1..=3 {
            world
                .cloud
                .inject(fault(function, operation, times, Effect::LoseAnswer));
            let status = world.upload(&token, &picture(PNG, 20)).await.status;
            world.cloud.clear_faults();
            world.settle().await;
            let now = world.avatar(&token).await.expect("a picture");
            assert!(
                status == 500 || now != before,
                "{operation} {times}: {status}"
            );
            assert!(world.objects().await.contains(&now));
            assert_eq!(
                world.serves(&before).await,
                now == before,
                "{operation} {times}"
            );
            before = now;
        }
    }
}

#[tokio::test]
async fn a_change_that_was_made_and_not_told_of_is_not_taken_back_whatever_is_said_next() {
    let Some(world) = World::embedded().await else {
        return;
    };
    let token = world.token("testuser").await;
    let lost = |times| {
        fault(
            "profile-set-avatar",
            "TransactWriteItems",
            times,
            Effect::LoseAnswer,
        )
    };
    let says = |operation, kind: &str, skip| {
        let effect = Effect::Refuse {
            status: 400,
            kind: kind.into(),
            message: "for now".into(),
        };
        Fault {
            skip,
            ..fault("profile-set-avatar", operation, 2, effect)
        }
    };
    let mut before = world.uploaded(&token).await;
    for kind in [
        "TransactionInProgressException",
        "ThrottlingException",
        "RequestLimitExceeded",
    ] {
        world.cloud.inject(lost(1));
        world.cloud.inject(says("TransactWriteItems", kind, 0));
        let answer = world.upload(&token, &picture(PNG, 20)).await;
        world.cloud.clear_faults();
        world.settle().await;
        let now = world.avatar(&token).await.expect("a picture");
        assert!(answer.status == 200 && now != before, "{kind}: {answer}");
        before = now;
    }
    // And nobody can say what is stored: the first read tells who asks, the next what came of it.
    world.cloud.inject(lost(3));
    world
        .cloud
        .inject(says("GetItem", "ValidationException", 1));
    let answer = world.upload(&token, &picture(PNG, 20)).await;
    world.cloud.clear_faults();
    world.settle().await;
    assert_eq!(answer.status, 500);
    assert_ne!(world.avatar(&token).await, Some(before));
}

#[tokio::test]
async fn a_deletion_that_fails_is_made_later() {
    let Some(world) = World::embedded().await else {
        return;
    };
    let token = world.token("testuser").await;
    world.uploaded(&token).await;
    world
        .cloud
        .inject(fault("sweeper", "DeleteObject", 6, refuse(503)));
    let url = world.uploaded(&token).await;
    world.settle().await;
    assert_eq!(world.objects().await, [url]);
    assert!(world.cloud.dead_letters().is_empty());
}

#[tokio::test]
async fn of_many_uploads_at_once_one_is_the_users_and_no_other_is_left() {
    let world = World::new().await;
    let token = world.token("testuser").await;
    world.uploaded(&token).await;
    let png = picture(PNG, 20);
    let answers = all((0..64).map(|_| world.upload(&token, &png))).await;
    let saved = answers.iter().filter(|answer| answer.status == 200).count();
    assert!(
        saved > 0
            && answers
                .iter()
                .all(|answer| [200, 500].contains(&answer.status)),
        "{answers:?}"
    );
    world.settle().await;
    assert_eq!(
        world.objects().await,
        [world.avatar(&token).await.expect("a picture")]
    );
}
