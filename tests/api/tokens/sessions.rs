//! Sessions: their list, their ends, and refresh tokens.

use std::collections::BTreeSet;
use std::time::Duration;

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::{PASSWORD, Response, TestApp, all, parts, registration};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const GRACE: Duration = Duration::from_secs(30);
const SECOND: Duration = Duration::from_secs(1);
/// A limit that no test reaches.
const UNLIMITED: [(&str, &str); 1] = [("LoginTries", "100000")];

/// The text of this member of a JSON body.
fn member(response: &Response, name: &str) -> String {
    let member = response.json()[name].as_str().map(str::to_owned);
    member.unwrap_or_else(|| panic!("no {name}: {response}"))
}

/// The access token and the refresh token of a new session.
async fn offline(app: &TestApp, username: &str) -> (String, String) {
    let login = app.login_with_scope(username, "offline_access").await;
    (
        member(&login, "access_token"),
        member(&login, "refresh_token"),
    )
}

/// The id of the session of an access token.
fn session_id(token: &str) -> String {
    let (_, claims) = parts(token);
    claims["sid"].as_str().expect("a session").to_owned()
}

/// The ids of a user's sessions.
async fn ids(app: &TestApp, token: &str) -> Vec<String> {
    let sessions = app.sessions(token).await.into_iter();
    sessions
        .map(|session| session["id"].as_str().expect("an id").to_owned())
        .collect()
}

