//! A stack that `.ci/deploy` deployed to the emulator. One test has it at a time, and finds it
//! empty.

use std::collections::{BTreeMap, HashMap};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::types::AttributeValue;
use local::Mail;
use serde::Deserialize;
use serde_json::Value;
use shared::Env;

use super::emulator::Emulator;

/// How many mails were sent before this world was.
static FORMER_MAILS: AtomicUsize = AtomicUsize::new(0);

/// How long nothing may change before what is under way is taken to be over.
const QUIET: Duration = Duration::from_millis(100);

/// How long a delivery may take.
const PATIENCE: Duration = Duration::from_secs(20);

type Item = HashMap<String, AttributeValue>;

pub struct Deployment {
    told: Told,
    emulator: Emulator,
    env: Env,
    since: u64,
}

/// What `.ci/deploy` tells of the stack.
#[derive(Deserialize)]
struct Told {
    url: String,
    /// Physical ids by logical ids.
    resources: BTreeMap<String, String>,
    /// Every table's key attributes, by its physical id.
    tables: BTreeMap<String, Vec<String>>,
    /// The variables of all functions, and how AWS is reached.
    variables: BTreeMap<String, String>,
}

/// All that a stack keeps.
#[derive(PartialEq, Default)]
struct Content {
    mails: usize,
    objects: Vec<String>,
    items: Vec<(String, BTreeMap<String, String>)>,
}

impl Deployment {
    /// Whether the suite is to run against a stack.
    pub fn exists() -> bool {
        path().is_some()
    }

    /// The stack that the file named by `ACCOUNTS_DEPLOYED` tells of, emptied.
    pub async fn open() -> Option<Self> {
        let told = std::fs::read_to_string(path()?).expect("the file is there");
        let told: Told = serde_json::from_str(&told).expect("the file tells of a stack");
        let emulator = Emulator::of(&told.variables);
        let env = Env::of(told.variables.clone()).expect("an environment");
        let mut deployment = Self {
            told,
            emulator,
            env,
            since: 0,
        };
        deployment.settle().await;
        while deployment.content().await != Content::default() {
            deployment.empty().await;
            tokio::time::sleep(QUIET).await;
        }
        deployment.since = milliseconds();
        Some(deployment)
    }

    pub fn url(&self) -> &str {
        &self.told.url
    }

    pub fn variables(&self) -> &BTreeMap<String, String> {
        &self.told.variables
    }

    pub fn physical_id(&self, logical: &str) -> &str {
        &self.told.resources[logical]
    }

    /// A client that finds the API's host: names in `localhost` are this machine (RFC 6761), and
    /// not every resolver knows.
    pub fn client(&self) -> reqwest::ClientBuilder {
        let url: reqwest::Url = self.url().parse().expect("a URL");
        let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        reqwest::Client::builder().resolve(url.host_str().expect("a host"), here)
    }

    /// Every mail of this world, newest first.
    pub async fn mails(&self) -> Vec<Mail> {
        let mails = self.emulator.mails().await.into_iter();
        let mut mails: Vec<Mail> = mails.skip(FORMER_MAILS.load(Ordering::SeqCst)).collect();
        mails.reverse();
        mails
    }

    /// Every line that functions wrote in this world.
    pub async fn logs(&self) -> Vec<String> {
        self.emulator.logs(self.since).await
    }

    /// Invokes the function whose binary has this name.
    pub async fn invoke(&self, function: &str, event: &Value) -> Value {
        let logical: String = function.split('-').map(capitalised).collect();
        self.emulator
            .invoke(self.physical_id(&logical), event)
            .await
    }

    /// The picture at `url`, as the distribution serves it.
    pub async fn fetch(&self, url: &str) -> reqwest::Response {
        self.emulator.distributed(url).await
    }

    /// Returns when every mail of the outbox is sent, every picture that it names is deleted, and
    /// nothing changes any more.
    pub async fn settle(&self) {
        let until = tokio::time::Instant::now() + PATIENCE;
        let mut before = self.content().await;
        loop {
            tokio::time::sleep(QUIET).await;
            let now = self.content().await;
            let over = tokio::time::Instant::now() > until;
            if now == before && (over || now.is_delivered()) {
                return;
            }
            before = now;
        }
    }

    async fn content(&self) -> Content {
        let mut content = Content {
            mails: self.mails().await.len(),
            ..Content::default()
        };
        let listed = self
            .env
            .s3()
            .list_objects_v2()
            .bucket(self.physical_id("AvatarsBucket"))
            .send()
            .await;
        let objects = listed.expect("a list").contents.into_iter().flatten();
        content.objects = objects.filter_map(|object| object.key).collect();
        for table in self.told.tables.keys() {
            let shown = |(name, value): (String, AttributeValue)| (name, format!("{value:?}"));
            let items = self.items(table).await.into_iter();
            content
                .items
                .extend(items.map(|item| (table.clone(), item.into_iter().map(shown).collect())));
        }
        content.items.sort();
        content
    }

    async fn empty(&self) {
        FORMER_MAILS.fetch_add(self.mails().await.len(), Ordering::SeqCst);
        let (dynamodb, s3) = (self.env.dynamodb(), self.env.s3());
        for (table, names) in &self.told.tables {
            for item in self.items(table).await {
                let key = names
                    .iter()
                    .map(|name| (name.clone(), item[name].clone()))
                    .collect();
                let delete = dynamodb.delete_item().table_name(table).set_key(Some(key));
                delete.send().await.expect("a deletion");
            }
        }
        let bucket = self.physical_id("AvatarsBucket");
        for key in self.content().await.objects {
            s3.delete_object()
                .bucket(bucket)
                .key(key)
                .send()
                .await
                .expect("a deletion");
        }
    }

    async fn items(&self, table: &str) -> Vec<Item> {
        let scan = self
            .env
            .dynamodb()
            .scan()
            .table_name(table)
            .into_paginator();
        scan.items()
            .send()
            .collect::<Result<_, _>>()
            .await
            .expect("a scan")
    }
}

impl Content {
    /// Whether there are as many mails as the outbox has, and no picture that it discards.
    fn is_delivered(&self) -> bool {
        let outbox = || {
            self.items
                .iter()
                .filter_map(|(_, item)| Some((item.get("matter")?, item)))
        };
        let discarded = |matter: &str| matter.contains("discard");
        let mails = outbox().filter(|(matter, _)| !discarded(matter)).count();
        let mut discards = outbox()
            .filter(|(matter, _)| discarded(matter))
            .map(|(_, item)| &item["key"]);
        self.mails >= mails
            && !discards.any(|key| self.objects.iter().any(|object| key.contains(object)))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the tests have no other way to be told where they run"
)]
fn path() -> Option<String> {
    std::env::var("ACCOUNTS_DEPLOYED").ok()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the emulator's log goes by the clock on the wall"
)]
fn milliseconds() -> u64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a time after 1970");
    now.as_millis().try_into().expect("a time in this era")
}

fn capitalised(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_uppercase() + rest
}
