//! E-mails: recipients, language, retries and failures.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use insta::assert_snapshot;
use local::Effect;
use serde_json::json;

use crate::support::{PASSWORD, TestApp, eventually, fault, refuse};

#[tokio::test]
async fn an_email_is_sent_and_shown_by_the_local_cloud() {
    let app = TestApp::new().await;
    app.whale_account("a@b.co").await;
    let body = json!({"group": 1, "email": "a@b.co"});
    app.send_json("POST", "/api/captcha/", &body).await;
    eventually("the e-mail", async || {
        (!app.mails().await.is_empty()).then_some(())
    })
    .await;
    let mails = app.send(app.request("GET", "/_local/mail")).await.json();
    assert_eq!(mails[0]["to"], json!(["a@b.co"]));
}

#[tokio::test]
async fn the_old_address_is_notified_of_a_new_one() {
    let app = TestApp::new().await;
    let (_, token) = app.verified_account("old@b.co").await;
    app.update_me(&token, &json!({"email": "OLD@b.co"})).await;
    app.settle().await;
    assert_eq!(
        app.mails().await.len(),
        1,
        "another spelling is not a new address"
    );
    app.update_me(&token, &json!({"email": "new@b.co"})).await;
    let mail = app.newest_mail().await;
    assert_eq!(mail.to, ["OLD@b.co"]);
    assert!(!mail.text.contains("new@b.co") && !mail.html.contains("new@b.co"));
    assert_eq!(app.mails().await.len(), 2);
}

