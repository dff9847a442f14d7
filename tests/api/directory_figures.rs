//! What a page of the list costs among very many users.
//!
//! `USERS=1000000 cargo test --test api -- --ignored --nocapture figures` measures at another size.

use std::collections::BTreeMap;
use std::env;
use std::fmt;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::ReturnConsumedCapacity::Total;
use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use serde_json::Value;
use uuid::Uuid;

use crate::directory::emails;
use crate::directory_property::Dice;
use crate::world::{Embedded, Item, World, all};

/// When the first signed up, in milliseconds since 1970; about how long it is to the next; and the
/// longest that it may be to the last, who comes before whoever signs up now.
const FIRST: u64 = 1_640_995_200_000;
const BETWEEN: u64 = 600_000;
const FOUR_YEARS: u64 = 126_230_400_000;
/// The zero of the clock of the ids.
const EPOCH: u64 = 1_577_836_800_000;

/// Whom a filter admits.
type Matches = fn(&Written) -> bool;

/// A user to be written, and what a test knows of them.
struct Written {
    uuid: Uuid,
    email: String,
    verified: bool,
    blocked: bool,
    featured: bool,
}

/// Every tenth thousand comes at once, 50 in a millisecond.
fn users(how_many: u64) -> Vec<Written> {
    let (mut dice, between) = (Dice(1), BETWEEN.min(FOUR_YEARS / how_many));
    let one = |n: u64| {
        let (at, nth) = match n / 1_000 % 10 {
            9 => (FIRST + n / 1_000 * 1_000 * between + n % 1_000 / 50, n % 50),
            _ => (FIRST + n * between + dice.roll(between), dice.roll(4_096)),
        };
        Written {
            uuid: Uuid::from_u64_pair(at << 16 | 7 << 12 | nth, 1 << 63 | n),
            email: format!("user{n}@example.com"),
            verified: dice.roll(10) > 0,
            blocked: dice.roll(100) == 0,
            featured: dice.roll(20) == 0,
        }
    };
    (0..how_many).map(one).collect()
}

/// The item of a user, made from another's.
fn item(of: &Item, user: &Written) -> Item {
    let first = user.uuid.as_u64_pair().0;
    let id = ((first >> 16) - EPOCH) << 12 | (first & 0xfff);
    let mut item = of.clone();
    item.extend([
        ("pk".to_owned(), AttributeValue::S(format!("USER#{id}"))),
        ("uuid".to_owned(), AttributeValue::S(user.uuid.to_string())),
        ("email".to_owned(), AttributeValue::S(user.email.clone())),
        (
            "email_verified".to_owned(),
            AttributeValue::Bool(user.verified),
        ),
        ("blocked".to_owned(), AttributeValue::Bool(user.blocked)),
        ("featured".to_owned(), AttributeValue::Bool(user.featured)),
    ]);
    item
}

