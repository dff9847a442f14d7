//! Rate limits: exact under concurrency, per account and per address.

use std::time::Duration;

use insta::assert_snapshot;
use serde_json::json;

use crate::support::{LocalApp, PASSWORD, TestApp, all, registration};

const LOGIN_WINDOW: Duration = Duration::from_secs(15 * 60);
const SIGN_UP_WINDOW: Duration = Duration::from_secs(60 * 60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg_attr(feature = "deployed", ignore = "local only: starts 200 instances")]
async fn of_200_concurrent_guesses_5_are_evaluated() {
    let app = LocalApp::new().await;
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
#[cfg_attr(feature = "deployed", ignore = "local only: moves the clock")]
async fn all_spellings_of_a_name_share_one_limit() {
    let app = LocalApp::new().await;
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
#[cfg_attr(feature = "deployed", ignore = "local only: moves the clock")]
async fn an_expired_count_that_still_exists_is_reset() {
    let app = LocalApp::new().await;
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
#[cfg_attr(feature = "deployed", ignore = "local only: moves the clock")]
async fn concurrent_tries_that_start_a_new_count_are_all_counted() {
    let app = LocalApp::new().await;
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
#[cfg_attr(feature = "deployed", ignore = "local only: sets parameters")]
async fn sign_ups_are_limited_by_client_ip_and_not_by_a_header() {
    let app = LocalApp::with_parameters(&[("SignUpsPerHour", "3")]).await;
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
#[cfg_attr(feature = "deployed", ignore = "local only: sets parameters")]
async fn refused_sign_ups_count_and_the_limit_hides_taken_names() {
    let app = LocalApp::with_parameters(&[("SignUpsPerHour", "4")]).await;
    let sign_up = |email: &str| json!({"email": email, "password": PASSWORD, "name": "n"});
    assert_eq!(app.register(&registration("testuser")).await.status, 200);
    app.dynamodb_calls();
    let mut same_email = registration("another");
    same_email["email"] = "testuser@example.com".into();
    assert_eq!(
        app.register(&same_email).await.json()["detail"],
        "Email already exists"
    );
    assert_eq!(app.dynamodb_calls(), ["TransactWriteItems", "UpdateItem"]);
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
