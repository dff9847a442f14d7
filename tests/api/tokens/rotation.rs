//! The rotation of the token key: no lost session, and bounded reads of the secret.

use std::collections::BTreeSet;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use serde_json::{Value, json};

use crate::support::{
    PASSWORD, ROTATOR, Response, TestApp, all, encode, fault, half_rotated, key_id, refuse,
};

/// The time that an instance caches the key.
const CACHE_TIME: Duration = Duration::from_secs(15 * 60);

/// The least time between two reads of the secret for unknown key ids.
const SEARCH_INTERVAL: Duration = Duration::from_secs(10);

/// The whale code of a check of a mailed code.
async fn check_code(app: &TestApp, code: &str) -> Value {
    let body = json!({"group": 1, "email": "a@b.co", "code": code});
    let response = app.send_json("PUT", "/api/captcha/check/", &body).await;
    response.json()["code"].clone()
}

/// A well-formed cursor that no key encrypted.
fn forged_cursor() -> String {
    URL_SAFE_NO_PAD.encode([&[1_u8][..], &[7; 40]].concat())
}

#[tokio::test]
async fn a_rotation_ends_no_session_on_warm_or_cold_instances() {
    let app = TestApp::new().await;
    let before = app.register_and_login("testuser").await;
    assert_eq!(
        app.me(&before).await.status,
        200,
        "this instance knows only the first key"
    );

    let version = app.rotate_token_key().await;
    assert_ne!(app.secret("TokenKey").await.len(), 0);
    assert_eq!(app.me(&before).await.status, 200);
    assert_eq!(
        app.current_user_code(&before).await,
        0,
        "the previous key, on a cold instance"
    );

    let after = app.whale_token("testuser@example.com").await;
    assert_eq!(
        key_id(&after),
        version,
        "a cold instance signs with the new key"
    );
    assert_eq!(
        app.me(&after).await.status,
        200,
        "a warm instance accepts the new key"
    );
    let late = &app.login_token("testuser", PASSWORD).await;
    assert_eq!(
        key_id(late),
        key_id(&before),
        "a warm instance signs with the key that it knows"
    );
    assert_eq!(
        (app.me(late).await.status, app.current_user_code(late).await),
        (200, json!(0))
    );
}

#[tokio::test]
async fn a_key_expires_after_two_rotations_also_on_warm_instances() {
    let app = TestApp::new().await;
    let first = app.register_and_login("testuser").await;
    assert_eq!(app.me(&first).await.status, 200);
    app.rotate_token_key().await;
    app.advance_clock(CACHE_TIME);
    let second = &app.login_token("testuser", PASSWORD).await;
    assert_ne!(
        key_id(second),
        key_id(&first),
        "a warm instance has read the new key"
    );
    assert_eq!(app.me(&first).await.status, 200);

    let third = app.rotate_token_key().await;
    app.advance_clock(CACHE_TIME);
    assert_eq!(app.me(second).await.status, 200);
    assert_eq!(
        app.me(&first).await.status,
        401,
        "a key expires after two rotations"
    );
    assert_eq!(
        app.current_user_code(&first).await,
        1104,
        "on a cold instance"
    );
    let newest = app.login_token("testuser", PASSWORD).await;
    assert_eq!(key_id(&newest), third);
}

#[tokio::test]
async fn codes_and_mailed_links_survive_a_rotation() {
    let app = TestApp::new().await;
    let (user, _) = app.whale_account("a@b.co").await;
    let code = app.code("a@b.co").await; // warms the mailer and the function that creates codes
    let check = async |code: &str| check_code(&app, code).await;
    assert_eq!(check(&code).await, 0);
    app.rotate_token_key().await;
    app.rotate_code_key().await;
    assert_eq!(
        check(&code).await,
        0,
        "a code derived with the previous key"
    );

    // The cold function signs with the new key, which the warm mailer has to find.
    app.request_verification(&user).await;
    let token = app.newest_link_token().await;
    assert_eq!(app.verify_email(&user, &token).await.json()["code"], 0);

    let reset = app.reset_password(&user, &code, "another password").await;
    assert_eq!(reset.json()["code"], 0);
}