impl World {
    async fn write(&self, users: &[Written]) {
        let items = self.items().await;
        let of = items
            .iter()
            .find(|item| item.contains_key("uuid"))
            .expect("a user");
        let (client, table) = (self.dynamodb(), self.table());
        for users in users.chunks(25 * 8) {
            let batches = users.chunks(25).map(|users| {
                let put = |user| {
                    PutRequest::builder()
                        .set_item(Some(item(of, user)))
                        .build()
                        .expect("a put")
                };
                let writes = users
                    .iter()
                    .map(|user| WriteRequest::builder().put_request(put(user)).build());
                client
                    .batch_write_item()
                    .request_items(&table, writes.collect())
                    .send()
            });
            for written in all(batches).await {
                assert_eq!(written.expect("a batch").unprocessed_items, Some([].into()));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "minutes: `cargo test --test api -- --ignored`"]
async fn any_page_of_20_among_100_000_users_reads_at_most_12_counts_and_60_entries() {
    #[expect(clippy::disallowed_methods, reason = "who measures says at which size")]
    let how_many = env::var("USERS").map_or(100_000, |users| users.parse().expect("a number"));
    let Some(world) = World::embedded().await else {
        return;
    };
    let token = world.root().await;
    let started = Instant::now();
    let users = users(how_many);
    world.write(&users).await;
    println!("{how_many} users written in {:?}", started.elapsed());
    world.settle().await;
    println!("and listed after {:?}", started.elapsed());

    let filters: [(&str, Matches); 5] = [
        ("", |_| true),
        ("&email_verified=1", |user| user.verified),
        ("&blocked=1", |user| user.blocked),
        ("&blocked=0&featured=1", |user| {
            !user.blocked && user.featured
        }),
        ("&email_verified=0&blocked=0&featured=0", |user| {
            !user.verified && !user.blocked && !user.featured
        }),
    ];
    for (filter, matches) in filters {
        let mut matching: Vec<String> = users
            .iter()
            .filter(|user| matches(user))
            .map(|user| user.email.clone())
            .collect();
        if matches(&Written {
            uuid: Uuid::nil(),
            email: String::new(),
            verified: false,
            blocked: false,
            featured: false,
        }) {
            matching.push("root@example.com".into());
        }
        let last = matching.len().div_ceil(20);
        for (name, page) in [("first", 1), ("middle", last.div_ceil(2)), ("last", last)] {
            for order in ["id", "-id"] {
                let query = format!("order_by={order}&page={page}{filter}");
                let answer = world.list(&token, &query).await.json();
                let skipped = (page - 1) * 20;
                let wanted: Vec<_> = match order {
                    "id" => matching.iter().skip(skipped).take(20).cloned().collect(),
                    _ => matching
                        .iter()
                        .rev()
                        .skip(skipped)
                        .take(20)
                        .cloned()
                        .collect(),
                };
                assert_eq!(emails(&answer["data"]), wanted, "{query}");
                assert_eq!(answer["data"]["total"], matching.len(), "{query}");
                let cost = world.cost(&token, &query).await;
                println!("{name:6} page {page:5} order {order:3} {filter:40} {cost}");
                assert!(cost.counts <= 12 && cost.entries <= 60, "{query}: {cost}");
                assert!(cost.took <= Duration::from_millis(30), "{query}: {cost}");
            }
        }
    }
    world.scan_all().await;
    let refused = world.list(&token, "order_by=name").await;
    assert_eq!(
        refused.json()["code"],
        if how_many > 5_000 { 1202 } else { 0 }
    );
    let (sorted, total) = world.listed(&token, "order_by=-email&blocked=1").await;
    let mut matching: Vec<_> = users
        .iter()
        .filter(|user| user.blocked)
        .map(|user| user.email.clone())
        .collect();
    matching.sort_by(|one, other| other.cmp(one));
    assert_eq!(total, matching.len() as u64);
    matching.truncate(20);
    assert_eq!(sorted, matching);
}

impl World {
    /// What reading all users costs, which is how a list is made without a directory.
    async fn scan_all(&self) {
        let (client, started) = (self.dynamodb(), Instant::now());
        let (mut units, mut calls, mut from) = (0.0, 0, None);
        loop {
            let scan = client
                .scan()
                .table_name(self.table())
                .return_consumed_capacity(Total);
            let page = scan
                .set_exclusive_start_key(from)
                .send()
                .await
                .expect("a page");
            units += page
                .consumed_capacity
                .and_then(|consumed| consumed.capacity_units)
                .unwrap_or_default();
            calls += 1;
            from = page.last_evaluated_key;
            if from.is_none() {
                break;
            }
        }
        println!(
            "a scan: {units} units, {calls} calls, {:?}",
            started.elapsed()
        );
    }
}

/// What one page cost.
struct Cost {
    counts: u64,
    entries: u64,
    units: f64,
    took: Duration,
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cost {
            counts,
            entries,
            units,
            took,
        } = self;
        write!(
            f,
            "{counts} counts, {entries} entries, {units} units, {took:?}"
        )
    }
}

impl Embedded {
    /// The cost of a page: the time as the shortest of some, since others use the machine, too.
    async fn cost(&self, token: &str, query: &str) -> Cost {
        let mut took = Duration::MAX;
        for _ in 0..20 {
            self.cloud.clear_calls();
            let request = self
                .request("GET", &format!("/api/users/?{query}"))
                .bearer_auth(token);
            let started = Instant::now();
            self.send(request).await;
            took = took.min(started.elapsed());
        }
        let mut read = BTreeMap::<String, u64>::new();
        for call in self
            .cloud
            .calls()
            .iter()
            .filter(|call| call.function == "whale-list-users")
        {
            let directory = call.resources[0].contains("DirectoryTable");
            *read
                .entry(format!("{} {directory}", call.operation))
                .or_default() += call.items_read;
        }
        let line = self
            .logs()
            .await
            .into_iter()
            .rev()
            .find(|line| line.contains("GET /api/users"));
        let line: Value = serde_json::from_str(&line.expect("a line")).expect("JSON");
        let of = |kind: &str| read.get(kind).copied().unwrap_or_default();
        Cost {
            counts: of("GetItem true"),
            entries: of("Query true"),
            units: line["read_units"].as_f64().unwrap_or_default(),
            took,
        }
    }
}
