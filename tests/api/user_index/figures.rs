//! The cost of a page of the list among many users.
//!
//! `USERS=1000000 cargo xtask test figures -- figures` measures at another size.

use std::collections::BTreeMap;
use std::env;
use std::fmt;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::ReturnConsumedCapacity::Total;
use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use serde_json::Value;
use uuid::Uuid;

use crate::support::{Item, TestApp, TestRng, all, emails};

/// The time of the first sign-up, in milliseconds since 1970.
const FIRST: u64 = 1_640_995_200_000;
/// The mean time between two sign-ups, in milliseconds.
const BETWEEN: u64 = 600_000;
/// The most milliseconds from the first sign-up to the last, so that the last is in the past.
const FOUR_YEARS: u64 = 126_230_400_000;
/// The epoch of the ids, in milliseconds since 1970.
const EPOCH: u64 = 1_577_836_800_000;

/// Whether a filter matches a user.
type Matches = fn(&Written) -> bool;

/// A user to be written.
pub(super) struct Written {
    pub(super) uuid: Uuid,
    pub(super) email: String,
    pub(super) verified: bool,
    pub(super) blocked: bool,
    pub(super) featured: bool,
}

impl Written {
    /// The integer id.
    pub(super) fn id(&self) -> u64 {
        let first = self.uuid.as_u64_pair().0;
        ((first >> 16) - EPOCH) << 12 | (first & 0xfff)
    }
}

/// Of every ten thousand users, the last thousand sign up in 20 milliseconds.
fn users(how_many: u64) -> Vec<Written> {
    let (mut rng, between) = (TestRng(1), BETWEEN.min(FOUR_YEARS / how_many));
    let one = |n: u64| {
        let (at, nth) = match n / 1_000 % 10 {
            9 => (FIRST + n / 1_000 * 1_000 * between + n % 1_000 / 50, n % 50),
            _ => (FIRST + n * between + rng.below(between), rng.below(4_096)),
        };
        Written {
            uuid: Uuid::from_u64_pair(at << 16 | 7 << 12 | nth, 1 << 63 | n),
            email: format!("user{n}@example.com"),
            verified: rng.below(10) > 0,
            blocked: rng.below(100) == 0,
            featured: rng.below(20) == 0,
        }
    };
    (0..how_many).map(one).collect()
}

/// The item of `user`, from the item of another user.
fn item(of: &Item, user: &Written) -> Item {
    let mut item = of.clone();
    item.extend([
        (
            "pk".to_owned(),
            AttributeValue::S(format!("USER#{}", user.id())),
        ),
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

/// Writes the users' items.
pub(super) async fn write(app: &TestApp, users: &[Written]) {
    let items = app.items().await;
    let of = items
        .iter()
        .find(|item| item.contains_key("uuid"))
        .expect("a user");
    let (client, table) = (app.dynamodb(), app.physical_id("UsersTable"));
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes"]
async fn a_page_of_20_reads_at_most_12_counts_and_60_entries() {
    #[expect(
        clippy::disallowed_methods,
        reason = "cargo passes no arguments to a test"
    )]
    let how_many = env::var("USERS").map_or(100_000, |users| users.parse().expect("a number"));
    let app = TestApp::new().await;
    let token = app.admin_token().await;
    let started = Instant::now();
    let users = users(how_many);
    write(&app, &users).await;
    println!("{how_many} users written in {:?}", started.elapsed());
    app.settle().await;
    println!("indexed after {:?}", started.elapsed());

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
                let response = app.list_users(&token, &query).await.json();
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
                assert_eq!(emails(&response["data"]), wanted, "{query}");
                assert_eq!(response["data"]["total"], matching.len(), "{query}");
                let cost = cost(&app, &token, &query).await;
                println!("{name:6} page {page:5} order {order:3} {filter:40} {cost}");
                assert!(cost.counts <= 12 && cost.entries <= 60, "{query}: {cost}");
            }
        }
    }
    print_cost_of_scan(&app).await;
    let refused = app.list_users(&token, "order_by=name").await;
    assert_eq!(
        refused.json()["code"],
        if how_many > 5_000 { 1202 } else { 0 }
    );
    let (sorted, total) = app.list_emails(&token, "order_by=-email&blocked=1").await;
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

/// Prints the cost of reading all users, which a list without an index would need.
async fn print_cost_of_scan(app: &TestApp) {
    let (client, started) = (app.dynamodb(), Instant::now());
    let (mut units, mut calls, mut from) = (0.0, 0, None);
    loop {
        let scan = client
            .scan()
            .table_name(app.physical_id("UsersTable"))
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

/// The cost of one page.
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

/// The cost of a page. The time, which is only printed, is the shortest of 20 requests.
async fn cost(app: &TestApp, token: &str, query: &str) -> Cost {
    let mut took = Duration::MAX;
    for _ in 0..20 {
        app.cloud.clear_calls();
        let request = app
            .request("GET", &format!("/api/users/?{query}"))
            .bearer_auth(token);
        let started = Instant::now();
        app.send(request).await;
        took = took.min(started.elapsed());
    }
    let mut read = BTreeMap::<String, u64>::new();
    for call in app
        .cloud
        .calls()
        .iter()
        .filter(|call| call.function == "whale-list-users")
    {
        let in_index = call.resources[0].contains("UserIndexTable");
        *read
            .entry(format!("{} {in_index}", call.operation))
            .or_default() += call.items_read;
    }
    let line = app
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