#[tokio::test]
async fn an_email_is_in_the_language_of_the_request() {
    let app = TestApp::new().await;
    let (user, _) = app.whale_account("a@b.co").await;
    let mut subjects = String::new();
    for header in ["zh-CN,zh;q=0.9", "en-GB", "fr", ""] {
        let mut request = app
            .request("POST", "/api/captcha/")
            .json(&json!({"group": 1, "user_id": user["id"]}));
        if !header.is_empty() {
            request = request.header("accept-language", header);
        }
        app.send(request).await;
        subjects.push_str(&format!(
            "{header:?}: {}\n",
            app.newest_mail().await.subject
        ));
    }
    assert_snapshot!(subjects, @r#"
    "zh-CN,zh;q=0.9": 重设密码的验证码
    "en-GB": Your code for a new password
    "fr": Your code for a new password
    "": 重设密码的验证码
    "#);
}

#[tokio::test]
async fn an_email_goes_to_the_stored_address_and_not_the_typed_one() {
    let app = TestApp::new().await;
    app.whale_account("victim.k@example.com").await;
    let typed = json!({"group": 1, "email": "VICTIM.\u{212A}@example.com"});
    assert_eq!(
        app.send_json("POST", "/api/captcha/", &typed).await.json()["code"],
        0
    );
    assert_eq!(app.newest_mail().await.to, ["victim.k@example.com"]);
}

#[tokio::test]
async fn no_request_header_changes_a_link() {
    let app = TestApp::with_parameters(&[("MailsPerDay", "100")]).await;
    let (user, _) = app.whale_account("a@b.co").await;
    for (name, value) in [
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-server", "evil.example"),
        ("x-forwarded-proto", "evil"),
        ("x-forwarded-port", "6666"),
        ("x-forwarded-prefix", "/evil"),
        ("x-original-host", "evil.example"),
        ("x-original-url", "https://evil.example/"),
        ("x-rewrite-url", "https://evil.example/"),
        ("forwarded", "host=evil.example;proto=http"),
        ("origin", "https://evil.example"),
        ("referer", "https://evil.example/"),
    ] {
        let request = app
            .request("POST", "/api/users/verification_email/")
            .header(name, value);
        app.send(request.json(&json!({"user_id": user["id"]})))
            .await;

        let mail = app.newest_mail().await;
        assert!(
            mail.text
                .contains(&format!("{}/verify-email?u=", app.url())),
            "{name}"
        );
        // With the characters around them in a URL: a token may have such letters by chance.
        for forged in ["evil.example", "evil:", "/evil", ":6666"] {
            assert!(
                !mail.text.contains(forged) && !mail.html.contains(forged),
                "{name}"
            );
        }
    }
    app.settle().await;
    assert_eq!(app.mails().await.len(), 12);
}

#[tokio::test]
async fn an_outage_of_ses_delays_emails_and_loses_none() {
    let app = TestApp::new().await;
    for user in 0..5 {
        app.whale_account(&format!("user{user}@b.co")).await;
    }
    let outage = refuse(503, "ServiceUnavailable");
    app.cloud.inject(fault("SendEmail", usize::MAX, outage));
    for user in 0..5 {
        let body = json!({"group": 1, "email": format!("user{user}@b.co")});
        let created = app.send_json("POST", "/api/captcha/", &body).await;
        assert_eq!(created.json()["code"], 0, "{created}");
    }
    eventually("retries of the mailer", async || {
        let calls = app.cloud.calls();
        let sends = calls.iter().filter(|call| call.operation == "SendEmail");
        (sends.count() > 5).then_some(())
    })
    .await;
    assert!(app.mails().await.is_empty());
    app.cloud.clear_faults();
    app.settle().await;
    let mut to: Vec<String> = app
        .mails()
        .await
        .into_iter()
        .flat_map(|mail| mail.to)
        .collect();
    to.sort();
    assert_eq!(
        to,
        [
            "user0@b.co",
            "user1@b.co",
            "user2@b.co",
            "user3@b.co",
            "user4@b.co"
        ]
    );
    assert!(app.cloud.dead_letters().is_empty());
}

#[tokio::test]
async fn a_permanently_refused_email_is_logged_and_blocks_no_other() {
    let app = TestApp::new().await;
    app.whale_account("canary@b.co").await;
    app.whale_account("a@b.co").await;
    for kind in ["MessageRejected", "InvalidParameterValue"] {
        app.cloud.inject(fault("SendEmail", 1, refuse(400, kind)));
        app.send_json(
            "POST",
            "/api/captcha/",
            &json!({"group": 1, "email": "canary@b.co"}),
        )
        .await;
        app.code("a@b.co").await;
        let log = app.logs().await;
        let line = log
            .iter()
            .find(|line| line.contains(&format!("SendEmail: {kind}")))
            .expect("a line");
        assert!(
            line.contains(r#""level":"ERROR""#) && !line.contains("canary"),
            "{line}"
        );
    }
    assert!(app.mails().await.iter().all(|mail| mail.to == ["a@b.co"]));
    for (times, status, kind) in [
        (9, 400, "Throttling"),
        (4, 400, "AccountSendingPausedException"),
        (4, 403, "AccessDenied"),
    ] {
        app.cloud
            .inject(fault("SendEmail", times, refuse(status, kind)));
        app.code("canary@b.co").await;
    }
    assert!(app.cloud.dead_letters().is_empty());
}

#[tokio::test]
async fn an_email_that_cannot_be_rendered_blocks_no_other() {
    let app = TestApp::new().await;
    app.whale_account("a@b.co").await;
    let long_ago = "016f5e66-e800-7000-8000-000000000000"; // 2020
    for (name, value, cause) in [
        ("language", "xx", "an outbox message in an unknown language"),
        (
            "mail_code",
            "none",
            "an outbox message whose mail_code is no UUID",
        ),
    ] {
        let mut mail = BTreeMap::from([
            ("pk", "a"),
            ("kind", "reset-code"),
            ("user", long_ago),
            ("to", "canary@b.co"),
            ("nickname", "n"),
            ("language", "en"),
            ("mail_code", long_ago),
        ]);
        mail.extend([("pk", cause), (name, value)]);
        let attribute =
            |(name, value): (&str, &str)| (name.to_owned(), AttributeValue::S(value.to_owned()));
        let item = mail.into_iter().map(attribute).collect();
        app.put_item("OutboxTable", item).await;
        app.code("a@b.co").await;
        assert!(
            app.logs().await.iter().any(|line| line.contains(cause)),
            "{cause}"
        );
    }
    assert!(app.mails().await.iter().all(|mail| mail.to == ["a@b.co"]));
    assert!(app.cloud.dead_letters().is_empty());
}

#[tokio::test]
async fn an_email_with_a_lost_response_is_resent_with_the_same_code() {
    let app = TestApp::new().await;
    app.whale_account("a@b.co").await;
    app.cloud.inject(fault("SendEmail", 4, Effect::LoseAnswer));
    app.code("a@b.co").await;
    let mails = app.mails().await;
    assert!(mails.len() > 1, "{}", mails.len());
    assert!(
        mails
            .iter()
            .all(|mail| mail.text == mails[0].text && mail.html == mails[0].html)
    );
}

#[tokio::test]
async fn a_mailed_link_is_valid_for_a_day() {
    let app = TestApp::new().await;
    let (user, _) = app.whale_account("a@b.co").await;
    app.request_verification(&user).await;
    let token = app.newest_link_token().await;
    app.advance_clock(Duration::from_secs(24 * 60 * 60 - 60));
    assert_eq!(app.verify_email(&user, &token).await.json()["code"], 0);
    app.advance_clock(Duration::from_secs(120));
    assert_eq!(app.verify_email(&user, &token).await.json()["code"], 1411);
}

#[tokio::test]
async fn no_code_token_or_address_is_in_the_log() {
    let app = TestApp::new().await;
    let (user, token) = app.whale_account("canary@b.co").await;
    let code = app.code("canary@b.co").await;
    app.send(app.request("GET", &format!("/api/current_user/?token={token}")))
        .await;
    app.send_json(
        "POST",
        "/api/users/verification_email/",
        &json!({"user_id": user["id"]}),
    )
    .await;
    let mailed = app.newest_link_token().await;
    let reset = json!({"user_id": user["id"], "code": code, "password_new": "another password"});
    app.send_json("PUT", "/api/users/password/", &reset).await;
    app.settle().await;
    let log = app.logs().await.join("\n");
    for secret in [
        &code,
        &token,
        &mailed,
        "canary",
        "昵称",
        PASSWORD,
        "another password",
        "token=",
    ] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
    assert!(
        !format!("{:?}", app.outbox().await).contains(&code),
        "the code is in the outbox"
    );
    assert!(
        !format!("{:?}", app.mail_code_items().await).contains(&code),
        "the code is in its table"
    );
}
