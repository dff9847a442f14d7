//! The daily budget of e-mails, to one address and of the stack.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{TestApp, eventually, fault, link_token, refuse};

const ADDRESS: &str = "stranger@b.co";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Has a code sent to `user`.
async fn request_code(app: &TestApp, user: &Value) {
    let body = json!({"group": 1, "user_id": user["id"]});
    let sent = app.send_json("POST", "/api/captcha/", &body).await;
    assert_eq!(sent.json()["code"], 0, "{sent}");
}

/// Asks for a code for `user`, which a limit may refuse.
async fn request_mail(app: &TestApp, user: &Value) {
    let body = json!({"group": 1, "user_id": user["id"]});
    app.send_json("POST", "/api/captcha/", &body).await;
}

async fn mails_to(app: &TestApp, address: &str) -> usize {
    app.settle().await;
    let mails = app.mails().await;
    mails.iter().filter(|mail| mail.to == [address]).count()
}

/// The lines of the mailer that have this member.
fn lines_with(app: &TestApp, member: &str) -> Vec<Value> {
    let lines = app.log_lines().into_iter();
    lines
        .filter(|line| line["function_name"] == "mailer" && !line[member].is_null())
        .collect()
}

#[tokio::test]
async fn an_address_set_and_left_80_times_gets_no_mail() {
    let app = TestApp::new().await;
    let (_, token) = app.whale_account("own@b.co").await;
    for round in 0..40 {
        for email in [ADDRESS, "own@b.co"] {
            let moved = app.update_me(&token, &json!({"email": email})).await;
            let wanted = if round < 3 || email == "own@b.co" {
                200 // the last one is the current one, so it is no change
            } else {
                429
            };
            assert_eq!(moved.status, wanted, "{moved}");
        }
    }
    app.settle().await;
    assert!(app.mails().await.is_empty(), "neither was verified");
}

#[tokio::test]
async fn a_thief_cannot_use_up_the_mails_of_the_owner() {
    let app = TestApp::new().await;
    let (user, token) = app.verified_account("owner@b.co").await;
    let changes = [ADDRESS, "owner@b.co", ADDRESS, "owner@b.co", ADDRESS];
    for email in changes.into_iter().chain(["other@b.co"; 40]) {
        app.update_me(&token, &json!({"email": email})).await;
        request_mail(&app, &user).await;
    }
    let email = app.stored_user(&user).await.email.to_string();
    assert_eq!(email, "other@b.co");
    assert_eq!(mails_to(&app, ADDRESS).await, 0);
    let notices = mails_to(&app, "owner@b.co").await;
    let mut mails = app.mails().await.into_iter();
    let undo = mails.find(|mail| mail.text.contains("/undo-email-change"));
    let link = link_token(&undo.expect("the newest link"));
    let body = json!({"user_uuid": user["uuid"], "token": link});
    let undone = app.send_json("PUT", "/api/auth/email/undo", &body).await;
    assert_eq!(undone.status, 200, "{undone}");
    assert_eq!(mails_to(&app, "owner@b.co").await, notices + 1, "a code");
}

#[tokio::test]
async fn an_address_gets_20_mails_a_day_over_all_accounts() {
    let app = TestApp::new().await;
    app.advance_clock(Duration::ZERO); // it stands still, so that the day does not end
    let mut last = Value::Null;
    for number in 0..5 {
        let (user, token) = app.whale_account(&format!("own{number}@b.co")).await;
        // Other spellings are the same address.
        let spelling = if number % 2 == 0 {
            ADDRESS
        } else {
            "STRANGER@B.co"
        };
        app.update_me(&token, &json!({"email": spelling})).await;
        for _ in 0..5 {
            request_code(&app, &user).await;
            app.request_verification(&user).await;
        }
        app.settle().await;
        if number < 4 {
            let away = json!({"email": format!("away{number}@b.co")});
            app.update_me(&token, &away).await;
        }
        last = user;
    }
    assert_eq!(app.mails().await.len(), 15, "requested ones");
    assert_eq!(lines_with(&app, "dropped_mail").len(), 35);
    for line in lines_with(&app, "dropped_mail") {
        assert_eq!(line["dropped_mail"], "address");
        assert_eq!(line["level"], "INFO");
        assert!(!line.to_string().to_lowercase().contains("stranger"));
    }
    for round in 0..7 {
        let (old, new) = (
            format!("password {round}"),
            format!("password {}", round + 1),
        );
        let old = if round == 0 {
            crate::support::PASSWORD
        } else {
            &old
        };
        let changed = app.change_password(&last, old, &new).await;
        assert_eq!(changed.json()["code"], 0, "{changed}");
    }
    app.settle().await;
    assert_eq!(app.mails().await.len(), 20, "the rest is for notices");
    assert!(app.cloud.dead_letters().is_empty());
    app.advance_clock(DAY);
    request_code(&app, &last).await;
    app.settle().await;
    assert_eq!(app.mails().await.len(), 21);
}

#[tokio::test]
async fn the_stack_sends_no_mail_beyond_its_budget() {
    let app = TestApp::with_parameters(&[("MailBudget", "5")]).await;
    app.advance_clock(Duration::ZERO);
    for number in 0..7 {
        let (user, _) = app.whale_account(&format!("user{number}@b.co")).await;
        request_code(&app, &user).await;
        app.settle().await;
    }
    assert_eq!(app.mails().await.len(), 5);
    let used: Vec<Value> = lines_with(&app, "mail_budget_used")
        .iter()
        .map(|line| line["mail_budget_used"].clone())
        .collect();
    assert_eq!(used, [20, 40, 60, 80, 100, 100, 100]);
    let dropped = lines_with(&app, "dropped_mail");
    assert_eq!(dropped.len(), 2, "each once: {dropped:?}");
    assert!(dropped.iter().all(|line| line["dropped_mail"] == "stack"));
}

#[tokio::test]
async fn a_retry_uses_up_no_budget() {
    let app = TestApp::with_parameters(&[("MailBudget", "2")]).await;
    app.advance_clock(Duration::ZERO);
    let (user, _) = app.whale_account(ADDRESS).await;
    let outage = refuse(503, "ServiceUnavailable");
    app.cloud.inject(fault("SendEmail", usize::MAX, outage));
    request_code(&app, &user).await;
    eventually("retries of the mailer", async || {
        (lines_with(&app, "cause").len() > 4).then_some(())
    })
    .await;
    app.cloud.clear_faults();
    assert_eq!(mails_to(&app, ADDRESS).await, 1);
    request_code(&app, &user).await;
    assert_eq!(mails_to(&app, ADDRESS).await, 2);
}

#[tokio::test]
async fn a_greeting_names_nobody_until_the_address_is_verified() {
    let app = TestApp::new().await;
    let (user, _) = app.whale_account(ADDRESS).await;
    app.code(ADDRESS).await;
    let mail = app.newest_mail().await;
    assert!(!mail.text.contains("昵称") && !mail.html.contains("昵称"));
    assert!(!format!("{:?}", app.outbox().await).contains("昵称"));
    app.update_directly(&user, |user| user.verify_email()).await;
    app.code(ADDRESS).await;
    let mail = app.newest_mail().await;
    assert!(mail.text.contains("昵称") && mail.html.contains("昵称"));
}
