//! Dead letters of the outbox, and the command that has their messages processed again.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{TestApp, fault, fault_of, refuse, ses_error};

/// Longer than Lambda retries a record.
const RETRIES: Duration = Duration::from_secs(7 * 60 * 60);

/// A cloud in which a record that fails once more after its first retry becomes a dead letter.
async fn impatient() -> TestApp {
    let app = TestApp::with_template(|template| {
        template.replace("MaximumRetryAttempts: 10000", "MaximumRetryAttempts: 1")
    });
    let app = app.await;
    app.advance_clock(Duration::ZERO);
    app
}

async fn redrive(app: &TestApp) -> Value {
    app.admin(json!({"command": "redrive"})).await
}

/// The recipients of all e-mails, oldest first.
async fn recipients(app: &TestApp) -> Vec<String> {
    let mails = app.mails().await.into_iter().rev();
    mails.flat_map(|mail| mail.to).collect()
}

#[tokio::test]
async fn a_redrive_sends_exactly_the_undelivered_mails() {
    let app = impatient().await;
    let mut users = Vec::new();
    for number in 0..4 {
        users.push(app.whale_account(&format!("user{number}@b.co")).await.0);
    }
    app.request_verification(&users[0]).await;
    app.settle().await;
    assert!(app.outbox().await.is_empty(), "a sent mail is deleted");

    let outage = ses_error("MessageRejected", "Sending suspended for this account.");
    app.cloud.inject(fault("SendEmail", usize::MAX, outage));
    for user in &users[1..3] {
        app.request_verification(user).await;
    }
    app.send_json(
        "POST",
        "/api/captcha/",
        &json!({"group": 1, "email": "user3@b.co"}),
    )
    .await;
    app.settle().await;
    app.cloud.clear_faults();
    assert_eq!(app.cloud.dead_letters().len(), 3);
    assert_eq!(recipients(&app).await, ["user0@b.co"]);

    assert_eq!(
        redrive(&app).await,
        json!({"mails": 0, "objects": 0, "more": false}),
        "Lambda may still retry them"
    );
    app.advance_clock(RETRIES);
    app.request_verification(&users[3]).await;
    app.settle().await;
    assert_eq!(
        redrive(&app).await,
        json!({"mails": 3, "objects": 0, "more": false})
    );
    assert_eq!(redrive(&app).await["mails"], 0);
    app.settle().await;
    let mut sent = recipients(&app).await;
    sent.sort();
    assert_eq!(
        sent,
        ["user0@b.co", "user1@b.co", "user2@b.co", "user3@b.co"],
        "the code of user3 has expired; the fourth is their link"
    );
    assert!(app.outbox().await.is_empty());
    app.advance_clock(RETRIES);
    assert_eq!(redrive(&app).await["mails"], 0);
    app.settle().await;
    assert_eq!(recipients(&app).await.len(), 4);
}

#[tokio::test]
async fn a_redrive_deletes_the_objects_that_an_outage_left() {
    let app = impatient().await;
    let token = app.register_and_login("testuser").await;
    app.upload_url(&token).await;
    let outage = refuse(503, "SlowDown");
    app.cloud.inject(fault_of(
        "avatar-cleanup",
        "DeleteObject",
        usize::MAX,
        outage,
    ));
    let kept = app.upload_url(&token).await;
    app.settle().await;
    app.cloud.clear_faults();
    assert_eq!(app.cloud.dead_letters().len(), 1);
    assert_eq!(app.stored_avatars().await.len(), 2);
    app.advance_clock(RETRIES);
    assert_eq!(
        redrive(&app).await,
        json!({"mails": 0, "objects": 1, "more": false})
    );
    app.settle().await;
    assert_eq!(app.stored_avatars().await, [kept]);
    assert!(app.outbox().await.is_empty());
}

#[tokio::test]
async fn a_redrive_revives_no_message_that_was_just_sent() {
    let app = impatient().await;
    let (user, _) = app.whale_account("a@b.co").await;
    let outage = refuse(503, "ServiceUnavailable");
    app.cloud.inject(fault("SendEmail", usize::MAX, outage));
    app.request_verification(&user).await;
    app.settle().await;
    app.cloud.clear_faults();
    app.advance_clock(RETRIES);
    let hold = app.hold("admin", "UpdateItem", 0);
    let sent_meanwhile = async {
        hold.reached().await;
        let message = app.outbox().await.remove(0);
        let delete = app.dynamodb().delete_item();
        let delete = delete.table_name(app.physical_id("OutboxTable"));
        let deleted = delete.key("pk", message["pk"].clone()).send().await;
        deleted.expect("a deletion");
        hold.release();
    };
    let (redriven, ()) = tokio::join!(redrive(&app), sent_meanwhile);
    assert_eq!(redriven["mails"], 0, "{redriven}");
    app.settle().await;
    assert!(app.outbox().await.is_empty());
    assert!(app.mails().await.is_empty());
}

#[tokio::test]
async fn a_failed_deletion_of_a_message_repeats_no_mail() {
    let app = TestApp::new().await;
    let (user, _) = app.whale_account("a@b.co").await;
    let lost = refuse(400, "SomethingIsWrong");
    app.cloud.inject(fault_of("mailer", "DeleteItem", 1, lost));
    app.request_verification(&user).await;
    app.settle().await;
    assert_eq!(app.mails().await.len(), 1);
    assert_eq!(app.outbox().await.len(), 1);
    let log = app.logs().await.join("\n");
    assert!(log.contains("a processed message stays in the outbox"));
}

#[tokio::test]
async fn a_message_outlives_the_dead_letter_of_its_record() {
    let app = TestApp::new().await;
    app.advance_clock(Duration::ZERO);
    let (user, _) = app.whale_account("a@b.co").await;
    let outage = refuse(503, "ServiceUnavailable");
    app.cloud.inject(fault("SendEmail", usize::MAX, outage));
    app.request_verification(&user).await;
    let item = app.outbox().await.remove(0);
    let created: uuid::Uuid = item["pk"].as_s().unwrap().parse().expect("a UUID");
    let (created, _) = created.get_timestamp().expect("a time").to_unix();
    let expires: u64 = item["expires_at"].as_n().unwrap().parse().expect("a time");
    app.cloud.clear_faults();

    let template = std::fs::read_to_string(crate::support::template()).expect("a template");
    let number = |name: &str| -> u64 {
        let name = format!("{name}: ");
        let values = template.split(&name).skip(1);
        let values = values.map(|rest| rest.lines().next().unwrap().trim().parse::<u64>());
        values
            .map(|value| value.expect("a number"))
            .max()
            .expect("a value")
    };
    let dead_letter = number("MaximumRecordAgeInSeconds") + number("MessageRetentionPeriod");
    assert!(expires - created > dead_letter);
}
