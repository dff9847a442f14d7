//! Mails: to whom, in which language, once, and whatever the mail service does.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use insta::assert_snapshot;
use local::{Effect, Fault};
use serde_json::json;

use crate::world::{Embedded, PASSWORD, World};

#[tokio::test]
async fn a_mail_is_there_within_a_second() {
    let Some(world) = World::embedded().await else {
        return;
    };
    world.whale_account("a@b.co").await;
    world.code("a@b.co").await; // the mailer is warm
    let sent = world.mails().await.len();
    let started = Instant::now();
    world
        .whale(
            "POST",
            "/api/captcha/",
            &json!({"group": 1, "email": "a@b.co"}),
        )
        .await;
    while world.mails().await.len() == sent {
        assert!(started.elapsed() < Duration::from_secs(1));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mails = world
        .send(world.request("GET", "/_local/mail"))
        .await
        .json();
    assert_eq!(mails[0]["to"], json!(["a@b.co"]));
}

#[tokio::test]
async fn a_new_address_is_told_to_the_old_one() {
    let world = World::new().await;
    let (_, token) = world.whale_account("old@b.co").await;
    world.update(&token, &json!({"email": "OLD@b.co"})).await;
    world.settle().await;
    assert!(
        world.mails().await.is_empty(),
        "another spelling is the same address"
    );
    world.update(&token, &json!({"email": "new@b.co"})).await;
    let mail = world.newest_mail().await;
    assert_eq!(mail.to, ["OLD@b.co"]);
    assert!(!mail.text.contains("new@b.co") && !mail.html.contains("new@b.co"));
    assert_eq!(world.mails().await.len(), 1);
}

#[tokio::test]
async fn a_mail_is_in_the_language_of_the_request() {
    let world = World::new().await;
    let (user, _) = world.whale_account("a@b.co").await;
    let mut subjects = String::new();
    for header in ["zh-CN,zh;q=0.9", "en-GB", "fr", ""] {
        let mut request = world
            .request("POST", "/api/captcha/")
            .json(&json!({"group": 1, "user_id": user["id"]}));
        if !header.is_empty() {
            request = request.header("accept-language", header);
        }
        world.send(request).await;
        subjects.push_str(&format!(
            "{header:?}: {}\n",
            world.newest_mail().await.subject
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
async fn mail_goes_to_the_stored_address_whatever_was_typed() {
    let world = World::new().await;
    world.whale_account("victim.k@example.com").await;
    let typed = json!({"group": 1, "email": "VICTIM.\u{212A}@example.com"});
    assert_eq!(
        world.whale("POST", "/api/captcha/", &typed).await.json()["code"],
        0
    );
    assert_eq!(world.newest_mail().await.to, ["victim.k@example.com"]);
}

#[tokio::test]
async fn no_header_bends_a_link() {
    let Some(world) = World::embedded().await else {
        return;
    };
    let (user, _) = world.whale_account("a@b.co").await;
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
        let request = world
            .request("POST", "/api/users/verification_email/")
            .header(name, value);
        world
            .send(request.json(&json!({"user_id": user["id"]})))
            .await;
        world.end_all_counts().await;
        let mail = world.newest_mail().await;
        assert!(
            mail.text
                .contains(&format!("{}/verify-email?u=", world.url())),
            "{name}"
        );
        // With what stands beside them in an address: a token may have such letters by chance.
        for bent in ["evil.example", "evil:", "/evil", ":6666"] {
            assert!(
                !mail.text.contains(bent) && !mail.html.contains(bent),
                "{name}"
            );
        }
    }
    world.settle().await;
    assert_eq!(world.mails().await.len(), 12);
}

#[tokio::test]
async fn an_outage_of_the_mail_service_delays_mails_and_loses_none() {
    let Some(world) = World::embedded().await else {
        return;
    };
    for user in 0..5 {
        world.whale_account(&format!("user{user}@b.co")).await;
    }
    let refuse = Effect::Refuse {
        status: 503,
        kind: "ServiceUnavailable".into(),
        message: "for now".into(),
    };
    let outage = Fault {
        function: None,
        operation: "SendEmail".into(),
        times: usize::MAX,
        skip: 0,
        effect: refuse,
    };
    world.cloud.inject(outage);
    for user in 0..5 {
        let asked = Instant::now();
        let body = json!({"group": 1, "email": format!("user{user}@b.co")});
        assert_eq!(
            world.whale("POST", "/api/captcha/", &body).await.json()["code"],
            0
        );
        assert!(
            asked.elapsed() < Duration::from_secs(3),
            "no answer waits for the mail"
        );
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(world.mails().await.is_empty());
    world.cloud.clear_faults();
    world.settle().await;
    let mut to: Vec<String> = world
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
    assert!(world.cloud.dead_letters().is_empty());
}

/// Refuses so many mails in this way.
fn refuse(world: &Embedded, times: usize, status: u16, kind: &str) {
    let effect = Effect::Refuse {
        status,
        kind: kind.into(),
        message: "to canary@b.co".into(),
    };
    world.cloud.inject(Fault {
        function: None,
        operation: "SendEmail".into(),
        times,
        skip: 0,
        effect,
    });
}

#[tokio::test]
async fn a_mail_that_is_refused_for_good_keeps_none_back_and_is_told() {
    let Some(world) = World::embedded().await else {
        return;
    };
    world.whale_account("canary@b.co").await;
    world.whale_account("a@b.co").await;
    for kind in ["MessageRejected", "InvalidParameterValue"] {
        refuse(&world, 1, 400, kind);
        world
            .whale(
                "POST",
                "/api/captcha/",
                &json!({"group": 1, "email": "canary@b.co"}),
            )
            .await;
        world.code("a@b.co").await;
        let log = world.logs().await;
        let told = log
            .iter()
            .find(|line| line.contains(&format!("SendEmail: {kind}")))
            .expect("a line");
        assert!(
            told.contains(r#""level":"ERROR""#) && !told.contains("canary"),
            "{told}"
        );
    }
    assert!(world.mails().await.iter().all(|mail| mail.to == ["a@b.co"]));
    for (times, status, kind) in [
        (9, 400, "Throttling"),
        (4, 400, "AccountSendingPausedException"),
        (4, 403, "AccessDenied"),
    ] {
        refuse(&world, times, status, kind);
        world.code("canary@b.co").await;
    }
    assert!(world.cloud.dead_letters().is_empty());
}

#[tokio::test]
async fn a_mail_that_cannot_be_written_keeps_none_back_and_is_told() {
    let Some(world) = World::embedded().await else {
        return;
    };
    world.whale_account("a@b.co").await;
    let long_ago = "016f5e66-e800-7000-8000-000000000000"; // 2020
    for (name, value, cause) in [
        ("language", "xx", "a mail in an unknown language"),
        ("captcha", "none", "a mail whose captcha is no UUID"),
        ("key_id", "gone", "the key of a code is gone"),
    ] {
        let mut mail = BTreeMap::from([
            ("pk", "a"),
            ("matter", "reset-code"),
            ("user", long_ago),
            ("to", "canary@b.co"),
            ("nickname", "n"),
            ("language", "en"),
            ("captcha", long_ago),
            ("key_id", "gone"),
        ]);
        mail.extend([("pk", cause), (name, value)]);
        let put = world
            .dynamodb()
            .put_item()
            .table_name(world.physical_id("OutboxTable"));
        let put = mail.iter().fold(put, |put, (name, value)| {
            put.item(*name, AttributeValue::S((*value).into()))
        });
        put.send().await.expect("a put");
        world.code("a@b.co").await;
        assert!(
            world.logs().await.iter().any(|line| line.contains(cause)),
            "{cause}"
        );
    }
    assert!(world.mails().await.iter().all(|mail| mail.to == ["a@b.co"]));
    assert!(world.cloud.dead_letters().is_empty());
}

#[tokio::test]
async fn a_mail_whose_answer_is_lost_comes_again_with_the_same_code() {
    let Some(world) = World::embedded().await else {
        return;
    };
    world.whale_account("a@b.co").await;
    world.cloud.inject(Fault {
        function: None,
        operation: "SendEmail".into(),
        times: 4,
        skip: 0,
        effect: Effect::LoseAnswer,
    });
    world.code("a@b.co").await;
    let mails = world.mails().await;
    assert!(mails.len() > 1, "{}", mails.len());
    assert!(
        mails
            .iter()
            .all(|mail| mail.text == mails[0].text && mail.html == mails[0].html)
    );
}

#[tokio::test]
async fn no_code_token_or_address_is_in_the_log() {
    let world = World::new().await;
    let (user, token) = world.whale_account("canary@b.co").await;
    let code = world.code("canary@b.co").await;
    world
        .send(world.request("GET", &format!("/api/current_user/?token={token}")))
        .await;
    world
        .whale(
            "POST",
            "/api/users/verification_email/",
            &json!({"user_id": user["id"]}),
        )
        .await;
    let mail = world.newest_mail().await;
    let (_, mailed) = mail
        .text
        .split_whitespace()
        .find_map(|word| word.split_once("&t="))
        .expect("a token");
    let reset = json!({"user_id": user["id"], "code": code, "password_new": "another password"});
    world.whale("PUT", "/api/users/password/", &reset).await;
    world.settle().await;
    let log = world.logs().await.join("\n");
    for secret in [
        &code,
        &token,
        mailed,
        "canary",
        "昵称",
        PASSWORD,
        "another password",
        "token=",
    ] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
    assert!(
        !format!("{:?}", world.outbox().await).contains(&code),
        "nor in the outbox"
    );
    assert!(
        !format!("{:?}", world.captchas().await).contains(&code),
        "nor with the captcha"
    );
}
