//! The directory against a plain sorted list, whatever writes to the users and in whatever order
//! the directory hears of it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use shared::{Access, By, Env, NewUser, Nickname, Password, PasswordHash, Resource, User, Users};

use crate::directory::emails;
use crate::world::{PASSWORD, World, all};

const WRITERS: u64 = 16;
const POSTMEN: u64 = 4;

/// Numbers that are the same in every run.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_1_000_changes_heard_of_twice_and_in_any_order_every_page_is_exact() {
    every_page_is_exact_after(1_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a minute and more: `cargo test --test api -- --ignored`"]
async fn after_10_000_changes_heard_of_twice_and_in_any_order_every_page_is_exact() {
    every_page_is_exact_after(10_000).await;
}

async fn every_page_is_exact_after(changes: u64) {
    let Some(world) = World::embedded().await else {
        return;
    }; // it asks the store alone
    let token = world.root().await;
    let root = world
        .users()
        .await
        .by_uuid(uuid_of_root(&world, &token).await)
        .await
        .unwrap()
        .expect("root");
    let heard = Mutex::new(Vec::new());
    let over = AtomicBool::new(false);
    let password = Password::parse(PASSWORD)
        .expect("a password")
        .hash()
        .expect("a hash");

    let writers = async {
        let writers =
            (0..WRITERS).map(|seed| write(&world, seed, changes / WRITERS, &password, &heard));
        let written = all(writers).await;
        over.store(true, Ordering::Relaxed);
        written.into_iter().flatten().collect::<Vec<User>>()
    };
    let postmen = all((0..POSTMEN).map(|seed| deliver(&world, seed, &heard, &over)));
    let (mut users, _) = futures_util::join!(writers, postmen);
    users.push(root);
    users.sort_by_key(User::id);
    compare(&world, &token, &users).await;

    let checked = world.admin(json!({"command": "compare-directory"})).await;
    assert_eq!(checked["users"], users.len(), "{checked}");
    for of in ["different_entries", "different_counts"] {
        assert_eq!(checked[of], 0, "{checked}");
    }
}

async fn uuid_of_root(world: &World, token: &str) -> uuid::Uuid {
    let root = world.list(token, "email=root@example.com").await.json();
    root["data"]["users"][0]["uuid"]
        .as_str()
        .expect("a uuid")
        .parse()
        .expect("a uuid")
}

/// Signs up, changes and deletes users: those who are left.
async fn write(
    world: &World,
    seed: u64,
    changes: u64,
    password: &PasswordHash,
    heard: &Mutex<Vec<u64>>,
) -> Vec<User> {
    let env = Env::of(world.variables()).expect("an environment");
    let users = Users::open(&env).await.expect("the store opens");
    let (mut dice, mut mine, by) = (Dice(seed), Vec::<User>::new(), By::operator());
    for change in 0..changes {
        let one = (!mine.is_empty()).then(|| dice.roll(mine.len() as u64) as usize);
        let user = match (dice.roll(10), one) {
            (0..6, _) | (_, None) => {
                let new = NewUser {
                    username: None,
                    nickname: "n".parse::<Nickname>().expect("a nickname"),
                    email: format!("w{seed}x{change}@b.co").parse().expect("an e-mail"),
                    password: password.clone(),
                    access: Access::User,
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
                let flags = dice.roll(8);
                let change = |user: &mut User| {
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
        heard.lock().unwrap().push(user.id().get());
    }
    mine
}

/// Hands the directory records of changes that it has had, or not yet, in any order: beside the
/// stream, which hands it every one once.
async fn deliver(world: &World, seed: u64, heard: &Mutex<Vec<u64>>, over: &AtomicBool) {
    let mut dice = Dice(1_000 + seed);
    while !over.load(Ordering::Relaxed) {
        let some: Vec<u64> = {
            let heard = heard.lock().unwrap();
            let most = heard.len() as u64;
            (0..dice.roll(20))
                .filter(|_| most > 0)
                .map(|_| heard[dice.roll(most.max(1)) as usize])
                .collect()
        };
        let record = |id: &u64| json!({"dynamodb": {"Keys": {"pk": {"S": format!("USER#{id}")}}}});
        let event = json!({"Records": some.iter().map(record).collect::<Vec<_>>()});
        world.invoke("directory", &event).await;
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

/// Compares totals and pages, for each combination of flags, with the users in the order of ids.
async fn compare(world: &World, token: &str, users: &[User]) {
    let mut dice = Dice(7);
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
            let per_page = 1 + dice.roll(30) as usize;
            let pages = matching.len().div_ceil(per_page) as u64;
            for page in [1, pages.max(1), 1 + dice.roll(pages.max(1)), pages + 1] {
                let query = format!("order_by={order}&per_page={per_page}&page={page}{filter}");
                let answer = world.list(token, &query).await.json();
                let shown = matching
                    .iter()
                    .skip((page as usize - 1) * per_page)
                    .take(per_page);
                assert_eq!(
                    emails(&answer["data"]),
                    shown.cloned().collect::<Vec<_>>(),
                    "{query}"
                );
                assert_eq!(answer["data"]["total"], matching.len(), "{query}");
                let more = (page as usize) * per_page < matching.len();
                assert_eq!(
                    answer["data"]["next_cursor"] != Value::Null,
                    more,
                    "{query}"
                );
            }
        }
    }
}
