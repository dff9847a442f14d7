//! Limits are exact, however many try at once.

use insta::assert_snapshot;
use serde_json::json;

use crate::world::{PASSWORD, World, all, registration};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_200_guesses_at_once_5_are_evaluated_and_the_right_one_after_them_is_not() {
    let Some(world) = World::embedded().await else {
        return;
    }; // 200 instances of a function are too many elsewhere
    world.register(&registration("testuser")).await;
    let guesses: Vec<String> = (0..200)
        .map(|guess| format!("guess number {guess}"))
        .collect();
    let answers = all(guesses.iter().map(|guess| world.login("testuser", guess))).await;
    assert_eq!(
        answers.iter().filter(|answer| answer.status == 401).count(),
        5
    );
    assert_eq!(
        answers.iter().filter(|answer| answer.status == 429).count(),
        195
    );

    let right = world.login("testuser", PASSWORD).await;
    assert_snapshot!(right, @r#"
    429 application/json
    {
      "detail": "Too many requests"
    }
    "#);
    let seconds: u64 = right
        .retry_after
        .expect("when to try again")
        .parse()
        .expect("seconds");
    assert!((1..=15 * 60).contains(&seconds), "{seconds}");
    assert_eq!(
        world.login("TESTUSER@example.com", PASSWORD).await.status,
        429,
        "one account, one count"
    );
}

#[tokio::test]
async fn an_account_that_does_not_exist_is_limited_just_the_same() {
    let world = World::new().await;
    for _ in 0..5 {
        assert_eq!(world.login("nobody", PASSWORD).await.status, 401);
    }
    assert_eq!(world.login("nobody", PASSWORD).await.status, 429);
    assert_eq!(world.login("somebody else", PASSWORD).await.status, 401);
}

#[tokio::test]
async fn a_name_is_one_name_in_every_spelling_whether_or_not_it_has_an_account() {
    let world = World::new().await;
    for (user, email) in [
        ("alice", "alice@example.com"),
        ("nobody", "nobody@example.com"),
    ] {
        if user == "alice" {
            assert_eq!(world.register(&registration(user)).await.status, 200);
        }
        for _ in 0..5 {
            assert_eq!(world.login(user, "a wrong one").await.status, 401);
        }
        for spelt in [
            user.to_uppercase(),
            format!(" {user} "),
            user.replace('e', "ｅ").replace('o', "Ｏ"),
        ] {
            assert_eq!(
                world.login(&spelt, "a wrong one").await.status,
                429,
                "{spelt:?}"
            );
        }
        world.end_all_counts().await;
        let login = |email: &str| json!({"email": email, "password": "a wrong one"});
        for _ in 0..5 {
            assert_eq!(
                world
                    .whale("PUT", "/api/users/login/", &login(email))
                    .await
                    .status,
                200
            );
        }
        let loud = world
            .whale("PUT", "/api/users/login/", &login(&email.to_uppercase()))
            .await;
        assert_eq!(loud.status, 429, "{email}");
        world.end_all_counts().await;
    }
}

#[tokio::test]
async fn the_right_password_in_time_ends_the_count() {
    let world = World::new().await;
    world.register(&registration("testuser")).await;
    for _ in 0..3 {
        for _ in 0..4 {
            assert_eq!(world.login("testuser", "a wrong one").await.status, 401);
        }
        assert_eq!(world.login("testuser", PASSWORD).await.status, 200);
    }
}

#[tokio::test]
async fn a_count_that_has_ended_but_was_not_swept_begins_anew() {
    let world = World::new().await;
    world.register(&registration("testuser")).await;
    for _ in 0..6 {
        world.login("testuser", "a wrong one").await;
    }
    assert_eq!(world.login("testuser", PASSWORD).await.status, 429);
    world.end_all_counts().await;
    for _ in 0..4 {
        assert_eq!(world.login("testuser", "a wrong one").await.status, 401);
    }
    assert_eq!(world.login("testuser", PASSWORD).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_tries_at_once_that_begin_a_new_count_each_is_counted_in_it() {
    let Some(world) = World::embedded().await else {
        return;
    };
    world.register(&registration("testuser")).await;
    for _ in 0..5 {
        let tries = all((0..5).map(|_| world.login("testuser", "a wrong one"))).await;
        assert!(
            tries.iter().all(|answer| answer.status == 401),
            "{tries:#?}"
        );
        assert_eq!(world.login("testuser", "a wrong one").await.status, 429);
        world.end_all_counts().await;
    }
}

#[tokio::test]
async fn sign_ups_from_one_address_are_limited_and_a_header_is_no_address() {
    let Some(world) = World::with(&[("SignUpsPerHour", "3")]).await else {
        return;
    };
    for user in 0..3 {
        assert_eq!(
            world
                .register(&registration(&format!("user{user}")))
                .await
                .status,
            200
        );
    }
    assert_snapshot!(world.register(&registration("user3")).await, @r#"
    429 application/json
    {
      "detail": "Too many requests"
    }
    "#);
    let request = world
        .request("POST", "/api/auth/register")
        .json(&registration("user3"));
    let forged = request
        .header("x-forwarded-for", "203.0.113.9")
        .header("forwarded", "for=203.0.113.9");
    assert_eq!(world.send(forged).await.status, 429);
    assert_eq!(
        world.items().await.len(),
        3 * 3 + 1,
        "nothing of the fourth is stored"
    );

    world.end_all_counts().await;
    assert_eq!(world.register(&registration("user3")).await.status, 200);
}

#[tokio::test]
async fn a_sign_up_that_is_refused_is_counted_and_a_limit_that_is_used_up_tells_no_more_names() {
    let Some(world) = World::with(&[("SignUpsPerHour", "4")]).await else {
        return;
    };
    let whale = |email: &str| json!({"email": email, "password": PASSWORD, "name": "n"});
    assert_eq!(world.register(&registration("testuser")).await.status, 200);
    world.dynamodb_calls();
    let mut same_email = registration("another");
    same_email["email"] = "testuser@example.com".into();
    assert_eq!(
        world.register(&same_email).await.json()["detail"],
        "Email already exists"
    );
    assert_eq!(world.dynamodb_calls(), ["TransactWriteItems", "UpdateItem"]);
    assert_eq!(
        world.register(&registration("testuser")).await.json()["detail"],
        "Username already exists"
    );
    let taken = world
        .whale("POST", "/api/users/", &whale("testuser@example.com"))
        .await;
    assert_eq!(taken.json()["code"], 1412);

    for email in ["testuser@example.com", "nobody@example.com"] {
        let answer = world.whale("POST", "/api/users/", &whale(email)).await;
        assert_eq!(
            (answer.status, &answer.json()["code"]),
            (429, &json!(1103)),
            "{email}"
        );
        assert!(answer.retry_after.is_some());
    }
    assert_eq!(world.register(&same_email).await.status, 429);
    assert_eq!(
        world.register(&registration("admin")).await.status,
        429,
        "a reserved name"
    );
    world.end_all_counts().await;
    for _ in 0..4 {
        assert_eq!(world.register(&registration("admin")).await.status, 409);
    }
    assert_eq!(world.register(&same_email).await.status, 429);
}
