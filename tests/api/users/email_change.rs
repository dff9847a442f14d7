//! Changes of the e-mail address: the hold on the former one, and its undo.
//!
//! A thief has a token of the owner. The owner reads the former address, and knows the user name.

use std::time::Duration;

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::unique_names::assert_markers_match;
use crate::support::{PASSWORD, Response, TestApp, all, encode, parts, registration, sign};

const OWNER: &str = "owner@b.co";
const THIEF: &str = "thief@b.co";
const NEW: &str = "a new password";
const HOLD: Duration = Duration::from_secs(7 * 24 * 60 * 60);
const MINUTE: Duration = Duration::from_secs(60);
const UNDO: &str = "/api/auth/email/undo";

async fn move_to(app: &TestApp, token: &str, email: &str) {
    let moved = app.update_me(token, &json!({"email": email})).await;
    assert_eq!(moved.status, 200, "{moved}");
}

async fn undo(app: &TestApp, user: &Value, link: &str) -> Response {
    let body = json!({"user_uuid": user["uuid"], "token": link});
    app.send_json("PUT", UNDO, &body).await
}

/// A user with the verified address [`OWNER`], their stolen token, and the token of the link to
/// undo the thief's change to [`THIEF`].
async fn stolen(app: &TestApp) -> (Value, String, String) {
    let (user, token) = app.verified_account(OWNER).await;
    move_to(app, &token, THIEF).await;
    let notice = app.newest_mail().await;
    assert_eq!(notice.to, [OWNER]);
    let link = app.newest_link_token().await;
    (user, token, link)
}

async fn request_code(app: &TestApp, email: &str) -> Value {
    let body = json!({"group": 1, "email": email});
    app.send_json("POST", "/api/captcha/", &body).await.json()["code"].clone()
}

async fn recipients(app: &TestApp) -> Vec<String> {
    app.settle().await;
    let mails = app.mails().await.into_iter().rev();
    mails.flat_map(|mail| mail.to).collect()
}

