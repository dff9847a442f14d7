//! What a second of 1,000 sign-ups, 1,000 verified addresses and 2,000 logins writes to each key.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::AttributeValue;
use local::OPERATOR;
use serde_json::{Value, json};
use shared::{FromConfig, UserId, UserIndex};
use uuid::Uuid;

use super::figures::{Written, write};
use crate::support::{Item, TestApp, TestRng};

/// Sign-ups per second, and verified addresses per second.
const SIGN_UPS: u64 = 1_000;
/// Logins per second.
const LOGINS: u64 = 2_000;
/// How many seconds of sign-ups precede the measured second. The verified addresses are of these.
const SECONDS: u64 = 8;
/// The shards of the users table's stream: one for each 1,000 of its write units per second.
const SHARDS: usize = 35;
/// How many write units a partition takes per second
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html>).
const MAX_UNITS: usize = 1_000;

/// The `n`-th user: one per millisecond.
fn user(n: u64, verified: bool) -> Written {
    let at = 1_750_000_000_000 + n;
    Written {
        uuid: Uuid::from_u64_pair(at << 16 | 7 << 12 | ((n * 7) & 0xfff), 1 << 63 | n),
        email: format!("user{n}@example.com"),
        verified,
        blocked: false,
        featured: false,
    }
}

/// A record of the users table's stream.
fn changed(user: &Written) -> Value {
    json!({"dynamodb": {"Keys": {"pk": {"S": format!("USER#{}", user.id())}}}})
}

/// The size of an item in bytes
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>).
fn size(item: &Item) -> usize {
    let value = |value: &AttributeValue| match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        AttributeValue::N(number) => number.len() / 2 + 2,
        AttributeValue::Ns(numbers) => numbers.iter().map(|one| one.len() / 2 + 2).sum(),
        other => panic!("{other:?}"),
    };
    item.iter()
        .map(|(name, attribute)| name.len() + value(attribute))
        .sum()
}

/// The items of the index by key.
async fn items(app: &TestApp) -> BTreeMap<(String, String), Item> {
    let text = |item: &Item, name: &str| item[name].as_s().expect("a text").clone();
    let items = app.index_items().await.into_iter();
    items
        .map(|item| ((text(&item, "pk"), text(&item, "sk")), item))
        .collect()
}

/// How many write calls each partition key had.
fn writes(app: &TestApp) -> BTreeMap<String, usize> {
    let mut writes = BTreeMap::new();
    for call in app.cloud.calls() {
        let is_write = ["PutItem", "UpdateItem", "DeleteItem"].contains(&call.operation.as_str());
        if call.function == OPERATOR && is_write {
            let keys = call.contexts[0]["dynamodb:LeadingKeys"].clone();
            *writes.entry(keys.join("")).or_default() += 1;
        }
    }
    writes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_of_load_writes_few_units_to_each_key() {
    let off = |template: String| {
        template
            .replace(
                "BatchSize: 500",
                "BatchSize: 500\n            Enabled: false",
            )
            .replace(
                "BatchSize: 100\n",
                "BatchSize: 100\n            Enabled: false\n",
            )
    };
    let app = TestApp::with_template(off).await;
    app.admin_token().await;
    let index = UserIndex::open(&app.operator())
        .await
        .expect("the user index opens");
    let before: Vec<_> = (0..SECONDS * SIGN_UPS).map(|n| user(n, false)).collect();
    write(&app, &before).await;
    let ids = before.iter().map(|user| user.id().to_string());
    let ids: Vec<UserId> = ids.map(|id| id.parse().expect("an id")).collect();
    index.sync(ids).await.expect("a sync");

    let mut rng = TestRng(5);
    let signed_up = (SECONDS * SIGN_UPS..(SECONDS + 1) * SIGN_UPS).map(|n| user(n, false));
    let numbers: BTreeSet<u64> = (0..SIGN_UPS)
        .map(|_| rng.below(SECONDS * SIGN_UPS))
        .collect();
    let verified = numbers.iter().map(|n| user(*n, true));
    let users: Vec<_> = signed_up.chain(verified).collect();
    write(&app, &users).await;
    let logins = (0..LOGINS).map(|_| rng.below(SECONDS * SIGN_UPS) as usize);
    let logins: Vec<_> = logins.map(|n| &before[n]).collect();
    let mut shards = vec![Vec::new(); SHARDS];
    for user in users.iter().chain(logins) {
        shards[rng.below(SHARDS as u64) as usize].push(changed(user));
    }

    let was = items(&app).await;
    app.cloud.clear_calls();
    for records in shards {
        index.follow(&records).await.expect("the changes");
    }
    let changes: Vec<_> = app
        .index_items()
        .await
        .iter()
        .filter_map(|item| Some(item.get("users")?.as_ns().expect("ids").clone()))
        .map(|ids| json!({"dynamodb": {"NewImage": {"users": {"NS": ids}}}}))
        .collect();
    assert_eq!(changes.len(), SHARDS);
    let reads = app.cloud.calls().len();
    index.follow(&changes).await.expect("a sync");
    println!("{} calls of the sync", app.cloud.calls().len() - reads);
    let writes = writes(&app);

    let is = items(&app).await;
    let mut units = BTreeMap::<&str, (usize, usize)>::new();
    for key in was.keys().chain(is.keys()).collect::<BTreeSet<_>>() {
        let (was, is) = (was.get(key), is.get(key));
        if was != is {
            let size = [was, is].into_iter().flatten().map(size).max();
            let (items, units) = units.entry(&key.0).or_default();
            *items += 1;
            *units += size.expect("an item").div_ceil(1_024);
        }
    }
    println!("{units:?}");
    for (key, (items, units)) in &units {
        // A sync is of 500 users. So a set of ids or a node is written at most once for each 500.
        let most = items * (2 * SIGN_UPS as usize).div_ceil(500);
        assert!(
            writes[*key] <= most,
            "{key}: {} writes, {items} items",
            writes[*key]
        );
        assert!(
            units * writes[*key] / items <= MAX_UNITS / 4,
            "{key}: {units} units"
        );
    }
    app.cloud.clear_calls();
    let logins: Vec<_> = before.iter().take(500).map(changed).collect();
    index.follow(&logins).await.expect("the changes");
    assert_eq!(
        self::writes(&app),
        BTreeMap::new(),
        "a login writes nothing"
    );
}
