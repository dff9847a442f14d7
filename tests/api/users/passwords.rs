//! Stored password hashes, and the rules for new passwords.

use std::time::Duration;

use local::{StackSettings, Template};
use serde_json::{Value, json};
use shared::{Role, UserChange};

use crate::support::{CallbackServer, PASSWORD, TestApp, registration, template};

/// The beginning of a hash with the current parameters.
const CURRENT: &str = "$argon2id$v=19$m=19456,t=2,p=1$";

async fn stored_hash(app: &TestApp, username: &str) -> String {
    let user = app.user_item("username", username).await;
    user["password"].as_s().expect("a hash").clone()
}

#[tokio::test]
async fn an_outdated_hash_is_renewed_at_the_next_login() {
    let app = TestApp::new().await;
    app.register(&registration("testuser")).await;
    app.store_outdated_hash("testuser@example.com").await;

    assert_eq!(app.login("testuser", "a wrong one").await.status, 401);
    let hash = stored_hash(&app, "testuser").await;
    assert!(
        !hash.starts_with(CURRENT),
        "a wrong password renewed {hash}"
    );
    assert_eq!(app.login("testuser", PASSWORD).await.status, 200);
    let hash = stored_hash(&app, "testuser").await;
    assert!(hash.starts_with(CURRENT), "{hash}");
    assert_eq!(app.login("testuser", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a_stored_hash_that_needs_8_gib_is_refused_with_a_500() {
    let app = TestApp::new().await;
    app.register(&registration("testuser")).await;
    let hash = stored_hash(&app, "testuser").await;
    let user = app.user_item("username", "testuser").await;
    app.store_password_hash(&user, &hash.replace("m=19456", "m=8388608"))
        .await;
    assert_eq!(app.login("testuser", PASSWORD).await.status, 500);
    let log = app.logs().await.join("\n");
    assert!(
        log.contains("a stored password hash is not acceptable"),
        "{log}"
    );
}

#[tokio::test]
async fn equal_passwords_have_different_hashes() {
    let app = TestApp::new().await;
    app.register(&registration("one")).await;
    app.register(&registration("two")).await;
    let (one, two) = (
        stored_hash(&app, "one").await,
        stored_hash(&app, "two").await,
    );
    assert_ne!(one, two);
}

/// Passwords that are refused for the account of [`names`].
const EASY: [&str; 9] = [
    "password123",
    " PassWord123 ",
    "ｐａｓｓｗｏｒｄ",
    "        ",
    "zzzzzzZZ",
    "Somebody1",
    "MY NICKNAME",
    "some.body@example.com",
    "some.body",
];

/// A password that no rule refuses.
const FINE: &str = "correct horse battery";

/// The names of one account.
fn names() -> Value {
    json!({"username": "somebody1", "nickname": "My Nickname", "email": "Some.Body@example.com"})
}

async fn refusing() -> TestApp {
    TestApp::with_parameters(&[("CommonPasswords", "refuse")]).await
}

#[tokio::test]
async fn a_registration_with_a_common_password_is_refused() {
    let app = refusing().await;
    for easy in EASY {
        let mut body = names();
        body["password"] = easy.into();
        let response = app.register(&body).await;
        let detail = json!({"detail": "password: is too common"});
        assert_eq!((response.status, response.json()), (422, detail), "{easy}");
    }
    assert!(app.items().await.is_empty());
    let mut body = names();
    body["password"] = FINE.into();
    assert_eq!(app.register(&body).await.status, 200);
}

#[tokio::test]
async fn a_refused_new_password_gives_the_try_back() {
    let app = refusing().await;
    let body = json!({"email": "a@b.co", "password": FINE, "name": "n"});
    let created = app.send_json("POST", "/api/users/", &body).await.json();
    let user = &created["data"]["user"];
    let code = app.code("a@b.co").await;
    let easy = "password1";
    for _ in 0..6 {
        for response in [
            app.reset_password(user, &code, easy).await,
            app.change_password(user, FINE, easy).await,
        ] {
            assert_eq!(response.json()["code"], 1402, "{response}");
        }
    }
    let changed = app.change_password(user, FINE, "another fine one").await;
    assert_eq!(changed.json()["code"], 0, "{changed}");
    let code = app.code("a@b.co").await;
    let reset = app.reset_password(user, &code, FINE).await;
    assert_eq!(reset.json()["code"], 0, "{reset}");
}

#[tokio::test]
async fn a_sign_up_with_a_common_password_is_refused() {
    let app = refusing().await;
    let names = names();
    let sign_up = async |password: &str| {
        let body =
            json!({"email": names["email"], "name": names["nickname"], "password": password});
        let response = app.send_json("POST", "/api/users/", &body).await;
        response.json()["code"].clone()
    };
    for easy in EASY.iter().filter(|easy| **easy != "Somebody1") {
        assert_eq!(sign_up(easy).await, 1402, "{easy}");
    }
    assert!(app.items().await.is_empty());
    assert_eq!(sign_up(FINE).await, 0);
}

#[tokio::test]
async fn a_change_to_a_common_password_is_refused() {
    let app = refusing().await;
    let mut body = names();
    body["password"] = FINE.into();
    app.register(&body).await;
    let user = app.show("somebody1").await;
    let hash = stored_hash(&app, "somebody1").await;
    for easy in EASY {
        let response = app.change_password(&user, FINE, easy).await;
        assert_eq!(response.json()["code"], 1402, "{easy}");
        app.advance_clock(Duration::from_secs(15 * 60)); // resets the limit of tries
    }
    // Without the old password, the response does not depend on the account's names.
    for new in ["Somebody1", "somebody2"] {
        let response = app.change_password(&user, "a wrong one", new).await;
        assert_eq!(response.json()["code"], 1413, "{new}");
    }
    let code = app.code("Some.Body@example.com").await;
    for easy in ["password123", "somebody1"] {
        let response = app.reset_password(&user, &code, easy).await;
        assert_eq!(response.json()["code"], 1402, "{easy}");
    }
    assert_eq!(stored_hash(&app, "somebody1").await, hash);
    let response = app
        .reset_password(&user, &code, "another horse battery")
        .await;
    assert_eq!(response.json()["code"], 0, "{response}");
}

#[tokio::test]
async fn an_operator_cannot_set_a_common_password() {
    let app = refusing().await;
    for easy in ["1q2w3e4r5t6y", "administrator1", "root.of.this@b.co"] {
        let command = json!({
            "command": "create-administrator", "username": "administrator1", "email": "root.of.this@b.co",
            "password": easy,
        });
        let response = app.admin(command).await;
        assert_eq!(
            response["error"], "password: is too common",
            "{easy}: {response}"
        );
    }
    let csv = "email,username,name,password\n\
        a@b.co,first,n,password123\n\
        b@b.co,second1,n,Second1X\n\
        c@b.co,third.one,n,third.one\n\
        the.fourth@b.co,fourth,n,the.fourth\n\
        e@b.co,fifth,the nickname,The Nickname\n";
    let report = app.import_campus(csv).await;
    let outcomes: Vec<_> = report["rows"].as_array().expect("rows").iter().collect();
    let outcomes: Vec<_> = outcomes.iter().map(|row| row["why"].clone()).collect();
    let refused = json!("password: is too common");
    let fine = Value::Null;
    assert_eq!(
        outcomes,
        [&refused, &fine, &refused, &refused, &refused].map(Value::clone)
    );
}

#[tokio::test]
async fn the_first_administrator_needs_a_good_password() {
    for (mode, password, reason) in [
        ("refuse", "1q2w3e4r5t6y", "password: is too common"),
        ("allow", "1q2w3e4r5t6y", "the administrator is made"),
        (
            "allow",
            "elevenchars",
            "password: must be 12 to 100 characters for an administrator",
        ),
    ] {
        let email = ("AdminEmail", "root@b.co");
        let app = TestApp::with_parameters(&[email, ("CommonPasswords", mode)]).await;
        let secrets = app.operator().clients.secrets_manager();
        let put = secrets
            .put_secret_value()
            .secret_id(app.physical_id("AdminPassword"));
        put.secret_string(password).send().await.expect("a secret");
        let server = CallbackServer::start(&[]).await;
        let create = json!({
            "RequestType": "Create", "ResponseURL": server.url, "ResourceProperties": {"Email": "root@b.co"},
        });
        app.admin(create).await;
        let requests = server.take_requests();
        assert!(
            requests[0].contains(reason),
            "{mode} {password}: {requests:?}"
        );
    }
}

#[tokio::test]
async fn the_documented_passwords_work_where_common_ones_may() {
    let app = TestApp::new().await;
    let (user, _) = app.whale_account("a@b.co").await;
    assert_eq!(app.register(&registration("testuser")).await.status, 200);
    let response = app.change_password(&user, PASSWORD, "12345678").await;
    assert_eq!(response.json()["code"], 0, "{response}");
    let report = app.import_campus("email,password\nb@b.co,        \n").await;
    assert_eq!(report["created"], 1, "{report}");
    let command = json!({
        "command": "create-administrator", "username": "root", "email": "c@b.co", "password": "1q2w3e4r5t6y",
    });
    let created = app.admin(command).await;
    assert_eq!(created["user"]["access"], "admin", "{created}");
}

#[test]
fn a_stack_refuses_common_passwords_unless_set() {
    let template = Template::read(&template(), &StackSettings::default()).expect("a template");
    let mut policies = Vec::new();
    for function in &template.functions {
        if let Some(policy) = function.variables.get("COMMON_PASSWORDS") {
            policies.push((function.name.as_str(), policy.as_str()));
        }
    }
    policies.sort_unstable();
    let setters = [
        "admin",
        "center-register",
        "whale-change-password",
        "whale-create-user",
    ];
    assert_eq!(policies, setters.map(|function| (function, "refuse")));
}

#[tokio::test]
async fn an_administrator_has_a_password_of_twelve_characters() {
    let app = TestApp::new().await;
    let (user, _) = app.whale_account("a@b.co").await;
    let promote = json!({"command": "set-access", "user": user["id"], "access": "admin"});
    let refusal = "user: has a password of fewer than 12 characters, and must change it before becoming an administrator";
    assert_eq!(app.admin(promote.clone()).await["error"], refusal);
    app.update_directly(&user, UserChange::verify_email).await;
    let import = "email,access\na@b.co,admin\n";
    assert_eq!(app.import_campus(import).await["rows"][0]["why"], refusal);
    assert_eq!(app.show(user["id"].clone()).await["access"], "user");

    let code = async |old: &str, new: &str| {
        let response = app.change_password(&user, old, new).await;
        response.json()["code"].clone()
    };
    assert_eq!(code(PASSWORD, "twelve chars").await, 0);
    assert_eq!(app.import_campus(import).await["updated"], 1);
    assert_eq!(code("twelve chars", "elevenchars").await, 1402);
    let mailed = app.code("a@b.co").await;
    let reset = app.reset_password(&user, &mailed, "elevenchars").await;
    assert_eq!(reset.json()["code"], 1402);
    assert_eq!(code("twelve chars", "twelve other").await, 0);

    app.create_administrator("root").await;
    let demote = json!({"command": "set-access", "user": user["id"], "access": "user"});
    assert_eq!(app.admin(demote).await["user"]["access"], "user");
    assert_eq!(code("twelve other", "elevenchars").await, 0);
    assert_eq!(app.admin(promote).await["error"], refusal);
}

#[tokio::test]
async fn an_imported_administrator_can_set_a_long_password_only() {
    let app = TestApp::new().await;
    let csv = "email,access,password\na@b.co,admin,elevenchars\nb@b.co,admin,\n";
    let report = app.import_campus(csv).await;
    assert_eq!(
        report["rows"][0]["why"],
        "password: must be 12 to 100 characters for an administrator"
    );
    assert_eq!(report["created"], 1);
    let user = app.show("b@b.co").await;
    let code = app.code("b@b.co").await;
    for (new, expected) in [("elevenchars", 1402), ("twelve chars", 0)] {
        let response = app.reset_password(&user, &code, new).await;
        assert_eq!(response.json()["code"], expected, "{new}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_race_leaves_no_administrator_with_a_short_password() {
    let app = TestApp::new().await;
    let (mut promoted, mut changed) = (0, 0);
    for round in 0..40 {
        let body = json!({"email": format!("u{round}@b.co"), "password": FINE, "name": "n"});
        let response = app.send_json("POST", "/api/users/", &body).await;
        let user = &response.json()["data"]["user"];
        let promote = json!({"command": "set-access", "user": user["id"], "access": "admin"});
        let promote = async {
            // The hash of the other request takes a while.
            tokio::time::sleep(Duration::from_millis(round * 3 % 60)).await;
            app.admin(promote).await["error"].is_null()
        };
        let change = app.change_password(user, FINE, "elevenchars");
        let (is_admin, response) = tokio::join!(promote, change);
        let is_short = response.json()["code"] == 0;
        promoted += u32::from(is_admin);
        changed += u32::from(is_short);
        let stored = app.stored_user(&json!({"uuid": user["uuid"]})).await;
        assert!(is_admin != is_short, "round {round}: {response}");
        assert_eq!(stored.role == Role::Admin, is_admin, "round {round}");
        let password = stored.password.expect("a hash");
        assert_eq!(password.fits_admin(), !is_short, "round {round}");
    }
    println!("{promoted} promoted, {changed} changed");
}
