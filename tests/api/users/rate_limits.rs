//! Rate limits: exact under concurrency, per account and per address.

use std::time::Duration;

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::{PASSWORD, TestApp, all, registration};

const LOGIN_WINDOW: Duration = Duration::from_secs(15 * 60);
const SIGN_UP_WINDOW: Duration = Duration::from_secs(60 * 60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_200_concurrent_guesses_5_are_evaluated() {
    let app = TestApp::new().await;
    app.register(&registration("testuser")).await;
    let guesses: Vec<String> = (0..200)
        .map(|guess| format!("guess number {guess}"))
        .collect();
    let responses = all(guesses.iter().map(|guess| app.login("testuser", guess))).await;
    assert_eq!(
        responses
            .iter()
            .filter(|response| response.status == 401)
            .count(),
        5
    );
    assert_eq!(
        responses
            .iter()
            .filter(|response| response.status == 429)
            .count(),
        195
    );

    let right = app.login("testuser", PASSWORD).await;
    assert_snapshot!(right, @r#"
    429 application/json
    {
      "detail": "Too many requests"
    }
    "#);
    let seconds: u64 = right
        .retry_after
        .expect("a Retry-After header")
        .parse()
        .expect("seconds");
    assert!((1..=15 * 60).contains(&seconds), "{seconds}");
    assert_eq!(
        app.login("TESTUSER@example.com", PASSWORD).await.status,
        429,
        "the user name and the e-mail address share a limit"
    );
    let elsewhere = app.login_from("203.0.113.9", "testuser", PASSWORD).await;
    assert_eq!(elsewhere.status, 200, "only the guesser is locked out");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_fails_100_times_over_all_accounts() {
    let app = TestApp::new().await;
    app.register(&registration("user0")).await;
    let names: Vec<String> = (0..60).map(|user| format!("user{user}")).collect();
    let guesses = names.iter().flat_map(|name| [name; 4]);
    let guesses = guesses.map(|name| app.login_from("198.51.100.7", name, "Password1"));
    let responses = all(guesses).await;
    let with_status = |status: u16| {
        let responses = responses.iter();
        responses
            .filter(move |response| response.status == status)
            .count()
    };
    assert_eq!((with_status(401), with_status(429)), (100, 140));
    assert_eq!(app.login("user0", PASSWORD).await.status, 200);
}

/// Fails 100 logins as `testuser`, from 20 sources.
async fn fail_100_logins(app: &TestApp) {
    for source in 0..20 {
        let ip = format!("198.51.100.{source}");
        for _ in 0..5 {
            let response = app.login_from(&ip, "testuser", "a wrong one").await;
            assert_eq!(response.status, 401, "{ip}");
        }
    }
}

#[tokio::test]
async fn an_account_under_attack_admits_its_owner_only() {
    let app = TestApp::new().await;
    let token = app.register_and_login("testuser").await;
    app.register(&registration("another")).await;
    let other_token = app.login_token("another", PASSWORD).await;
    fail_100_logins(&app).await;

    let stranger = "203.0.113.9";
    let refused = app.login_from(stranger, "testuser", PASSWORD).await;
    assert_snapshot!(refused, @r#"
    429 application/json
    {
      "detail": "Too many requests"
    }
    "#);
    let seconds: u64 = refused.retry_after.unwrap().parse().unwrap();
    assert!(seconds > 23 * 60 * 60, "{seconds}");
    assert_eq!(
        app.login("testuser", PASSWORD).await.status,
        200,
        "a source that the account signed in from lately"
    );
    let with_token = async |token: &str| {
        let login = app.login_request("testuser", PASSWORD).bearer_auth(token);
        app.send_from("203.0.113.10", login).await.status
    };
    assert_eq!(with_token(&other_token).await, 429, "of another account");
    assert_eq!(with_token("a.b.c").await, 429);
    app.advance_clock(Duration::from_secs(23 * 60 * 60));
    assert_eq!(
        app.login_from(stranger, "testuser", PASSWORD).await.status,
        429
    );
    app.advance_clock(Duration::from_secs(2 * 60 * 60));
    fail_100_logins(&app).await;
    assert_eq!(app.me(&token).await.status, 401, "the token has expired");
    assert_eq!(with_token(&token).await, 200, "an expired token suffices");
    assert_eq!(
        app.login_from("203.0.113.10", "testuser", PASSWORD)
            .await
            .status,
        200,
        "the source is known now"
    );
}

#[tokio::test]
async fn a_success_is_no_failure_of_account_or_source() {
    let limits = [("AccountTries", "3"), ("SourceTries", "3")];
    let app = TestApp::with_parameters(&limits).await;
    app.register(&registration("testuser")).await;
    for _ in 0..5 {
        assert_eq!(app.login("testuser", PASSWORD).await.status, 200);
    }
    for _ in 0..3 {
        assert_eq!(app.login("testuser", "a wrong one").await.status, 401);
        app.login("testuser", PASSWORD).await;
    }
    assert_eq!(app.login("testuser", PASSWORD).await.status, 429);
}

#[tokio::test]
async fn an_ipv6_source_is_a_64_bit_prefix() {
    let app = TestApp::new().await;
    for host in 1..=5 {
        let ip = format!("2001:db8:0:1::{host}");
        let response = app.login_from(&ip, "nobody", "a wrong one").await;
        assert_eq!(response.status, 401, "{ip}");
    }
    for (ip, status) in [("2001:db8:0:1:f::6", 429), ("2001:db8:0:2::1", 401)] {
        let response = app.login_from(ip, "nobody", "a wrong one").await;
        assert_eq!(response.status, status, "{ip}");
    }
}

#[tokio::test]
async fn misses_are_counted_and_the_limit_hides_hits() {
    let app = TestApp::with_parameters(&[("SourceTries", "8")]).await;
    let (verified, _) = app.whale_account("verified@b.co").await;
    app.whale_account("known@b.co").await;
    app.update_directly(&verified, |user| user.verify_email())
        .await;
    let requests = |email: &str| {
        [
            ("POST", "/api/captcha/", json!({"group": 1, "email": email})),
            (
                "PUT",
                "/api/captcha/check/",
                json!({"group": 1, "email": email, "code": "A"}),
            ),
            (
                "PUT",
                "/api/users/password/",
                json!({"email": email, "code": "A", "password_new": "a new password"}),
            ),
            (
                "POST",
                "/api/users/verification_email/",
                json!({"email": email}),
            ),
        ]
    };
    let mut codes = Vec::new();
    for email in ["unknown@b.co", "other@b.co"] {
        for (method, path, body) in requests(email) {
            codes.push(app.send_json(method, path, &body).await.json()["code"].clone());
        }
    }
    assert_eq!(codes, [1411; 8]);
    for email in ["unknown@b.co", "known@b.co", "verified@b.co"] {
        for (method, path, body) in requests(email) {
            let response = app.send_json(method, path, &body).await;
            assert_eq!(response.status, 429, "{method} {path} {email}: {response}");
        }
    }
    assert_eq!(app.login("known@b.co", PASSWORD).await.status, 429);
}

#[tokio::test]
async fn a_user_learns_of_20_taken_names_an_hour() {
    let app = TestApp::new().await;
    app.register(&registration("taken")).await;
    let taken = app.login_token("taken", PASSWORD).await;
    app.update_me(&taken, &json!({"phone": "13800138000"}))
        .await;
    let token = app.register_and_login("testuser").await;
    let change = async |body: Value| app.update_me(&token, &body).await;
    let rename = json!({"name": "taken"});
    for _ in 0..5 {
        let email = change(json!({"email": "taken@example.com"})).await;
        let phone = change(json!({"phone": "13800138000"})).await;
        assert_eq!((email.status, phone.status), (409, 409));
    }
    for _ in 0..10 {
        let name = app
            .send_json_as(&token, "PUT", "/users/name", &rename)
            .await;
        assert_eq!(name.json()["message"], "Username update failed");
    }
    for body in [
        json!({"email": "taken@example.com"}),
        json!({"email": "free@example.com"}),
        json!({"phone": "13900139000"}),
    ] {
        assert_eq!(change(body.clone()).await.status, 429, "{body}");
    }
    let name = app
        .send_json_as(&token, "PUT", "/users/name", &rename)
        .await;
    assert_eq!(
        (name.status, &name.json()["error_code"]),
        (429, &json!("4201"))
    );
    assert_eq!(change(json!({"nickname": "n"})).await.status, 200);
    assert_eq!(
        app.update_me(&taken, &json!({"phone": null})).await.status,
        200,
        "another user's limit"
    );
    app.advance_clock(Duration::from_secs(60 * 60));
    let free = change(json!({"phone": "13900139000"})).await;
    assert_eq!(free.status, 200, "{free}");
}

#[tokio::test]
async fn mails_are_limited_by_source_and_by_account() {
    let app = TestApp::with_parameters(&[("MailsPerDay", "2")]).await;
    let (user, _) = app.whale_account("a@b.co").await;
    for (path, body) in [
        ("/api/captcha/", json!({"group": 1, "user_id": user["id"]})),
        (
            "/api/users/verification_email/",
            json!({"user_id": user["id"]}),
        ),
    ] {
        for source in 0..3 {
            let ip = format!("198.51.100.{source}");
            for status in [200, 200, 429] {
                let response = app.send_json_from(&ip, "POST", path, &body).await;
                assert_eq!(response.status, status, "{path} {ip}");
            }
        }
        let fourth = app
            .send_json_from("198.51.100.4", "POST", path, &body)
            .await;
        assert_eq!(fourth.status, 429, "{path}");
    }
}

#[tokio::test]
async fn a_source_requests_a_number_of_mails_over_all_accounts() {
    let app = TestApp::with_parameters(&[("SourceTries", "3")]).await;
    let mut statuses = Vec::new();
    for number in 0..2 {
        let (user, _) = app.whale_account(&format!("user{number}@b.co")).await;
        for path in ["/api/captcha/", "/api/users/verification_email/"] {
            let body = json!({"group": 1, "user_id": user["id"]});
            let sent = app.send_json_from("198.51.100.1", "POST", path, &body);
            statuses.push(sent.await.status);
        }
        let body = json!({"group": 1, "user_id": user["id"]});
        let other = app.send_json_from("198.51.100.2", "POST", "/api/captcha/", &body);
        assert_eq!(other.await.status, 200);
    }
    assert_eq!(statuses, [200, 200, 200, 429]);
}

#[tokio::test]
async fn a_user_sets_6_addresses_a_day() {
    let app = TestApp::new().await;
    let (user, token) = app.whale_account("a@b.co").await;
    let move_to = async |number: usize| {
        let body = json!({"email": format!("a{number}@b.co")});
        app.update_me(&token, &body).await.status
    };
    let moves = all((0..16).map(&move_to)).await;
    let moved = moves.iter().filter(|status| **status == 200).count();
    assert_eq!(moved, 6, "{moves:?}");
    let spelling = app
        .stored_user(&user)
        .await
        .email
        .to_string()
        .to_uppercase();
    let respelt = app.update_me(&token, &json!({"email": spelling})).await;
    assert_eq!(respelt.status, 200, "it is the same address");
    app.admin(json!({"command": "clear-limits", "user": user["id"]}))
        .await;
    assert_eq!(move_to(17).await, 200);
    for number in 18..23 {
        assert_eq!(move_to(number).await, 200);
    }
    assert_eq!(move_to(24).await, 429);
    app.advance_clock(Duration::from_secs(24 * 60 * 60));
    let token = app.whale_token("a22@b.co").await;
    let body = json!({"email": "a25@b.co"});
    assert_eq!(app.update_me(&token, &body).await.status, 200);
}

#[tokio::test]
async fn the_operator_clears_the_limits_of_an_account() {
    let app = TestApp::with_parameters(&[("AccountTries", "5"), ("MailsPerDay", "1")]).await;
    let (user, _) = app.whale_account("a@b.co").await;
    let code = app.code("a@b.co").await;
    let check = json!({"group": 1, "email": "a@b.co", "code": "AAAAAAAA"});
    let request = json!({"group": 1, "email": "a@b.co"});
    let right = json!({"group": 1, "email": "a@b.co", "code": code});
    let stranger = "203.0.113.9";
    let outcomes = async || {
        let right = app.send_json("PUT", "/api/captcha/check/", &right).await;
        let request = app.send_json("POST", "/api/captcha/", &request).await;
        let here = app.login("a@b.co", PASSWORD).await;
        let elsewhere = app.login_from(stranger, "a@b.co", PASSWORD).await;
        let code = right.json()["code"].as_u64();
        (code, request.status, here.status, elsewhere.status)
    };
    for _ in 0..5 {
        app.login("a@b.co", "a wrong one").await;
        app.send_json("PUT", "/api/captcha/check/", &check).await;
    }
    assert_eq!(outcomes().await, (Some(1415), 429, 429, 429));
    let command = json!({"command": "clear-limits", "user": {"id": user["id"]}});
    let cleared = app.admin(command).await;
    assert_eq!(cleared["user"]["uuid"], user["uuid"], "{cleared}");
    assert_eq!(outcomes().await, (Some(0), 200, 200, 200));
}

#[tokio::test]
async fn a_refusal_is_recorded_once_per_window() {
    let app = TestApp::new().await;
    app.register(&registration("testuser")).await;
    for window in 1..=2 {
        for _ in 0..8 {
            app.login("testuser", "a wrong one").await;
        }
        let events = app.audit_events().await;
        let of = |name: &str| events.iter().filter(|event| *event == name).count();
        assert_eq!(
            (of("failed-login"), of("rate-limited")),
            (5 * window, window)
        );
        app.advance_clock(LOGIN_WINDOW);
    }
}

#[tokio::test]
async fn an_unknown_user_name_is_limited_like_an_account() {
    let app = TestApp::new().await;
    for _ in 0..5 {
        assert_eq!(app.login("nobody", PASSWORD).await.status, 401);
    }
    assert_eq!(app.login("nobody", PASSWORD).await.status, 429);
    assert_eq!(app.login("somebody else", PASSWORD).await.status, 401);
}

#[tokio::test]
async fn all_spellings_of_a_name_share_one_limit() {
    let app = TestApp::new().await;
    for (user, email) in [
        ("alice", "alice@example.com"),
        ("nobody", "nobody@example.com"),
    ] {
        if user == "alice" {
            assert_eq!(app.register(&registration(user)).await.status, 200);
        }
        for _ in 0..5 {
            assert_eq!(app.login(user, "a wrong one").await.status, 401);
        }
        for spelt in [
            user.to_uppercase(),
            format!(" {user} "),
            user.replace('e', "ｅ").replace('o', "Ｏ"),
        ] {
            assert_eq!(
                app.login(&spelt, "a wrong one").await.status,
                429,
                "{spelt:?}"
            );
        }
        app.advance_clock(LOGIN_WINDOW);
        let login = |email: &str| json!({"email": email, "password": "a wrong one"});
        for _ in 0..5 {
            assert_eq!(
                app.send_json("PUT", "/api/users/login/", &login(email))
                    .await
                    .status,
                200
            );
        }
        let upper_case = app
            .send_json("PUT", "/api/users/login/", &login(&email.to_uppercase()))
            .await;
        assert_eq!(upper_case.status, 429, "{email}");
        app.advance_clock(LOGIN_WINDOW);
    }
}

#[tokio::test]
async fn the_right_password_resets_the_limit() {
    let app = TestApp::new().await;
    app.register(&registration("testuser")).await;
    for _ in 0..3 {
        for _ in 0..4 {
            assert_eq!(app.login("testuser", "a wrong one").await.status, 401);
        }
        assert_eq!(app.login("testuser", PASSWORD).await.status, 200);
    }
}

#[tokio::test]
async fn an_expired_count_that_still_exists_is_reset() {
    let app = TestApp::new().await;
    app.register(&registration("testuser")).await;
    for _ in 0..6 {
        app.login("testuser", "a wrong one").await;
    }
    assert_eq!(app.login("testuser", PASSWORD).await.status, 429);
    app.advance_clock(LOGIN_WINDOW);
    for _ in 0..4 {
        assert_eq!(app.login("testuser", "a wrong one").await.status, 401);
    }
    assert_eq!(app.login("testuser", PASSWORD).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_tries_that_start_a_new_count_are_all_counted() {
    let app = TestApp::new().await;
    app.register(&registration("testuser")).await;
    for _ in 0..5 {
        let tries = all((0..5).map(|_| app.login("testuser", "a wrong one"))).await;
        assert!(
            tries.iter().all(|response| response.status == 401),
            "{tries:#?}"
        );
        assert_eq!(app.login("testuser", "a wrong one").await.status, 429);
        app.advance_clock(LOGIN_WINDOW);
    }
}

#[tokio::test]
async fn sign_ups_are_limited_by_client_ip_and_not_by_a_header() {
    let app = TestApp::with_parameters(&[("SignUpsPerHour", "3")]).await;
    for user in 0..3 {
        assert_eq!(
            app.register(&registration(&format!("user{user}")))
                .await
                .status,
            200
        );
    }
    assert_snapshot!(app.register(&registration("user3")).await, @r#"
    429 application/json
    {
      "detail": "Too many requests"
    }
    "#);
    let request = app
        .request("POST", "/api/auth/register")
        .json(&registration("user3"));
    let forged = request
        .header("x-forwarded-for", "203.0.113.9")
        .header("forwarded", "for=203.0.113.9");
    assert_eq!(app.send(forged).await.status, 429);
    assert_eq!(
        app.items().await.len(),
        3 * 3 + 1,
        "the fourth stores nothing"
    );

    app.advance_clock(SIGN_UP_WINDOW);
    assert_eq!(app.register(&registration("user3")).await.status, 200);
}

#[tokio::test]
async fn refused_sign_ups_count_and_the_limit_hides_taken_names() {
    let app = TestApp::with_parameters(&[("SignUpsPerHour", "4")]).await;
    let sign_up = |email: &str| json!({"email": email, "password": PASSWORD, "name": "n"});
    assert_eq!(app.register(&registration("testuser")).await.status, 200);
    app.dynamodb_calls();
    let mut same_email = registration("another");
    same_email["email"] = "testuser@example.com".into();
    assert_eq!(
        app.register(&same_email).await.json()["detail"],
        "Email already exists"
    );
    assert_eq!(app.dynamodb_calls(), ["UpdateItem", "TransactWriteItems"]);
    assert_eq!(
        app.register(&registration("testuser")).await.json()["detail"],
        "Username already exists"
    );
    let taken = app
        .send_json("POST", "/api/users/", &sign_up("testuser@example.com"))
        .await;
    assert_eq!(taken.json()["code"], 1412);

    for email in ["testuser@example.com", "nobody@example.com"] {
        let response = app.send_json("POST", "/api/users/", &sign_up(email)).await;
        assert_eq!(
            (response.status, &response.json()["code"]),
            (429, &json!(1103)),
            "{email}"
        );
        assert!(response.retry_after.is_some());
    }
    assert_eq!(app.register(&same_email).await.status, 429);
    assert_eq!(
        app.register(&registration("admin")).await.status,
        429,
        "a reserved name is counted"
    );
    app.advance_clock(SIGN_UP_WINDOW);
    for _ in 0..4 {
        assert_eq!(app.register(&registration("admin")).await.status, 409);
    }
    assert_eq!(app.register(&same_email).await.status, 429);
}
