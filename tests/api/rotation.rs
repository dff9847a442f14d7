//! The rotation of the token key: no deployment, no lost session, and nobody who can make the
//! functions read the secret as often as they like.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use local::{Effect, Fault};
use serde_json::{Value, json};

use crate::world::{Answer, Embedded, PASSWORD, World, all};

/// The function, as faults and calls name it.
const ROTATOR: &str = "rotator";

impl Embedded {
    /// Has Secrets Manager rotate the token key, and waits until it has: the new version's id.
    pub async fn rotate_token_key(&self) -> String {
        let version = self.begin_rotation().await.expect("a rotation begins");
        let started = Instant::now();
        while self.stages(&version).await != ["AWSCURRENT", "AWSPENDING"] {
            assert!(
                started.elapsed() < Duration::from_secs(60),
                "{}",
                self.cloud.logs().join("\n")
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        version
    }

    async fn begin_rotation(&self) -> Result<String, String> {
        let rotate = self.operator().secrets_manager().rotate_secret();
        let begun = rotate
            .secret_id(self.cloud.physical_id("TokenKey"))
            .send()
            .await;
        begun
            .map(|begun| begun.version_id.expect("a version"))
            .map_err(|error| error.into_service_error().to_string())
    }

    /// The stages of a version of the token key.
    async fn stages(&self, version: &str) -> Vec<String> {
        let describe = self.operator().secrets_manager().describe_secret();
        let told = describe
            .secret_id(self.cloud.physical_id("TokenKey"))
            .send()
            .await;
        let mut stages = told
            .expect("a secret")
            .version_ids_to_stages
            .unwrap_or_default();
        let mut stages = stages.remove(version).unwrap_or_default();
        stages.sort();
        stages
    }

    /// Asks the rotator for one step, as Secrets Manager does.
    async fn step(&self, step: &str, version: &str) -> Result<Value, String> {
        let event = json!({
            "Step": step,
            "SecretId": self.cloud.physical_id("TokenKey"),
            "ClientRequestToken": version,
        });
        self.cloud
            .invoke(ROTATOR, &event)
            .await
            .map_err(|error| error.to_string())
    }

    /// A login token of whale's, whose function signs it.
    async fn whale_token(&self, email: &str) -> String {
        let body = json!({"email": email, "password": PASSWORD});
        let answer = self.whale("PUT", "/api/users/login/", &body).await;
        answer.json()["data"]["token"]
            .as_str()
            .unwrap_or_else(|| panic!("{answer}"))
            .to_owned()
    }

    async fn current_user(&self, token: &str) -> Value {
        let answer = self
            .send(self.request("GET", &format!("/api/current_user/?token={token}")))
            .await;
        answer.json()["code"].clone()
    }

    /// How often a function has read a secret so far.
    fn reads(&self, function: &str) -> usize {
        let calls = self.cloud.calls();
        calls
            .iter()
            .filter(|call| call.function == function && call.operation == "GetSecretValue")
            .count()
    }
}

/// A world in which a rotation has come to a stand at its first step: the version to come.
async fn half_way() -> Option<(Embedded, String)> {
    let world = World::embedded().await?;
    world.token("testuser").await; // so that something is signed with the key before
    world.cloud.inject(Fault {
        function: Some(ROTATOR.into()),
        operation: "PutSecretValue".into(),
        times: 1,
        skip: 0,
        effect: Effect::Refuse {
            status: 400,
            kind: "EncryptionFailure".into(),
            message: "no".into(),
        },
    });
    let version = world.begin_rotation().await.expect("a rotation begins");
    let started = Instant::now();
    while !world
        .cloud
        .logs()
        .iter()
        .any(|line| line.starts_with("rotator: "))
    {
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "the step does not fail"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Some((world, version))
}

fn kid(token: &str) -> String {
    let header = URL_SAFE_NO_PAD
        .decode(token.split('.').next().unwrap())
        .unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_rotation_ends_no_session_on_instances_that_are_warm_or_cold() {
    let Some(world) = World::embedded().await else {
        return;
    };
    let before = world.token("testuser").await;
    assert_eq!(
        world.me(&before).await.status,
        200,
        "an instance that knows the first key only"
    );

    let version = world.rotate_token_key().await;
    assert_ne!(world.secret("TokenKey").await.len(), 0);
    assert_eq!(world.me(&before).await.status, 200);
    assert_eq!(
        world.current_user(&before).await,
        0,
        "the former key, on a cold instance"
    );

    let after = world.whale_token("testuser@example.com").await;
    assert_eq!(
        kid(&after),
        version,
        "a cold instance signs with the new key"
    );
    assert_eq!(
        world.me(&after).await.status,
        200,
        "a warm instance takes what the new key signed"
    );
    let late = world.login("testuser", PASSWORD).await.json()["access_token"].clone();
    let late = late.as_str().expect("a token");
    assert_eq!(
        kid(late),
        kid(&before),
        "a warm instance signs with the key it knows"
    );
    assert_eq!(
        (world.me(late).await.status, world.current_user(late).await),
        (200, json!(0))
    );
}

#[tokio::test]
async fn after_two_rotations_the_first_key_is_over_also_for_warm_instances() {
    let Some(world) = World::with_variables(&[], &[("SECRETS_MANAGER_TTL", "1")]).await else {
        return;
    };
    let first = world.token("testuser").await;
    assert_eq!(world.me(&first).await.status, 200);
    world.rotate_token_key().await;
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    let second = world.login("testuser", PASSWORD).await.json()["access_token"].clone();
    let second = second.as_str().expect("a token");
    assert_ne!(
        kid(second),
        kid(&first),
        "a warm instance has heard of the rotation"
    );
    assert_eq!(world.me(&first).await.status, 200);

    let third = world.rotate_token_key().await;
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    assert_eq!(world.me(second).await.status, 200);
    assert_eq!(
        world.me(&first).await.status,
        401,
        "two rotations ago is too long"
    );
    assert_eq!(
        world.current_user(&first).await,
        1104,
        "on a cold instance, too"
    );
    let newest = world.login("testuser", PASSWORD).await.json()["access_token"].clone();
    assert_eq!(kid(newest.as_str().expect("a token")), third);
}

#[tokio::test]
async fn codes_and_mailed_links_outlive_a_rotation() {
    let Some(world) = World::embedded().await else {
        return;
    };
    let (user, _) = world.whale_account("a@b.co").await;
    let code = world.code("a@b.co").await; // warms the mailer and the captcha's function
    let check = async |code: &str| {
        let body = json!({"group": 1, "email": "a@b.co", "code": code});
        world
            .whale("PUT", "/api/captcha/check/", &body)
            .await
            .json()["code"]
            .clone()
    };
    assert_eq!(check(&code).await, 0);
    world.rotate_token_key().await;
    assert_eq!(check(&code).await, 0, "a code of the former key");

    // Cold after the rotation: signs with the new key, which the warm mailer has to find.
    let body = json!({"user_id": user["id"]});
    world
        .whale("POST", "/api/users/verification_email/", &body)
        .await;
    let mail = world.newest_mail().await;
    let (_, token) = mail
        .text
        .split_whitespace()
        .find_map(|word| word.split_once("&t="))
        .expect("a token");
    let body = json!({"user_uuid": user["uuid"], "token": token});
    assert_eq!(
        world
            .whale("PUT", "/api/users/email_verified/", &body)
            .await
            .json()["code"],
        0
    );

    let reset = json!({"email": "a@b.co", "code": code, "password_new": "another password"});
    assert_eq!(
        world
            .whale("PUT", "/api/users/password/", &reset)
            .await
            .json()["code"],
        0
    );
}

#[tokio::test]
async fn a_code_of_a_key_that_the_mailer_does_not_know_yet_is_mailed_and_good() {
    let Some(world) = World::embedded().await else {
        return;
    };
    world.whale_account("a@b.co").await;
    let check = async |code: &str| {
        let body = json!({"group": 1, "email": "a@b.co", "code": code});
        world
            .whale("PUT", "/api/captcha/check/", &body)
            .await
            .json()["code"]
            .clone()
    };
    // The mailer and the check know the first key only; the function that makes codes is cold.
    world
        .whale(
            "POST",
            "/api/users/verification_email/",
            &json!({"email": "a@b.co"}),
        )
        .await;
    world.newest_mail().await;
    assert_eq!(check("AAAAAAAA").await, 1415);
    world.rotate_token_key().await;
    let code = world.code("a@b.co").await;
    assert_eq!(check(&code).await, 0);
}

#[tokio::test]
async fn made_up_key_ids_do_not_hammer_secrets_manager() {
    let Some(world) = World::embedded().await else {
        return;
    };
    let token = world.token("testuser").await;
    world.me(&token).await;
    let before = world.reads("center-get-me");
    assert_eq!(
        before, 2,
        "the current version and the one before, at the cold start"
    );
    let rest = token.split_once('.').unwrap().1;
    let started = Instant::now();
    for at in 0..100 {
        let header = json!({"typ": "JWT", "alg": "HS256", "kid": format!("made-up-{at}")});
        let made_up = format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string()));
        assert_eq!(world.me(&made_up).await.status, 401);
    }
    let most = 2 * (1 + started.elapsed().as_secs() as usize / 10 + 1);
    let reads = world.reads("center-get-me") - before;
    assert!(
        (2..=most).contains(&reads),
        "{reads} reads, of {most} at most"
    );
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_again_stays_in_use_and_the_log_says_so() {
    let Some(world) = World::with_variables(&[], &[("SECRETS_MANAGER_TTL", "0")]).await else {
        return;
    };
    let token = world.token("testuser").await;
    assert_eq!(world.me(&token).await.status, 200);
    let outage = Effect::Refuse {
        status: 400,
        kind: "DecryptionFailure".into(),
        message: "canary".into(),
    };
    let operation = "GetSecretValue".into();
    world.cloud.inject(Fault {
        function: None,
        operation,
        times: usize::MAX,
        skip: 0,
        effect: outage,
    });
    assert_eq!(world.me(&token).await.status, 200);
    let log = world.cloud.logs();
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
async fn what_an_unread_secret_may_have_signed_is_a_fault_of_ours_and_no_bad_token() {
    let Some(world) = World::embedded().await else {
        return;
    };
    let token = world.root().await;
    let (user, _) = world.whale_account("a@b.co").await;
    assert_eq!(world.me(&token).await.status, 200);
    assert_eq!(world.list(&token, "").await.status, 200);
    let body = json!({"user_uuid": user["uuid"], "token": "no token"});
    assert_eq!(
        world
            .whale("PUT", "/api/users/email_verified/", &body)
            .await
            .json()["code"],
        1411
    );
    let unknown = {
        let (_, rest) = token.split_once('.').unwrap();
        let header = json!({"typ": "JWT", "alg": "HS256", "kid": "newer than what is known"});
        format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string()))
    };
    let outage = Effect::Refuse {
        status: 400,
        kind: "DecryptionFailure".into(),
        message: "canary".into(),
    };
    let operation = "GetSecretValue".into();
    world.cloud.inject(Fault {
        function: None,
        operation,
        times: usize::MAX,
        skip: 0,
        effect: outage,
    });
    for _ in 0..2 {
        assert_eq!(world.me(&unknown).await.status, 500);
        assert_eq!(world.list(&unknown, "").await.status, 500);
        let body = json!({"user_uuid": user["uuid"], "token": unknown});
        assert_eq!(
            world
                .whale("PUT", "/api/users/email_verified/", &body)
                .await
                .status,
            500
        );
        let cursor = URL_SAFE_NO_PAD.encode([&[1_u8][..], &[7; 40]].concat());
        assert_eq!(
            world.list(&token, &format!("cursor={cursor}")).await.status,
            500
        );
    }
    assert_eq!(
        world.me(&token).await.status,
        200,
        "what is known stays in use"
    );
}

#[tokio::test]
async fn a_strangers_cursor_does_not_spend_the_search_for_a_newer_key() {
    let Some(world) = World::embedded().await else {
        return;
    };
    let token = world.root().await;
    assert_eq!(world.list(&token, "").await.status, 200);
    let before = world.reads("whale-list-users");
    let cursor = URL_SAFE_NO_PAD.encode([&[1_u8][..], &[7; 40]].concat());
    for stranger in ["", "nonsense"] {
        assert_eq!(
            world
                .list(stranger, &format!("cursor={cursor}"))
                .await
                .json()["code"],
            1101
        );
    }
    assert_eq!(
        world.list("", "cursor=x&page=2").await.json()["code"],
        1202,
        "other parameters come first"
    );
    assert_eq!(world.reads("whale-list-users"), before);
    world.rotate_token_key().await;
    for stranger in ["", "nonsense"] {
        world.list(stranger, &format!("cursor={cursor}")).await;
    }
    let login = json!({"email": "root@example.com", "password": PASSWORD}); // by a function that is cold
    let newer =
        world.whale("PUT", "/api/users/login/", &login).await.json()["data"]["token"].clone();
    assert_eq!(
        world
            .list(newer.as_str().expect("a token"), "")
            .await
            .json()["code"],
        0
    );
    assert_eq!(
        world.list(&token, &format!("cursor={cursor}")).await.json()["code"],
        1202
    );
}

#[tokio::test]
async fn a_function_reads_the_token_key_once_for_all_that_use_it() {
    let Some(world) = World::embedded().await else {
        return;
    };
    world.whale_account("a@b.co").await;
    world.code("a@b.co").await;
    assert_eq!(
        world.reads("mailer"),
        2,
        "the current version and the one before"
    );
    let token = world.root().await;
    assert_eq!(world.list(&token, "").await.status, 200);
    assert_eq!(world.reads("whale-list-users"), 2, "for tokens and cursors");
}

#[tokio::test]
async fn a_cursor_outlives_a_rotation_whichever_instance_made_it() {
    let Some(world) = World::embedded().await else {
        return;
    };
    let token = world.root().await;
    world.whale_account("a@b.co").await;
    let next = |page: &Answer| {
        page.json()["data"]["next_cursor"]
            .as_str()
            .expect("a cursor")
            .to_owned()
    };
    let former = next(&world.list(&token, "per_page=1").await);
    world.rotate_token_key().await;

    // Beside the instance that is warm, others start, which know the new key.
    let first_pages = all((0..8).map(|_| world.list(&token, "per_page=1"))).await;
    let mut cursors: Vec<_> = first_pages.iter().map(next).collect();
    cursors.push(former);
    let keys: BTreeSet<_> = cursors.iter().map(|cursor| key_of(cursor)).collect();
    assert_eq!(keys.len(), 2, "both keys are in use");
    for cursor in &cursors {
        let query = format!("per_page=1&cursor={cursor}");
        for page in all((0..8).map(|_| world.listed(&token, &query))).await {
            assert_eq!(page, (vec!["a@b.co".to_owned()], 2));
        }
    }
}

/// The name of the key that sealed a cursor.
fn key_of(cursor: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(cursor).expect("base64")[1..5].to_vec()
}

#[tokio::test]
async fn a_rotation_that_failed_half_way_is_asked_for_again_and_ends() {
    let Some((world, version)) = half_way().await else {
        return;
    };
    let key = world.secret("TokenKey").await;
    assert_eq!(world.stages(&version).await, ["AWSPENDING"]);
    let again = world
        .begin_rotation()
        .await
        .expect_err("a rotation is under way");
    assert!(again.contains("will be reattempted"), "{again}");
    let started = Instant::now();
    while world.stages(&version).await != ["AWSCURRENT", "AWSPENDING"] {
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "{}",
            world.cloud.logs().join("\n")
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_ne!(world.secret("TokenKey").await, key);
}

#[tokio::test]
async fn each_step_may_be_repeated_and_none_goes_before_its_time() {
    let Some((world, version)) = half_way().await else {
        return;
    };
    let key = world.secret("TokenKey").await;
    let early = world
        .step("testSecret", &version)
        .await
        .expect_err("there is no value to test");
    assert!(
        early.contains("it failed for a reason that the log tells"),
        "{early}"
    );
    world
        .step("finishSecret", &version)
        .await
        .expect_err("there is no value to use");
    assert_eq!(world.secret("TokenKey").await, key);

    let secrets = world.operator().secrets_manager();
    let pending = async || {
        let get = secrets
            .get_secret_value()
            .secret_id(world.cloud.physical_id("TokenKey"));
        get.version_stage("AWSPENDING")
            .send()
            .await
            .expect("a version")
            .secret_string
            .expect("a text")
    };
    assert_eq!(world.step("createSecret", &version).await, Ok(Value::Null));
    let new = pending().await;
    assert!(
        new.len() == 64 && new != key,
        "256 bits, and others than before"
    );
    assert_eq!(world.step("createSecret", &version).await, Ok(Value::Null));
    assert_eq!(pending().await, new, "a value that is there stays");
    for step in [
        "setSecret",
        "testSecret",
        "setSecret",
        "testSecret",
        "finishSecret",
    ] {
        assert_eq!(world.step(step, &version).await, Ok(Value::Null), "{step}");
    }
    assert_eq!(world.secret("TokenKey").await, new);
    for step in ["createSecret", "setSecret", "testSecret", "finishSecret"] {
        assert_eq!(
            world.step(step, &version).await,
            Ok(Value::Null),
            "{step}, when all is done"
        );
    }
    assert_eq!(world.secret("TokenKey").await, new);
    assert_eq!(world.stages(&version).await, ["AWSCURRENT", "AWSPENDING"]);
}

#[tokio::test]
async fn a_step_for_another_version_secret_or_time_fails_and_changes_nothing() {
    let Some((world, version)) = half_way().await else {
        return;
    };
    let key = world.secret("TokenKey").await;
    let previous = kid(
        world.login("testuser", PASSWORD).await.json()["access_token"]
            .as_str()
            .unwrap(),
    );
    for step in ["createSecret", "setSecret", "testSecret", "finishSecret"] {
        let wrong = world
            .step(step, "01941234-5678-4abc-8def-0123456789ab")
            .await;
        assert!(
            wrong
                .expect_err(step)
                .contains("ClientRequestToken: is no version")
        );
        let event = json!({
            "Step": step,
            "SecretId": world.cloud.physical_id("DataKey"),
            "ClientRequestToken": version,
        });
        let other = world
            .cloud
            .invoke(ROTATOR, &event)
            .await
            .expect_err("another secret");
        assert!(
            other
                .to_string()
                .contains("is not the secret that this function rotates"),
            "{other}"
        );
    }
    world
        .step("dropSecret", &version)
        .await
        .expect_err("no such step");
    world
        .cloud
        .invoke(ROTATOR, &json!({}))
        .await
        .expect_err("no event of Secrets Manager's");

    world.step("createSecret", &version).await.expect("a value");
    world.step("finishSecret", &version).await.expect("an end");
    world.rotate_token_key().await;
    let former = world
        .step("finishSecret", &version)
        .await
        .expect_err("a version that was");
    assert!(
        former.contains("is a version that is not pending"),
        "{former}"
    );
    assert_ne!(world.secret("TokenKey").await, key);
    assert!(
        world.stages(&previous).await.is_empty(),
        "two rotations ago"
    );

    let id = world.cloud.physical_id("TokenKey");
    world
        .operator()
        .secrets_manager()
        .cancel_rotate_secret()
        .secret_id(id)
        .send()
        .await
        .expect("an end");
    let off = world
        .step("createSecret", &version)
        .await
        .expect_err("nobody rotates it");
    assert!(off.contains("rotation is not enabled"), "{off}");
}

#[tokio::test]
async fn rotation_is_a_parameter() {
    let Some(world) = World::with(&[("RotationDays", "0")]).await else {
        return;
    };
    assert!(world.cloud.template().function(ROTATOR).is_none());
    let refused = world
        .begin_rotation()
        .await
        .expect_err("nobody to rotate it");
    assert!(refused.contains("No Lambda rotation function"), "{refused}");
}
