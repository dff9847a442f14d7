//! The user index compared with a sorted list, after random changes whose stream records arrive
//! repeatedly and in any order.

use std::sync::Mutex;

use serde_json::{Value, json};
use shared::{
    Actor, Connections, FromConfig, NewUser, Nickname, Password, PasswordHash, Role, User,
    UserChange, Users,
};
use tokio::sync::Semaphore;

use crate::support::{PASSWORD, TestApp, TestRng, all, emails};

const WRITERS: u64 = 16;
const DELIVERERS: u64 = 4;

/// The ids of changed users, and a permit to deliver for each change.
struct Changes {
    ids: Mutex<Vec<u64>>,
    permits: Semaphore,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_is_exact_after_1_000_changes() {
    every_page_is_exact_after(1_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes"]
async fn every_page_is_exact_after_10_000_changes() {
    every_page_is_exact_after(10_000).await;
}

async fn every_page_is_exact_after(changes: u64) {
    let app = TestApp::new().await;
    let token = app.admin_token().await;
    let me = app.me(&token).await.json();
    let admin = app.stored_user(&me).await;
    let made = Changes {
        ids: Mutex::default(),
        permits: Semaphore::new(0),
    };
    let password = Password::parse(PASSWORD)
        .expect("a password")
        .hash()
        .expect("a hash");

    let writers = async {
        let writers =
            (0..WRITERS).map(|seed| write(&app, seed, changes / WRITERS, &password, &made));
        let written = all(writers).await;
        made.permits.close();
        written.into_iter().flatten().collect::<Vec<User>>()
    };
    let deliverers = all((0..DELIVERERS).map(|seed| deliver(&app, seed, &made)));
    let (mut users, _) = futures_util::join!(writers, deliverers);
    users.push(admin);
    users.sort_by_key(User::id);
    compare(&app, &token, &users).await;

    let checked = app.admin(json!({"command": "compare-directory"})).await;
    assert_eq!(checked["users"], users.len(), "{checked}");
    for of in ["different_entries", "different_counts"] {
        assert_eq!(checked[of], 0, "{checked}");
    }
}

/// Signs up, changes and deletes users, and returns those that remain.
async fn write(
    app: &TestApp,
    seed: u64,
    changes: u64,
    password: &PasswordHash,
    made: &Changes,
) -> Vec<User> {
    let env = Connections::from_variables(app.variables()).expect("an environment");
    let users = Users::open(&env).await.expect("the store opens");
    let (mut rng, mut mine, by) = (TestRng(seed), Vec::<User>::new(), Actor::operator());
    for change in 0..changes {
        let one = (!mine.is_empty()).then(|| rng.below(mine.len() as u64) as usize);
        let user = match (rng.below(10), one) {
            (0..6, _) | (_, None) => {
                let new = NewUser {
                    username: None,
                    nickname: "n".parse::<Nickname>().expect("a nickname"),
                    email: format!("w{seed}x{change}@b.co")
                        .parse()
                        .expect("an e-mail address"),
                    password: password.clone(),
                    role: Role::User,
                };
                let user = users.sign_up(new, None, &by).await.expect("a sign-up");
                mine.push(user.clone());
                user
            }
            (6, Some(one)) => {
                let user = mine.swap_remove(one);
                users.delete(user.clone(), &by).await.expect("a deletion");
                user
            }
            (_, Some(one)) => {
                let flags = rng.below(8);
                let change = |user: &mut UserChange| {
                    user.email_verified = flags & 1 > 0;
                    user.blocked = flags & 2 > 0;
                    user.featured = flags & 4 > 0;
                };
                mine[one] = users
                    .change(mine[one].clone(), &by, change)
                    .await
                    .expect("a change");
                mine[one].clone()
            }
        };
        made.ids.lock().unwrap().push(user.id().get());
        made.permits.add_permits(1);
    }
    mine
}

/// After a change, delivers records of up to 19 random changes so far, in addition to the stream.
async fn deliver(app: &TestApp, seed: u64, made: &Changes) {
    let mut rng = TestRng(1_000 + seed);
    while let Ok(permit) = made.permits.acquire().await {
        permit.forget();
        let some: Vec<u64> = {
            let ids = made.ids.lock().unwrap();
            (0..rng.below(20))
                .map(|_| ids[rng.below(ids.len() as u64) as usize])
                .collect()
        };
        let record = |id: &u64| match rng.below(2) {
            0 => json!({"dynamodb": {"Keys": {"pk": {"S": format!("USER#{id}")}}}}),
            _ => json!({"dynamodb": {"NewImage": {"users": {"NS": [id.to_string()]}}}}),
        };
        let event = json!({"Records": some.iter().map(record).collect::<Vec<_>>()});
        app.invoke("user-index-sync", &event).await;
    }
}

/// Compares the totals and pages of each combination of flags with `users`, sorted by id.
async fn compare(app: &TestApp, token: &str, users: &[User]) {
    let mut rng = TestRng(7);
    for combination in 0..27 {
        let wanted = [combination % 3, combination / 3 % 3, combination / 9];
        let matches = |user: &&User| {
            let flags = [user.email_verified, user.blocked, user.featured];
            flags
                .iter()
                .zip(wanted)
                .all(|(flag, wanted)| wanted == 2 || wanted == u64::from(*flag))
        };
        let matching: Vec<String> = users
            .iter()
            .filter(matches)
            .map(|user| user.email.to_string())
            .collect();
        let names = ["email_verified", "blocked", "featured"].iter().zip(wanted);
        let filter: String = names
            .filter(|(_, wanted)| *wanted < 2)
            .map(|(name, wanted)| format!("&{name}={wanted}"))
            .collect();
        for order in ["id", "-id"] {
            let mut matching = matching.clone();
            if order == "-id" {
                matching.reverse();
            }
            let per_page = 1 + rng.below(30) as usize;
            let pages = matching.len().div_ceil(per_page) as u64;
            for page in [1, pages.max(1), 1 + rng.below(pages.max(1)), pages + 1] {
                let query = format!("order_by={order}&per_page={per_page}&page={page}{filter}");
                let response = app.list_users(token, &query).await.json();
                let shown = matching
                    .iter()
                    .skip((page as usize - 1) * per_page)
                    .take(per_page);
                assert_eq!(
                    emails(&response["data"]),
                    shown.cloned().collect::<Vec<_>>(),
                    "{query}"
                );
                assert_eq!(response["data"]["total"], matching.len(), "{query}");
                let more = (page as usize) * per_page < matching.len();
                assert_eq!(
                    response["data"]["next_cursor"] != Value::Null,
                    more,
                    "{query}"
                );
            }
        }
    }
}
