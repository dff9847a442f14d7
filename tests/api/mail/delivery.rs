//! E-mails: recipients, language, retries and failures.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use insta::assert_snapshot;
use local::Effect;
use serde_json::json;

use crate::support::{PASSWORD, TestApp, eventually, fault, refuse, ses_error};

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

/// The reasons that the mailer logged, each once.
fn reasons(app: &TestApp) -> BTreeSet<String> {
    let lines = app.log_lines();
    let causes = lines.iter().filter_map(|line| line["cause"].as_str());
    let reasons = causes.filter_map(|cause| cause.strip_prefix("SendEmail: "));
    reasons.map(str::to_owned).collect()
}

/// Answers of SES about the recipient or the content, and the logged reason.
const FINAL: [(&str, &str, &str); 5] = [
    (
        "InvalidParameterValue",
        "Local address contains control or whitespace",
        "recipient_rejected",
    ),
    (
        "InvalidParameterValue",
        "Domain contains illegal character",
        "recipient_rejected",
    ),
    (
        "InvalidParameterValue",
        "Message length is more than 10485760 bytes long",
        "content_rejected",
    ),
    (
        "MessageRejected",
        "Address blacklisted: canary@b.co",
        "recipient_rejected",
    ),
    (
        "MessageRejected",
        "Email contains a virus",
        "content_rejected",
    ),
];

/// Answers of SES that the operator or time can change, and the logged reason.
const TRANSIENT: [(&str, &str, &str); 12] = [
    ("AccountSendingPausedException", "", "sending_paused"),
    (
        "ConfigurationSetSendingPausedException",
        "",
        "sending_paused",
    ),
    (
        "MessageRejected",
        "Sending suspended for this account.",
        "sending_paused",
    ),
    (
        "MessageRejected",
        "Sending paused for this account.",
        "sending_paused",
    ),
    (
        "MessageRejected",
        "Email address is not verified. The following identities failed the check in region \
         EU-CENTRAL-1: no-reply@example.com",
        "sender_not_verified",
    ),
    (
        "MessageRejected",
        "Email address is not verified. The following identities failed the check in region \
         EU-CENTRAL-1: no-reply@example.com, canary@b.co",
        "sender_not_verified",
    ),
    (
        "MailFromDomainNotVerifiedException",
        "",
        "sender_not_verified",
    ),
    (
        "ConfigurationSetDoesNotExistException",
        "",
        "no_configuration_set",
    ),
    ("Throttling", "Maximum sending rate exceeded.", "throttled"),
    ("AccessDenied", "User is not authorized", "access_denied"),
    ("MessageRejected", "A new reason for canary@b.co", "unknown"),
    ("ANewError", "canary@b.co", "unknown"),
];

#[tokio::test]
async fn a_finally_rejected_email_is_logged_and_blocks_no_other() {
    let app = TestApp::with_parameters(&[("MailsPerDay", "100")]).await;
    app.whale_account("canary@b.co").await;
    app.whale_account("a@b.co").await;
    for (kind, message, reason) in FINAL {
        let before = app.log_lines().len();
        app.cloud
            .inject(fault("SendEmail", 1, ses_error(kind, message)));
        let rejected = json!({"group": 1, "email": "canary@b.co"});
        app.send_json("POST", "/api/captcha/", &rejected).await;
        app.code("a@b.co").await;
        let lines = app.log_lines();
        let cause = format!("SendEmail: {reason}");
        let mut lines = lines[before..]
            .iter()
            .filter(|line| line["cause"] == *cause);
        assert_eq!(lines.next().expect("a line")["level"], "ERROR", "{message}");
        assert!(lines.next().is_none(), "{message} is retried");
    }
    assert!(app.mails().await.iter().all(|mail| mail.to == ["a@b.co"]));
    assert!(app.cloud.dead_letters().is_empty());
    assert!(app.outbox().await.is_empty(), "no redrive repeats them");
    assert!(!app.logs().await.join("\n").contains("canary"));
}

#[tokio::test]
async fn every_other_failure_of_ses_is_retried_and_named() {
    let app = TestApp::with_parameters(&[("MailsPerDay", "100")]).await;
    app.whale_account("canary@b.co").await;
    for (kind, message, reason) in TRANSIENT {
        // The SDK itself retries a throttled call twice.
        let times = if reason == "throttled" { 6 } else { 2 };
        app.cloud
            .inject(fault("SendEmail", times, ses_error(kind, message)));
        app.code("canary@b.co").await;
        assert!(reasons(&app).contains(reason), "{message}");
    }
    assert_eq!(app.mails().await.len(), TRANSIENT.len());
    let expected = TRANSIENT.map(|(.., reason)| reason.to_owned());
    assert_eq!(reasons(&app), BTreeSet::from(expected));
    assert!(app.cloud.dead_letters().is_empty());
    assert!(app.outbox().await.is_empty());
    assert!(!app.logs().await.join("\n").contains("canary"));
}

#[tokio::test]
async fn the_sandbox_delays_no_other_mail_and_a_redrive_sends_it() {
    let app = TestApp::new().await;
    app.advance_clock(Duration::ZERO);
    let (user, _) = app.whale_account("canary@b.co").await;
    app.whale_account("a@b.co").await;
    let message = "Email address is not verified. The following identities failed the check in \
                   region EU-CENTRAL-1: canary@b.co";
    app.cloud
        .inject(fault("SendEmail", 1, ses_error("MessageRejected", message)));
    app.request_verification(&user).await;
    app.code("a@b.co").await;
    assert_eq!(
        reasons(&app),
        BTreeSet::from(["recipient_not_verified".to_owned()])
    );
    assert_eq!(app.outbox().await.len(), 1);
    let redrive = json!({"command": "redrive"});
    app.advance_clock(Duration::from_secs(7 * 60 * 60));
    assert_eq!(
        app.admin(redrive).await,
        json!({"mails": 1, "objects": 0, "more": false})
    );
    assert_eq!(app.newest_mail().await.to, ["canary@b.co"]);
    assert!(app.outbox().await.is_empty());
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