#[tokio::test]
async fn the_link_gives_a_stolen_account_back_to_its_owner() {
    let app = TestApp::new().await;
    let (user, token, link) = stolen(&app).await;
    assert_eq!(request_code(&app, THIEF).await, 0);

    let response = undo(&app, &user, &link).await;
    assert_snapshot!(response, @r"
    200 application/json
    {}
    ");
    assert_eq!(app.me(&token).await.status, 401, "the stolen session ends");
    let stored = app.stored_user(&user).await;
    assert_eq!(stored.email.to_string(), OWNER);
    assert!(stored.email_verified && stored.former_email.is_none());
    assert_markers_match(&app).await;
    assert!(
        !recipients(&app).await.contains(&THIEF.to_owned()),
        "no code goes to the new address"
    );

    let code = app.newest_code(OWNER).await;
    let reset = app.reset_password(&user, &code, NEW).await;
    assert_eq!(reset.json()["code"], 0, "{reset}");
    assert_eq!(app.login(OWNER, NEW).await.status, 200);
    app.whale_account(THIEF).await; // the address is free
    let events = app.audit_events().await;
    assert!(
        events.contains(&"email-change-undone".to_owned()),
        "{events:?}"
    );
}

#[tokio::test]
async fn a_code_to_the_former_address_gives_the_account_back() {
    let app = TestApp::new().await;
    let (user, token, _) = stolen(&app).await;
    let code = app.code(OWNER).await;
    let reset = json!({"email": OWNER, "code": code, "password_new": NEW});
    let check = json!({"email": OWNER, "code": code, "group": 1});
    let checked = app.send_json("PUT", "/api/captcha/check/", &check).await;
    assert_eq!(checked.json()["code"], 0, "{checked}");
    let reset = app.send_json("PUT", "/api/users/password/", &reset).await;
    assert_eq!(reset.json()["code"], 0, "{reset}");
    assert_eq!(app.me(&token).await.status, 401, "the stolen session ends");
    let stored = app.stored_user(&user).await;
    assert_eq!(stored.email.to_string(), THIEF);
    assert!(
        !stored.email_verified,
        "the code did not go to this address"
    );
    assert_eq!(
        app.newest_mail().await.to,
        [OWNER],
        "the notice of the new password"
    );

    let token = app.login_token(&stored.username.to_string(), NEW).await;
    move_to(&app, &token, OWNER).await;
    let stored = app.stored_user(&user).await;
    assert!(stored.email_verified && stored.former_email.is_none());
    assert_markers_match(&app).await;
}

#[tokio::test]
async fn codes_go_to_the_former_address_until_the_hold_ends() {
    let app = TestApp::new().await;
    let (user, _, _) = stolen(&app).await;
    app.advance_clock(HOLD - MINUTE);
    let body = json!({"group": 1, "user_id": user["id"]});
    app.send_json("POST", "/api/captcha/", &body).await;
    let code = app.newest_code(OWNER).await;
    app.advance_clock(MINUTE);
    let reset = app.reset_password(&user, &code, NEW).await;
    assert_eq!(
        reset.json()["code"],
        1415,
        "a code to the former address does not prove the new one"
    );
    assert!(!app.stored_user(&user).await.email_verified);
    assert_eq!(request_code(&app, OWNER).await, 1411);
    app.code(THIEF).await;
}

#[tokio::test]
async fn a_second_change_does_not_end_the_hold() {
    let app = TestApp::new().await;
    let (user, token, link) = stolen(&app).await;
    move_to(&app, &token, "second@b.co").await;
    app.request_verification(&user).await;
    let verification = app.newest_link_token().await;
    app.verify_email(&user, &verification).await;
    move_to(&app, &token, "third@b.co").await;
    let notice = app.newest_mail().await;
    assert_eq!(notice.to, ["second@b.co"], "it was verified");
    assert!(
        !notice.text.contains("http"),
        "only the first former address can undo: {}",
        notice.text
    );
    assert_markers_match(&app).await;
    app.whale_account("second@b.co").await; // it is not held
    app.code(OWNER).await;
    assert_eq!(undo(&app, &user, &link).await.status, 200);
    assert_eq!(app.stored_user(&user).await.email.to_string(), OWNER);
    assert_markers_match(&app).await;
}

#[tokio::test]
async fn nobody_else_gets_the_former_address_before_the_hold_ends() {
    let app = TestApp::new().await;
    let (user, stolen_token, link) = stolen(&app).await;
    let token = app.register_and_login("another").await;
    let mut taken = registration("third");
    taken["email"] = "OWNER@b.co".into();
    let sign_up = json!({"email": OWNER, "password": PASSWORD, "name": "n"});
    app.advance_clock(HOLD - MINUTE);
    assert_eq!(
        app.register(&taken).await.json(),
        json!({"detail": "Email already exists"})
    );
    let created = app.send_json("POST", "/api/users/", &sign_up).await;
    assert_eq!(created.json()["code"], 1412);
    let token = match app.me(&token).await.status {
        200 => token,
        _ => app.login_token("another", PASSWORD).await, // a token is valid for a day
    };
    let moved = app.update_me(&token, &json!({"email": OWNER})).await;
    assert_eq!(moved.json(), json!({"detail": "Email already exists"}));
    let imported = app.import_campus(&format!("email,name\n{OWNER},n\n")).await;
    assert_eq!(imported["refused"], 1, "{imported}");

    app.advance_clock(MINUTE);
    assert_eq!(undo(&app, &user, &link).await.status, 401);
    move_to(&app, &token, OWNER).await; // although the marker of the hold is still stored
    let stolen_token = match app.me(&stolen_token).await.status {
        200 => stolen_token,
        _ => app.whale_token(THIEF).await,
    };
    move_to(&app, &stolen_token, "later@b.co").await;
    let other = app.stored_user(&app.me(&token).await.json()).await;
    assert_eq!(
        app.users()
            .await
            .owner_of_email(&OWNER.parse().unwrap())
            .await
            .unwrap(),
        Some(other.uuid),
        "the hold that has ended does not touch the address of another user"
    );
    app.admin(json!({"command": "delete", "user": user["id"]}))
        .await;
    assert_eq!(app.login(OWNER, PASSWORD).await.status, 200);
}

#[tokio::test]
async fn the_former_address_is_no_name_of_the_user() {
    let app = TestApp::new().await;
    stolen(&app).await;
    let unknown = app.login("nobody@b.co", PASSWORD).await;
    let former = app.login(OWNER, PASSWORD).await;
    assert_eq!(former.to_string(), unknown.to_string());
    let login = json!({"email": OWNER, "password": PASSWORD});
    let whale = app.send_json("PUT", "/api/users/login/", &login).await;
    assert_eq!(whale.json()["code"], 1411);
    let verification = json!({"email": OWNER});
    let sent = app
        .send_json("POST", "/api/users/verification_email/", &verification)
        .await;
    assert_eq!(sent.json()["code"], 1411);
    let admin = app.admin_token().await;
    let renamed = json!({"email": OWNER, "name": "n"});
    let renamed = app
        .send_json_as(&admin, "PUT", "/api/users/name/", &renamed)
        .await;
    assert_eq!(renamed.json()["code"], 1411);
    let list = app
        .get_as(&admin, &format!("/api/users/?email={OWNER}"))
        .await;
    assert_eq!(list.json()["data"]["total"], 0, "{list}");
}

#[tokio::test]
async fn a_return_to_the_former_address_ends_the_hold() {
    let app = TestApp::new().await;
    let (user, token, first) = stolen(&app).await;
    move_to(&app, &token, OWNER).await;
    let stored = app.stored_user(&user).await;
    assert!(
        stored.email_verified && stored.former_email.is_none(),
        "else the next change would hold nothing"
    );
    assert_markers_match(&app).await;
    let response = undo(&app, &user, &first).await;
    assert_snapshot!(response, @r#"
    409 application/json
    {
      "detail": "Email change already undone"
    }
    "#);
    assert_eq!(app.me(&token).await.status, 200);

    move_to(&app, &token, THIEF).await;
    let second = app.newest_link_token().await;
    assert_eq!(
        undo(&app, &user, &first).await.status,
        401,
        "of another hold: the new change is in effect"
    );
    assert_eq!(undo(&app, &user, &second).await.status, 200);
    assert_eq!(undo(&app, &user, &second).await.status, 409, "used");
    assert_eq!(app.stored_user(&user).await.email.to_string(), OWNER);
}

#[tokio::test]
async fn a_deletion_frees_the_former_address() {
    let app = TestApp::new().await;
    let (user, _, link) = stolen(&app).await;
    app.admin(json!({"command": "delete", "user": user["id"]}))
        .await;
    let response = undo(&app, &user, &link).await;
    assert_eq!(response.status, 401);
    let (_, token) = app.whale_account(OWNER).await;
    assert_eq!(app.me(&token).await.status, 200);
    app.whale_account(THIEF).await;
}

#[tokio::test]
async fn an_unverified_address_is_not_held() {
    let app = TestApp::new().await;
    let (user, token) = app.whale_account(OWNER).await;
    move_to(&app, &token, THIEF).await;
    assert_eq!(app.stored_user(&user).await.former_email, None);
    app.whale_account(OWNER).await;
    assert_eq!(recipients(&app).await, Vec::<String>::new());
}

#[tokio::test]
async fn an_undo_refuses_every_other_token_alike() {
    let app = TestApp::new().await;
    let (user, access, link) = stolen(&app).await;
    app.request_verification(&user).await;
    let verification = app.newest_link_token().await;
    let (other, _) = app.whale_account("other@b.co").await;
    let (header, claims) = parts(&link);
    let key = app.secret("TokenKey").await;
    let with = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        sign(&header, &claims, &key)
    };
    let unsigned = format!("{}.{}.", encode(&header), encode(&claims));
    let mut unknown = user.clone();
    unknown["uuid"] = "550e8400-e29b-41d4-a716-446655440000".into();
    let mut invalid = user.clone();
    invalid["uuid"] = "nobody".into();
    let mut responses = Vec::new();
    for (subject, token) in [
        (&user, &access),
        (&user, &verification),
        (&user, &unsigned),
        (&user, &sign(&header, &claims, "another key")),
        (&user, &with("typ", "verify-email".into())),
        (&user, &with("exp", 0.into())),
        (&user, &with("user_id", other["uuid"].clone())),
        (&other, &link),
        (&unknown, &link),
        (&unknown, &with("user_id", unknown["uuid"].clone())),
        (&invalid, &link),
        (&user, &String::new()),
        (&user, &"a".repeat(3000)),
    ] {
        responses.push(undo(&app, subject, token).await.to_string());
    }
    responses.dedup();
    assert_snapshot!(responses.join("\n"), @r#"
    401 application/json www-authenticate: Bearer
    {
      "detail": "Invalid credentials"
    }
    "#);

    assert_eq!(app.me(&link).await.status, 401, "it is no access token");
    assert_eq!(app.current_user_code(&link).await, 1104);
    let verified = app.verify_email(&user, &link).await;
    assert_eq!(verified.json()["code"], 1411, "it verifies no address");

    let missing = app.send_json("PUT", UNDO, &json!({"token": link})).await;
    assert_snapshot!(missing, @r#"
    422 application/json
    {
      "detail": "missing field `user_uuid`"
    }
    "#);
    app.advance_clock(HOLD - MINUTE);
    let signed_alike = undo(&app, &user, &sign(&header, &claims, &key)).await;
    assert_eq!(signed_alike.status, 200, "the key and the claims are right");
}

#[tokio::test]
async fn an_undo_makes_two_database_calls() {
    let app = TestApp::new().await;
    let (user, token, link) = stolen(&app).await;
    undo(&app, &user, "x").await; // the function is warm
    app.dynamodb_calls();
    undo(&app, &user, "x").await;
    assert_eq!(app.dynamodb_calls(), Vec::<String>::new());
    undo(&app, &user, &link).await;
    assert_eq!(app.dynamodb_calls(), ["GetItem", "TransactWriteItems"]);
    undo(&app, &user, &link).await;
    assert_eq!(app.dynamodb_calls(), ["GetItem"]);
    assert_eq!(app.me(&token).await.status, 401);
    app.settle().await;
    assert!(app.cloud.calls().iter().all(|call| call.granted));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_16_concurrent_undos_one_is_made() {
    let app = TestApp::new().await;
    let (user, token) = app.verified_account(OWNER).await;
    let mut token = token;
    for round in 0..5 {
        move_to(&app, &token, &format!("thief{round}@b.co")).await;
        let link = app.newest_link_token().await;
        let undone = all((0..16).map(|_| undo(&app, &user, &link))).await;
        let count = |status| undone.iter().filter(|one| one.status == status).count();
        assert_eq!((count(200), count(409)), (1, 15), "round {round}");
        assert_markers_match(&app).await;
        token = app.whale_token(OWNER).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_concurrent_change_escapes_an_undo() {
    let app = TestApp::with_parameters(&[("LoginTries", "100000")]).await;
    let (user, mut token) = app.verified_account(OWNER).await;
    for round in 0..10 {
        app.admin(json!({"command": "clear-limits", "user": user["id"]}))
            .await;
        move_to(&app, &token, &format!("thief{round}@b.co")).await;
        let link = app.newest_link_token().await;
        let again = (0..4).map(|number| {
            let body = json!({"email": format!("thief{round}x{number}@b.co")});
            let (app, token) = (&app, &token);
            async move { app.update_me(token, &body).await }
        });
        let (undone, _) = tokio::join!(undo(&app, &user, &link), all(again));
        assert_eq!(undone.status, 200, "round {round}: {undone}");
        let stored = app.stored_user(&user).await;
        assert_eq!(stored.email.to_string(), OWNER, "round {round}");
        assert_eq!(app.me(&token).await.status, 401, "round {round}");
        assert_markers_match(&app).await;
        token = app.whale_token(OWNER).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_16_sign_ups_at_the_end_of_a_hold_one_wins() {
    let app = TestApp::new().await;
    stolen(&app).await;
    let sign_up = async |number: usize| {
        let mut body = registration(&format!("user{number}"));
        body["email"] = OWNER.into();
        app.register(&body).await.status
    };
    let refused = all((0..4).map(&sign_up)).await;
    assert_eq!(refused, [409; 4]);
    app.advance_clock(HOLD);
    let mut outcomes = all((0..16).map(&sign_up)).await;
    outcomes.sort_unstable();
    assert_eq!(outcomes[..2], [200, 409]);
    assert_eq!(outcomes[15], 409);
}