#[tokio::test]
async fn a_refresh_token_is_given_only_on_request() {
    let app = TestApp::new().await;
    app.register(&registration("testuser")).await;
    let keys = |response: &Response| {
        let body = response.json();
        let keys = body.as_object().expect("an object").keys().cloned();
        keys.collect::<BTreeSet<_>>()
    };
    let documented = keys(&app.login("testuser", PASSWORD).await);
    for scope in [
        "",
        "profile",
        "offline",
        "offline_access2",
        "OFFLINE_ACCESS",
    ] {
        let login = app.login_with_scope("testuser", scope).await;
        assert_eq!(keys(&login), documented, "{scope}: {login}");
    }
    let login = app
        .login_with_scope("testuser", "profile offline_access")
        .await;
    assert_snapshot!(login, @r#"
    200 application/json
    {
      "access_token": "[token]",
      "expires_in": 86400,
      "refresh_token": "[refresh token]",
      "token_type": "bearer",
      "user": {
        "avatar": null,
        "created_at": "[time]",
        "email": "testuser@example.com",
        "id": "[uuid]",
        "nickname": "测试用户",
        "phone": null,
        "registration_date": "[date]",
        "updated_at": "[time]",
        "username": "testuser"
      }
    }
    "#);
}

#[tokio::test]
async fn a_refresh_keeps_the_session_and_replaces_both_tokens() {
    let app = TestApp::new().await;
    app.register(&registration("testuser")).await;
    let (access, refresh) = offline(&app, "testuser").await;
    let refreshed = app.refresh(&refresh).await;
    assert_snapshot!(refreshed, @r#"
    200 application/json
    {
      "access_token": "[token]",
      "expires_in": 86400,
      "refresh_token": "[refresh token]",
      "token_type": "bearer"
    }
    "#);
    let next = member(&refreshed, "access_token");
    assert_eq!(session_id(&next), session_id(&access));
    assert_ne!(member(&refreshed, "refresh_token"), refresh);
    assert_eq!(app.me(&next).await.status, 200);
    assert_eq!(app.me(&access).await.status, 200);
    assert_eq!(ids(&app, &next).await.len(), 1);
}

#[tokio::test]
async fn an_invalid_refresh_token_is_refused_and_ends_nothing() {
    let app = TestApp::new().await;
    app.register(&registration("testuser")).await;
    app.register(&registration("other")).await;
    let (access, good) = offline(&app, "testuser").await;
    let (_, other) = offline(&app, "other").await;
    // The user's id takes 16 bytes, the session's 16, and each half of the secret 16.
    let (own_session, other_session) = (&good[..43], &other[..43]);
    let mut bad: Vec<String> = vec![
        String::new(),
        "x".into(),
        access.clone(),
        good[..good.len() - 1].into(),
        good[..43].into(),
        format!("{good}="),
        format!("{good}A"),
        good.to_uppercase(),
        good.chars().rev().collect(),
        "A".repeat(86),
        format!("{own_session}{}", "A".repeat(43)),
        format!("{own_session}{}", &other[43..]),
        format!("{other_session}{}", &good[43..]),
        format!("{}{}", &other[..20], &good[20..]),
        "A".repeat(10_000),
    ];
    bad.push(format!("{}\u{0}", &good[..85]));
    for token in bad {
        let refused = app.refresh(&token).await;
        let answer = (refused.status, refused.json());
        let expected = (401, json!({"detail": "Invalid credentials"}));
        assert_eq!(answer, expected, "{token}");
        assert_eq!(refused.www_authenticate.as_deref(), Some("Bearer"));
    }
    assert_eq!(app.me(&access).await.status, 200);
    assert_eq!(app.refresh(&good).await.status, 200);
    assert_eq!(app.refresh(&other).await.status, 200);
}

#[tokio::test]
async fn a_refresh_request_with_invalid_fields_is_refused() {
    let app = TestApp::new().await;
    app.register(&registration("testuser")).await;
    let (_, token) = offline(&app, "testuser").await;
    let mut responses = String::new();
    for form in [
        vec![],
        vec![("grant_type", "refresh_token")],
        vec![("refresh_token", token.as_str())],
        vec![("grant_type", "password"), ("refresh_token", &token)],
        vec![
            ("grant_type", "refresh_token"),
            ("refresh_token", &token),
            ("refresh_token", &token),
        ],
    ] {
        let request = app.request("POST", "/api/auth/refresh").form(&form);
        let response = app.send(request).await;
        responses += &format!("{} {}\n", response.status, response.text);
    }
    let body = json!({"grant_type": "refresh_token", "refresh_token": token});
    let response = app.send_json("POST", "/api/auth/refresh", &body).await;
    responses += &format!("{} {}\n", response.status, response.text);
    assert_snapshot!(responses, @r#"
    422 {"detail":"missing field `grant_type`"}
    422 {"detail":"missing field `refresh_token`"}
    422 {"detail":"missing field `grant_type`"}
    422 {"detail":"grant_type: must be refresh_token"}
    422 {"detail":"duplicate field `refresh_token`"}
    422 {"detail":"the content type is not application/x-www-form-urlencoded"}
    "#);
    assert_eq!(app.refresh(&token).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_concurrent_uses_of_a_refresh_token_one_succeeds() {
    let app = TestApp::new().await;
    app.register(&registration("testuser")).await;
    let (_, mut token) = offline(&app, "testuser").await;
    for round in 0..100 {
        let responses = all((0..3).map(|_| app.refresh(&token))).await;
        let won: Vec<_> = responses.iter().filter(|one| one.status == 200).collect();
        let lost = responses.iter().filter(|one| one.status == 401).count();
        assert_eq!((won.len(), lost), (1, 2), "round {round}: {responses:?}");
        token = member(won[0], "refresh_token");
    }
    assert_eq!(app.refresh(&token).await.status, 200);
}

#[tokio::test]
async fn a_reused_refresh_token_ends_its_session_after_the_grace() {
    let app = TestApp::new().await;
    let unrelated = app.register_and_login("testuser").await;
    let (_, first) = offline(&app, "testuser").await;
    app.advance_clock(SECOND);
    let refreshed = app.refresh(&first).await;
    let (access, second) = (
        member(&refreshed, "access_token"),
        member(&refreshed, "refresh_token"),
    );
    app.advance_clock(GRACE);
    assert_eq!(app.refresh(&first).await.status, 401);
    assert_eq!(app.me(&access).await.status, 200, "within the grace");
    app.advance_clock(SECOND);
    assert_eq!(app.refresh(&first).await.status, 401);
    assert_eq!(app.me(&access).await.status, 401, "after the grace");
    assert_eq!(app.refresh(&second).await.status, 401);
    assert_eq!(app.me(&unrelated).await.status, 200);
    let events = app.audit_events().await;
    let reused = events
        .iter()
        .filter(|event| *event == "refresh-token-reused");
    assert_eq!(reused.count(), 1, "{events:?}");
}

#[tokio::test]
async fn a_refresh_token_of_two_rotations_ago_ends_its_session() {
    let app = TestApp::new().await;
    app.register(&registration("testuser")).await;
    let (_, first) = offline(&app, "testuser").await;
    let second = member(&app.refresh(&first).await, "refresh_token");
    let refreshed = app.refresh(&second).await;
    let access = member(&refreshed, "access_token");
    assert_eq!(app.refresh(&second).await.status, 401);
    assert_eq!(app.me(&access).await.status, 200, "it was used just now");
    assert_eq!(app.refresh(&first).await.status, 401);
    assert_eq!(app.me(&access).await.status, 401);
    let third = member(&refreshed, "refresh_token");
    assert_eq!(app.refresh(&third).await.status, 401);
}

#[tokio::test]
async fn a_refresh_token_lives_for_30_days_after_its_last_use() {
    let app = TestApp::new().await;
    app.register(&registration("testuser")).await;
    let (_, mut token) = offline(&app, "testuser").await;
    for _ in 0..2 {
        app.advance_clock(30 * DAY - SECOND);
        token = member(&app.refresh(&token).await, "refresh_token");
    }
    app.advance_clock(30 * DAY + 10 * SECOND);
    assert_eq!(app.refresh(&token).await.status, 401);
    let access = app.login_token("testuser", PASSWORD).await;
    assert_eq!(ids(&app, &access).await, [session_id(&access)]);
}

#[tokio::test]
async fn the_list_shows_live_sessions_and_the_newest_first() {
    let app = TestApp::new().await;
    app.register(&registration("testuser")).await;
    app.login("testuser", PASSWORD).await;
    app.advance_clock(DAY / 2);
    offline(&app, "testuser").await;
    app.advance_clock(DAY / 2 + 10 * SECOND);
    let agent = format!("{}<script>", "Mozilla/5.0 ".repeat(5));
    let form = [("username", "testuser"), ("password", PASSWORD)];
    let login = app.request("POST", "/api/auth/login").form(&form);
    let login = app.send(login.header("user-agent", agent)).await;
    let token = member(&login, "access_token");
    let response = app.get_as(&token, "/api/auth/sessions").await;
    assert_snapshot!(response, @r#"
    200 application/json
    {
      "sessions": [
        {
          "address": "127.0.0.0/24",
          "created_at": "[time]",
          "current": true,
          "expires_at": "[time]",
          "id": "[session id]",
          "user_agent": "Mozilla/5.0 Mozilla/5.0 Mozilla/5.0 Mozilla/5.0 Mozilla/5.0 "
        },
        {
          "address": "127.0.0.0/24",
          "created_at": "[time]",
          "current": false,
          "expires_at": "[time]",
          "id": "[session id]",
          "user_agent": ""
        }
      ]
    }
    "#);
}

#[tokio::test]
async fn every_login_and_a_whale_sign_up_start_a_session() {
    let app = TestApp::new().await;
    let (_, first) = app.whale_account("a@b.co").await;
    let second = app.whale_token("a@b.co").await;
    let third = app.login_token("a@b.co", PASSWORD).await;
    let tokens = [&third, &second, &first].map(|token| session_id(token));
    let listed: BTreeSet<_> = ids(&app, &third).await.into_iter().collect();
    assert_eq!(listed, tokens.into_iter().collect());
}

#[tokio::test]
async fn an_ended_session_takes_its_tokens_with_it() {
    let app = TestApp::new().await;
    let kept = app.register_and_login("testuser").await;
    let (access, refresh) = offline(&app, "testuser").await;
    let (ended, other) = (
        app.log_out(&access).await,
        app.register_and_login("other").await,
    );
    assert_eq!((ended.status, ended.text.as_str()), (200, "{}"));
    assert_eq!(app.me(&access).await.status, 401);
    assert_eq!(app.log_out(&access).await.status, 401);
    assert_eq!(app.refresh(&refresh).await.status, 401);
    assert_eq!(app.me(&kept).await.status, 200);

    let (access, refresh) = offline(&app, "testuser").await;
    let ended = app.end_session(&kept, &session_id(&access)).await;
    assert_eq!((ended.status, ended.text.as_str()), (200, "{}"));
    assert_eq!(app.me(&access).await.status, 401);
    assert_eq!(app.refresh(&refresh).await.status, 401);

    let (access, refresh) = offline(&app, "testuser").await;
    let ended = app.end_other_sessions(&kept).await;
    assert_eq!((ended.status, ended.text.as_str()), (200, "{}"));
    assert_eq!(app.me(&access).await.status, 401);
    assert_eq!(app.refresh(&refresh).await.status, 401);
    assert_eq!(app.end_other_sessions(&kept).await.status, 200);
    assert_eq!(ids(&app, &kept).await, [session_id(&kept)]);
    assert_eq!(app.me(&other).await.status, 200);
    let events = app.audit_events().await.join(" ");
    assert!(
        events.ends_with("session-ended sign-up login login session-ended login sessions-ended"),
        "{events}"
    );
}

#[tokio::test]
async fn a_logout_leaves_a_session_that_starts_meanwhile() {
    let app = TestApp::new().await;
    let token = app.register_and_login("testuser").await;
    let hold = app.hold("center-logout", "TransactWriteItems", 0);
    let login = async {
        hold.reached().await;
        let token = app.login_token("testuser", PASSWORD).await;
        hold.release();
        token
    };
    let (logout, other) = tokio::join!(app.log_out(&token), login);
    assert_eq!(logout.status, 200, "{logout}");
    assert_eq!(app.me(&token).await.status, 401);
    assert_eq!(app.me(&other).await.status, 200);
}

#[tokio::test]
async fn a_session_that_starts_during_a_block_ends_with_it() {
    let app = TestApp::new().await;
    app.register(&registration("testuser")).await; // without a session
    let hold = app.hold("admin", "TransactWriteItems", 0);
    let login = async {
        hold.reached().await;
        let token = app.login_token("testuser", PASSWORD).await;
        hold.release();
        token
    };
    let command = |name: &str| json!({"command": name, "user": {"username": "testuser"}});
    let (blocked, token) = tokio::join!(app.admin(command("block")), login);
    assert_eq!(blocked["user"]["blocked"], true, "{blocked}");
    app.admin(command("unblock")).await;
    assert_eq!(app.me(&token).await.status, 401);
}

#[tokio::test]
async fn the_session_of_another_user_is_not_found() {
    let app = TestApp::new().await;
    let token = app.register_and_login("testuser").await;
    let other = app.register_and_login("other").await;
    let expected = (404, json!({"detail": "Not Found"}));
    for id in [
        session_id(&other).as_str(),
        "AAAAAAAAAAAAAAAAAAAAAA",
        "x",
        "%00",
        "%2e%2e%2fme",
        &"A".repeat(5_000),
        &format!("{}=", session_id(&token)),
    ] {
        let response = app.end_session(&token, id).await;
        assert_eq!((response.status, response.json()), expected, "{id}");
    }
    assert_eq!(app.me(&other).await.status, 200);
    assert_eq!(app.me(&token).await.status, 200);
    for (method, path) in [
        ("POST", "/api/auth/logout"),
        ("GET", "/api/auth/sessions"),
        ("DELETE", "/api/auth/sessions"),
        ("DELETE", "/api/auth/sessions/x"),
    ] {
        let response = app.send(app.request(method, path)).await;
        assert_eq!(response.status, 401, "{method} {path}: {response}");
    }
}

#[tokio::test]
async fn a_block_ends_all_sessions_and_unblocking_revives_none() {
    let app = TestApp::new().await;
    app.register(&registration("testuser")).await;
    let (access, refresh) = offline(&app, "testuser").await;
    for command in ["block", "unblock"] {
        let command = json!({"command": command, "user": {"username": "testuser"}});
        app.admin(command).await;
        assert_eq!(app.me(&access).await.status, 401);
        assert_eq!(app.refresh(&refresh).await.status, 401);
    }
    let token = app.login_token("testuser", PASSWORD).await;
    assert_eq!(ids(&app, &token).await, [session_id(&token)]);
}

#[tokio::test]
async fn a_new_password_ends_all_sessions() {
    let app = TestApp::new().await;
    let (user, token) = app.whale_account("a@b.co").await;
    let (access, refresh) = offline(&app, "a@b.co").await;
    let changed = app.change_password(&user, PASSWORD, "a new password").await;
    assert_eq!(changed.json()["code"], 0, "{changed}");
    for token in [&token, &access] {
        assert_eq!(app.me(token).await.status, 401);
    }
    assert_eq!(app.refresh(&refresh).await.status, 401);
    let token = app.login_token("a@b.co", "a new password").await;
    assert_eq!(ids(&app, &token).await.len(), 1);
}

#[tokio::test]
async fn the_operator_ends_all_sessions_without_a_block() {
    let app = TestApp::new().await;
    app.register(&registration("testuser")).await;
    let (access, refresh) = offline(&app, "testuser").await;
    let command = json!({"command": "end-sessions", "user": {"username": "testuser"}});
    let response = app.admin(command).await;
    assert_eq!(response["user"]["blocked"], false, "{response}");
    assert_eq!(response["user"].get("sessions"), None);
    assert_eq!(app.me(&access).await.status, 401);
    assert_eq!(app.refresh(&refresh).await.status, 401);
    app.login_token("testuser", PASSWORD).await;
    let events = app.audit_events().await;
    assert_eq!(events, ["sign-up", "login", "sessions-ended", "login"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_logins_at_the_bound_end_the_oldest_sessions() {
    let app = TestApp::with_parameters(&UNLIMITED).await;
    app.register(&registration("testuser")).await;
    let mut before = Vec::new();
    for _ in 0..20 {
        before.push(app.login_token("testuser", PASSWORD).await);
    }
    let newest = before.last().expect("a token");
    assert_eq!(ids(&app, newest).await.len(), 20);
    let responses = all((0..25).map(|_| app.login("testuser", PASSWORD))).await;
    let new: Vec<String> = responses
        .iter()
        .map(|response| member(response, "access_token"))
        .collect();
    let mut left = BTreeSet::new();
    for token in &new {
        if app.me(token).await.status == 200 {
            left.insert(session_id(token));
        }
    }
    assert_eq!(left.len(), 20, "of 25 new sessions 20 are left");
    let token = new.iter().find(|token| left.contains(&session_id(token)));
    let listed = ids(&app, token.expect("a token")).await;
    assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), left);
    for token in &before {
        assert_eq!(app.me(token).await.status, 401);
    }
    let logins = app.audit_events().await;
    let logins = logins.iter().filter(|event| *event == "login");
    assert_eq!(logins.count(), 45);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_logins_cannot_delay_a_block_or_survive_it() {
    let app = TestApp::with_parameters(&UNLIMITED).await;
    for round in 0..10 {
        let name = format!("user{round}");
        app.register(&registration(&name)).await;
        let logins = all((0..4).map(|_| app.login_with_scope(&name, "offline_access")));
        let block = app.admin(json!({"command": "block", "user": {"username": name}}));
        let (logins, blocked) = tokio::join!(logins, block);
        assert_eq!(blocked["user"]["blocked"], true, "{blocked}");
        app.admin(json!({"command": "unblock", "user": {"username": name}}))
            .await;
        for login in logins.iter().filter(|login| login.status == 200) {
            let token = member(login, "access_token");
            assert_eq!(app.me(&token).await.status, 401, "round {round}");
            let token = member(login, "refresh_token");
            assert_eq!(app.refresh(&token).await.status, 401, "round {round}");
        }
    }
}

#[tokio::test]
async fn no_secret_of_a_session_is_stored_or_logged() {
    let app = TestApp::new().await;
    app.register(&registration("testuser")).await;
    let (access, refresh) = offline(&app, "testuser").await;
    let next = member(&app.refresh(&refresh).await, "refresh_token");
    let stored = format!("{:?}", app.user_item("username", "testuser").await);
    let logs = app.logs().await.join("\n");
    for secret in [&access, &refresh, &next] {
        assert!(!stored.contains(secret.as_str()) && !logs.contains(secret.as_str()));
        assert!(!stored.contains(&secret[43..]) && !logs.contains(&secret[43..]));
    }
    let shown = app.show(json!({"username": "testuser"})).await.to_string();
    assert!(!shown.contains("session"), "{shown}");
    let sessions = Value::from(app.sessions(&access).await).to_string();
    assert!(!sessions.contains("refresh"), "{sessions}");
}