#[tokio::test]
async fn a_code_of_a_key_unknown_to_the_mailer_is_sent_and_valid() {
    let app = TestApp::new().await;
    let (user, _) = app.whale_account("a@b.co").await;
    let check = async |code: &str| check_code(&app, code).await;
    // The mailer and the check know only the first key; the function that creates codes is cold.
    app.request_verification(&user).await;
    app.newest_mail().await;
    assert_eq!(check("AAAAAAAA").await, 1415);
    app.rotate_code_key().await;
    let code = app.code("a@b.co").await;
    assert_eq!(check(&code).await, 0);
}

#[tokio::test]
async fn unknown_key_ids_cause_one_read_of_the_secret_in_ten_seconds() {
    let app = TestApp::new().await;
    let token = app.register_and_login("testuser").await;
    app.me(&token).await;
    let before = app.secret_reads("center-get-me");
    assert_eq!(before, 1, "the current version, at the cold start");
    let rest = token.split_once('.').unwrap().1;
    let send_unknown_key = async |number: u64| {
        let header = json!({"typ": "JWT", "alg": "HS256", "kid": format!("made-up-{number}")});
        let token = format!("{}.{rest}", encode(&header));
        assert_eq!(app.me(&token).await.status, 401);
    };
    for window in 1..=2 {
        app.advance_clock(SEARCH_INTERVAL); // and it stands still
        for number in 0..100 {
            send_unknown_key(number).await;
        }
        let reads = app.secret_reads("center-get-me") - before;
        assert_eq!(reads, 2 * window, "both versions, once per interval");
    }
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_again_stays_in_use() {
    let app = TestApp::with_variables(&[("SECRETS_MANAGER_TTL", "0")]).await;
    let token = app.register_and_login("testuser").await;
    assert_eq!(app.me(&token).await.status, 200);
    let outage = refuse(400, "DecryptionFailure");
    app.cloud
        .inject(fault("GetSecretValue", usize::MAX, outage));
    assert_eq!(app.me(&token).await.status, 200);
    let log = app.cloud.logs();
    let warning = log
        .iter()
        .find(|line| line.contains(r#""level":"WARN""#))
        .expect("a warning");
    assert!(
        warning.contains("GetSecretValue: DecryptionFailure") && !warning.contains("canary"),
        "{warning}"
    );
}

#[tokio::test]
async fn an_unknown_key_during_an_outage_is_a_500_and_not_a_401() {
    let app = TestApp::new().await;
    let token = app.admin_token().await;
    let (user, _) = app.whale_account("a@b.co").await;
    assert_eq!(app.me(&token).await.status, 200);
    assert_eq!(app.list_users(&token, "").await.status, 200);
    let verified = app.verify_email(&user, "no token").await;
    assert_eq!(verified.json()["code"], 1411);
    let unknown = {
        let (_, rest) = token.split_once('.').unwrap();
        let header = json!({"typ": "JWT", "alg": "HS256", "kid": "newer than any known key"});
        format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string()))
    };
    let outage = refuse(400, "DecryptionFailure");
    app.cloud
        .inject(fault("GetSecretValue", usize::MAX, outage));
    for _ in 0..2 {
        assert_eq!(app.me(&unknown).await.status, 500);
        assert_eq!(app.list_users(&unknown, "").await.status, 500);
        assert_eq!(app.verify_email(&user, &unknown).await.status, 500);
        let cursor = forged_cursor();
        assert_eq!(
            app.list_users(&token, &format!("cursor={cursor}"))
                .await
                .status,
            500
        );
    }
    assert_eq!(
        app.me(&token).await.status,
        200,
        "the known key stays in use"
    );
}

#[tokio::test]
async fn an_unauthenticated_cursor_causes_no_read_of_the_secret() {
    let app = TestApp::new().await;
    let token = app.admin_token().await;
    assert_eq!(app.list_users(&token, "").await.status, 200);
    let before = app.secret_reads("whale-list-users");
    let cursor = forged_cursor();
    for stranger in ["", "nonsense"] {
        assert_eq!(
            app.list_users(stranger, &format!("cursor={cursor}"))
                .await
                .json()["code"],
            1101
        );
    }
    assert_eq!(
        app.list_users("", "cursor=x&page=2").await.json()["code"],
        1202,
        "other parameters are checked first"
    );
    assert_eq!(app.secret_reads("whale-list-users"), before);
    app.rotate_token_key().await;
    for stranger in ["", "nonsense"] {
        app.list_users(stranger, &format!("cursor={cursor}")).await;
    }
    let newer = app.whale_token("root@example.com").await; // from a cold function
    assert_eq!(app.list_users(&newer, "").await.json()["code"], 0);
    assert_eq!(
        app.list_users(&token, &format!("cursor={cursor}"))
            .await
            .json()["code"],
        1202
    );
}

#[tokio::test]
async fn a_function_reads_a_key_once_for_all_its_uses() {
    let app = TestApp::new().await;
    app.whale_account("a@b.co").await;
    app.code("a@b.co").await;
    assert_eq!(
        app.secret_reads("mailer"),
        2,
        "the current version of both keys"
    );
    assert_eq!(app.secret_reads("whale-create-captcha"), 0);
    let token = app.admin_token().await;
    assert_eq!(app.list_users(&token, "").await.status, 200);
    assert_eq!(
        app.secret_reads("whale-list-users"),
        1,
        "for tokens and cursors"
    );
}

#[tokio::test]
async fn a_cursor_survives_a_rotation_on_every_instance() {
    let app = TestApp::new().await;
    let token = app.admin_token().await;
    app.whale_account("a@b.co").await;
    let next = |page: &Response| {
        page.json()["data"]["next_cursor"]
            .as_str()
            .expect("a cursor")
            .to_owned()
    };
    let former = next(&app.list_users(&token, "per_page=1").await);
    app.rotate_token_key().await;

    // Next to the warm instance, cold ones start, which know the new key.
    let first_pages = all((0..8).map(|_| app.list_users(&token, "per_page=1"))).await;
    let mut cursors: Vec<_> = first_pages.iter().map(next).collect();
    cursors.push(former);
    let keys: BTreeSet<_> = cursors.iter().map(|cursor| key_of(cursor)).collect();
    assert_eq!(keys.len(), 2, "both keys are in use");
    for cursor in &cursors {
        let query = format!("per_page=1&cursor={cursor}");
        for page in all((0..8).map(|_| app.list_emails(&token, &query))).await {
            assert_eq!(page, (vec!["a@b.co".to_owned()], 2));
        }
    }
}

/// The name of the key that encrypted a cursor.
fn key_of(cursor: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(cursor).expect("base64")[1..5].to_vec()
}

#[tokio::test]
async fn a_failed_rotation_is_retried_and_completes() {
    let (app, version) = half_rotated().await;
    let key = app.secret("TokenKey").await;
    assert_eq!(app.key_stages(&version).await, ["AWSPENDING"]);
    let refused = app
        .begin_rotation()
        .await
        .expect_err("a rotation is under way");
    assert!(refused.contains("will be reattempted"), "{refused}");
    app.rotation_ends(&version).await;
    assert_ne!(app.secret("TokenKey").await, key);
}

#[tokio::test]
async fn each_step_is_idempotent_and_none_runs_early() {
    let (app, version) = half_rotated().await;
    let key = app.secret("TokenKey").await;
    let early = app
        .rotation_step("testSecret", &version)
        .await
        .expect_err("no value to test");
    assert!(
        early.contains("it failed for a reason that the log tells"),
        "{early}"
    );
    app.rotation_step("finishSecret", &version)
        .await
        .expect_err("no value to use");
    assert_eq!(app.secret("TokenKey").await, key);

    let secrets = app.operator().clients.secrets_manager();
    let pending = async || {
        let get = secrets
            .get_secret_value()
            .secret_id(app.cloud.physical_id("TokenKey"));
        get.version_stage("AWSPENDING")
            .send()
            .await
            .expect("a version")
            .secret_string
            .expect("a text")
    };
    assert_eq!(
        app.rotation_step("createSecret", &version).await,
        Ok(Value::Null)
    );
    let new = pending().await;
    assert!(new.len() == 64 && new != key, "256 random bits");
    assert_eq!(
        app.rotation_step("createSecret", &version).await,
        Ok(Value::Null)
    );
    assert_eq!(pending().await, new, "a repeated step keeps the value");
    for step in [
        "setSecret",
        "testSecret",
        "setSecret",
        "testSecret",
        "finishSecret",
    ] {
        assert_eq!(
            app.rotation_step(step, &version).await,
            Ok(Value::Null),
            "{step}"
        );
    }
    assert_eq!(app.secret("TokenKey").await, new);
    for step in ["createSecret", "setSecret", "testSecret", "finishSecret"] {
        assert_eq!(
            app.rotation_step(step, &version).await,
            Ok(Value::Null),
            "{step}, after the rotation"
        );
    }
    assert_eq!(app.secret("TokenKey").await, new);
    assert_eq!(app.key_stages(&version).await, ["AWSCURRENT", "AWSPENDING"]);
}

#[tokio::test]
async fn a_step_for_another_version_or_secret_changes_nothing() {
    let (app, version) = half_rotated().await;
    let key = app.secret("TokenKey").await;
    let previous = key_id(&app.login_token("testuser", PASSWORD).await);
    for step in ["createSecret", "setSecret", "testSecret", "finishSecret"] {
        let wrong = app
            .rotation_step(step, "01941234-5678-4abc-8def-0123456789ab")
            .await;
        assert!(
            wrong
                .expect_err(step)
                .contains("ClientRequestToken: is no version")
        );
        let secret = app.physical_id("DataKey");
        let other = app.rotation_step_of(&secret, step, &version).await;
        let other = other.expect_err("another secret");
        assert!(
            other.contains("is not a secret that this function rotates"),
            "{other}"
        );
    }
    app.rotation_step("dropSecret", &version)
        .await
        .expect_err("no such step");
    app.cloud
        .invoke(ROTATOR, &json!({}))
        .await
        .expect_err("not an event of Secrets Manager");

    app.rotation_step("createSecret", &version)
        .await
        .expect("a value");
    app.rotation_step("finishSecret", &version)
        .await
        .expect("an end");
    app.rotate_token_key().await;
    let finished = app
        .rotation_step("finishSecret", &version)
        .await
        .expect_err("a previous version");
    assert!(
        finished.contains("is a version that is not pending"),
        "{finished}"
    );
    assert_ne!(app.secret("TokenKey").await, key);
    assert!(
        app.key_stages(&previous).await.is_empty(),
        "the version before the previous"
    );

    let id = app.cloud.physical_id("TokenKey");
    app.operator()
        .clients
        .secrets_manager()
        .cancel_rotate_secret()
        .secret_id(id)
        .send()
        .await
        .expect("an end");
    let off = app
        .rotation_step("createSecret", &version)
        .await
        .expect_err("no rotation function");
    assert!(off.contains("rotation is not enabled"), "{off}");
}

#[tokio::test]
async fn a_parameter_turns_rotation_off() {
    let app = TestApp::with_parameters(&[("RotationDays", "0")]).await;
    assert!(app.cloud.template().function(ROTATOR).is_none());
    let refused = app
        .begin_rotation()
        .await
        .expect_err("no rotation function");
    assert!(refused.contains("No Lambda rotation function"), "{refused}");
}
