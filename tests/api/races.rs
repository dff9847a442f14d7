//! Many at once for one name: one wins, and nothing is left over.
//!
//! A check before a put, instead of a condition on it, is caught in one round of twenty; hence
//! so many rounds.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use shared::{Access, By, Email, Error, NewUser, Nickname, Password, Phone, User, Username, Users};

use crate::campus::wanted;
use crate::world::{World, all, registration};

const RACERS: usize = 64;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_sign_ups_for_one_email_one_wins() {
    let Some(world) = World::with(&[("SignUpsPerHour", "100000")]).await else {
        return;
    };
    for round in 0..4 {
        let sign_ups = (0..RACERS).map(|racer| {
            let mut body = registration(&format!("racer{round}x{racer}"));
            body["email"] = format!("round{round}@example.com").into();
            let world = &world;
            async move { world.register(&body).await }
        });
        let answers = all(sign_ups).await;
        let winners: Vec<_> = answers
            .iter()
            .filter(|answer| answer.status == 200)
            .collect();
        assert_eq!(winners.len(), 1);
        let losers = answers.iter().filter(|answer| answer.status == 409);
        assert_eq!(
            losers
                .filter(|answer| answer.text.contains("Email already exists"))
                .count(),
            RACERS - 1
        );
    }
    no_marker_is_left_over(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_changes_to_one_username_one_wins_in_each_of_200_rounds() {
    let Some(world) = World::embedded().await else {
        return;
    }; // it asks the store alone
    let users = world.users().await;
    let mut racers = racers(&users).await;
    for round in 0..200 {
        let name: Username = format!("prize{round}").parse().unwrap();
        let changes = racers.into_iter().map(|racer| {
            let (users, name) = (&users, &name);
            async move {
                let changed = users
                    .change(racer.clone(), &By::operator(), |user| {
                        user.username = name.clone()
                    })
                    .await;
                match changed {
                    Ok(user) => (true, user),
                    Err(Error::UsernameTaken) => (false, racer),
                    Err(error) => panic!("{error:?}"),
                }
            }
        });
        let (won, after): (Vec<_>, Vec<_>) = all(changes).await.into_iter().unzip();
        assert_eq!(
            won.into_iter().filter(|won| *won).count(),
            1,
            "round {round}"
        );
        racers = after;
    }
    no_marker_is_left_over(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_16_callers_who_want_one_phone_number_one_gets_it() {
    let world = World::new().await;
    let mut tokens = Vec::new();
    for caller in 0..16 {
        tokens.push(world.token(&format!("caller{caller}")).await);
    }
    for round in 0..10 {
        let body = json!({"phone": format!("1380013{round:04}"), "email": format!("round{round}@example.com")});
        let answers = all(tokens.iter().map(|token| world.update(token, &body))).await;
        assert_eq!(
            answers.iter().filter(|answer| answer.status == 200).count(),
            1,
            "round {round}"
        );
        assert_eq!(
            answers.iter().filter(|answer| answer.status == 409).count(),
            15,
            "round {round}"
        );
    }
    no_marker_is_left_over(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_16_students_who_want_one_phone_number_one_gets_it() {
    let world = World::new().await;
    let mut students = Vec::new();
    for student in 0..16 {
        let wx = format!("student{student}");
        students.push((world.student(&wx).await.1, wx));
    }
    for round in 0..10 {
        let changes = students.iter().map(|(token, wx)| {
            let (world, mut body) = (&world, wanted(wx));
            body["phone"] = format!("1380013{round:04}").into();
            async move { world.change_profile(token, &body).await }
        });
        let answers = all(changes).await;
        let used = r#"{"success":false,"msg":"phone number has been used","errType":"logic"}"#;
        assert_eq!(
            answers.iter().filter(|answer| answer.status == 200).count(),
            1,
            "round {round}"
        );
        assert_eq!(
            answers.iter().filter(|answer| answer.text == used).count(),
            15,
            "round {round}"
        );
    }
    no_marker_is_left_over(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_of_one_user_at_once_are_all_made() {
    let world = World::new().await;
    let token = world.token("testuser").await;
    for round in 0..10 {
        let (nickname, phone) = (format!("name {round}"), format!("1380013{round:04}"));
        let (email, avatar) = (
            format!("round{round}@example.com"),
            format!("https://example.com/{round}"),
        );
        let bodies = [
            json!({"nickname": nickname}),
            json!({"phone": phone}),
            json!({"email": email}),
            json!({"avatar": avatar}),
        ];
        for answer in all(bodies.iter().map(|body| world.update(&token, body))).await {
            assert_eq!(answer.status, 200, "{answer}");
        }
        let me = world.me(&token).await.json();
        assert_eq!(
            json!([me["nickname"], me["phone"], me["email"], me["avatar"]]),
            json!([nickname, phone, email, avatar])
        );
    }
    no_marker_is_left_over(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_of_ones_own_phone_at_once_are_no_conflict() {
    let world = World::new().await;
    let token = world.token("testuser").await;
    for round in 0..20 {
        let bodies: Vec<_> = (0..6)
            .map(|at| json!({"phone": format!("1380{round:03}{at:04}")}))
            .collect();
        for answer in all(bodies.iter().map(|body| world.update(&token, body))).await {
            assert_eq!(answer.status, 200, "{answer}");
        }
    }
    no_marker_is_left_over(&world).await;
}

/// 64 users, made past the functions so that one hash serves them all.
async fn racers(users: &Users) -> Vec<User> {
    let hash = Password::parse("password123").unwrap().hash().unwrap();
    let sign_ups = (0..RACERS).map(|racer| {
        let new = NewUser {
            username: Some(format!("racer{racer}").parse().unwrap()),
            nickname: "racer".parse::<Nickname>().unwrap(),
            email: format!("racer{racer}@example.com").parse().unwrap(),
            password: hash.clone(),
            access: Access::User,
        };
        async move {
            users
                .sign_up(new, None, &By::operator())
                .await
                .expect("a new user")
        }
    });
    all(sign_ups).await
}

/// Every marker is held by a user of that very name, and every name has its marker.
async fn no_marker_is_left_over(world: &World) {
    let (mut markers, mut names) = (BTreeMap::new(), BTreeMap::new());
    for item in world.items().await {
        let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned();
        if let Some(owner) = text("owner") {
            markers.insert(text("pk").unwrap(), owner);
        } else if let Some(uuid) = text("uuid") {
            let username: Username = text("username").unwrap().parse().unwrap();
            let email: Email = text("email").unwrap().parse().unwrap();
            names.insert(
                format!("USERNAME#{}", username.canonical().as_str()),
                uuid.clone(),
            );
            names.insert(
                format!("EMAIL#{}", email.canonical().as_str()),
                uuid.clone(),
            );
            if let Some(phone) = text("phone") {
                let phone: Phone = phone.parse().unwrap();
                names.insert(
                    format!("PHONE#{}", phone.canonical().as_str()),
                    uuid.clone(),
                );
            }
            if let Some(wx) = text("wx") {
                names.insert(format!("WX#{wx}"), uuid);
            }
        }
    }
    let (left, missing) = (keys(&markers, &names), keys(&names, &markers));
    assert!(
        left.is_empty() && missing.is_empty(),
        "left over: {left:?}, missing: {missing:?}"
    );
    assert_eq!(markers, names);
}

fn keys(of: &BTreeMap<String, String>, but: &BTreeMap<String, String>) -> BTreeSet<String> {
    of.keys()
        .filter(|key| !but.contains_key(*key))
        .cloned()
        .collect()
}
