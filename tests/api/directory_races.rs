//! Two who bring the same user's entry up to date, of whom one is slow.

use std::time::Duration;

use local::{Effect, Fault, OPERATOR};
use serde_json::json;
use shared::{Directory, Resource, UserId};

use crate::world::{Embedded, World};

/// Longer than the other takes.
const LATE: Duration = Duration::from_millis(1_500);

impl Embedded {
    /// Delays one call, after `skip` others.
    fn delay(&self, function: &str, operation: &str, skip: usize, by: Duration) {
        self.cloud.inject(Fault {
            function: Some(function.into()),
            operation: operation.into(),
            times: 1,
            skip,
            effect: Effect::Delay(by),
        });
    }

    /// Brings a user's entry up to date beside the stream, with what is delayed for the operator.
    async fn follow_late(&self, id: UserId) {
        let directory = Directory::open(&self.operator())
            .await
            .expect("the directory opens");
        directory.follow([id]).await.expect("an entry");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_who_was_deleted_is_not_listed_again_by_one_who_read_them_before() {
    let Some(world) = World::embedded().await else {
        return;
    };
    let token = world.root().await;
    world.settle().await;
    // The stream waits, so that both find a user who has no entry yet.
    world.delay("directory", "BatchGetItem", 0, LATE / 3);
    let (user, _) = world.whale_account("a@b.co").await;
    let id: UserId = user["id"].to_string().parse().expect("an id");
    world.delay(OPERATOR, "TransactWriteItems", 0, LATE);
    let others = async {
        tokio::time::sleep(LATE / 10).await; // until the late one has read
        world
            .admin(json!({"command": "delete", "user": user["uuid"]}))
            .await;
        assert_eq!(world.listed(&token, "").await.1, 1);
    };
    futures_util::join!(world.follow_late(id), others);
    assert_eq!(
        world.listed(&token, "").await,
        (vec!["root@example.com".into()], 1)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_is_not_set_back_by_one_who_read_the_user_before() {
    let Some(world) = World::embedded().await else {
        return;
    };
    let token = world.root().await;
    let (user, _) = world.whale_account("a@b.co").await;
    let id: UserId = user["id"].to_string().parse().expect("an id");
    world.settle().await;
    world.delay(OPERATOR, "BatchGetItem", 1, LATE);
    let others = async {
        tokio::time::sleep(LATE / 10).await; // until the late one has read the first half
        world
            .admin(json!({"command": "feature", "user": user["uuid"]}))
            .await;
        assert_eq!(world.listed(&token, "featured=1").await.1, 1);
    };
    futures_util::join!(world.follow_late(id), others);
    assert_eq!(world.listed(&token, "featured=1").await.1, 1);
}
