//! A stack that `cargo xtask deploy-emulator` deployed to the emulator. Tests use it one after another, and each
//! starts with an empty store.

use std::collections::{BTreeMap, HashMap};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use local::CapturedEmail;
use serde::Deserialize;
use serde_json::Value;
use shared::Connections;

use super::clock::system_time;
use super::emulator::Emulator;

/// The number of e-mails sent before the current test. The emulator cannot delete them.
static FORMER_MAILS: AtomicUsize = AtomicUsize::new(0);

/// The interval between two polls of the store.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// The time after which the outbox counts as delivered, since some messages never are.
const DELIVERY_TIME: Duration = Duration::from_secs(20);

type Item = HashMap<String, AttributeValue>;

pub struct Deployment {
    stack: Stack,
    emulator: Emulator,
    env: Connections,
    since: u128,
}

/// The description of the stack, as `cargo xtask deploy-emulator` writes it.
#[derive(Deserialize)]
struct Stack {
    url: String,
    /// Physical ids by logical ids.
    resources: BTreeMap<String, String>,
    /// Every table's key attributes, by its physical id.
    tables: BTreeMap<String, Vec<String>>,
    /// The variables of all functions, and those of AWS's SDKs.
    variables: BTreeMap<String, String>,
}

/// Everything that a stack stores.
#[derive(PartialEq, Default)]
struct Content {
    mails: usize,
    objects: Vec<String>,
    items: Vec<(String, BTreeMap<String, String>)>,
}

impl Deployment {
    /// The stack that the file named by `ACCOUNTS_DEPLOYED` describes, emptied.
    pub async fn open() -> Self {
        let stack = std::fs::read_to_string(path())
            .expect("the file that `cargo xtask deploy-emulator` wrote");
        let stack: Stack = serde_json::from_str(&stack).expect("the description of a stack");
        let emulator = Emulator::new(&stack.variables);
        let env = Connections::from_variables(stack.variables.clone()).expect("an environment");
        let mut deployment = Self {
            stack,
            emulator,
            env,
            since: 0,
        };
        deployment.settle().await;
        while deployment.content().await != Content::default() {
            deployment.empty().await;
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        deployment.since = system_time().as_millis();
        deployment
    }

    pub fn url(&self) -> &str {
        &self.stack.url
    }

    pub fn variables(&self) -> &BTreeMap<String, String> {
        &self.stack.variables
    }

    pub fn physical_id(&self, logical: &str) -> &str {
        &self.stack.resources[logical]
    }

    /// A client that resolves the API's host to this machine: names below `localhost` are loopback
    /// (RFC 6761), but not every resolver knows.
    pub fn client(&self) -> reqwest::Client {
        let url: reqwest::Url = self.url().parse().expect("a URL");
        let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let builder = reqwest::Client::builder().no_proxy();
        let builder = builder.resolve(url.host_str().expect("a host"), here);
        builder.build().expect("a client")
    }

    /// Every e-mail since the store was emptied, newest first.
    pub async fn mails(&self) -> Vec<CapturedEmail> {
        let mails = self.emulator.mails().await.into_iter();
        let mut mails: Vec<CapturedEmail> =
            mails.skip(FORMER_MAILS.load(Ordering::SeqCst)).collect();
        mails.reverse();
        mails
    }

    /// Every log line since the store was emptied.
    pub async fn logs(&self) -> Vec<String> {
        self.emulator.logs(self.since).await
    }

    /// Invokes the function of this name.
    pub async fn invoke(&self, function: &str, event: &Value) -> Value {
        let logical: String = function.split('-').map(capitalize).collect();
        self.emulator
            .invoke(self.physical_id(&logical), event)
            .await
    }

    /// The avatar at `url`, from the distribution.
    pub async fn fetch(&self, url: &str) -> reqwest::Response {
        self.emulator.fetch(url).await
    }

    /// Returns once every e-mail of the outbox is sent, every object that it names is deleted, and
    /// the store no longer changes.
    pub async fn settle(&self) {
        let until = tokio::time::Instant::now() + DELIVERY_TIME;
        let mut before = self.content().await;
        loop {
            tokio::time::sleep(POLL_INTERVAL).await;
            let now = self.content().await;
            let late = tokio::time::Instant::now() > until;
            if now == before && (late || now.is_delivered()) {
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
            .clients
            .s3()
            .list_objects_v2()
            .bucket(self.physical_id("AvatarsBucket"))
            .send()
            .await;
        let objects = listed.expect("a list").contents.into_iter().flatten();
        content.objects = objects.filter_map(|object| object.key).collect();
        for table in self.stack.tables.keys() {
            let shown = |(name, value): (String, AttributeValue)| (name, shown(value));
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
        let (dynamodb, s3) = (self.env.clients.dynamodb(), self.env.clients.s3());
        for (table, names) in &self.stack.tables {
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
            .clients
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

/// The value as text. The members of a map are sorted, because their order differs between reads.
fn shown(value: AttributeValue) -> String {
    match value {
        AttributeValue::M(members) => {
            let members = members.into_iter();
            let members: BTreeMap<_, _> =
                members.map(|(name, value)| (name, shown(value))).collect();
            format!("{members:?}")
        }
        other => format!("{other:?}"),
    }
}

impl Content {
    /// Whether as many e-mails are sent as the outbox has, and every object that it names is
    /// deleted.
    fn is_delivered(&self) -> bool {
        let outbox = || {
            self.items
                .iter()
                .filter_map(|(_, item)| Some((item.get("kind")?, item)))
        };
        let is_deletion = |matter: &str| matter.contains("delete-object");
        let mails = outbox().filter(|(kind, _)| !is_deletion(kind)).count();
        let mut deletions = outbox()
            .filter(|(kind, _)| is_deletion(kind))
            .map(|(_, item)| &item["key"]);
        self.mails >= mails
            && !deletions.any(|key| self.objects.iter().any(|object| key.contains(object)))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "cargo passes no arguments to the tests of a suite"
)]
fn path() -> String {
    std::env::var("ACCOUNTS_DEPLOYED")
        .expect("ACCOUNTS_DEPLOYED, which `cargo xtask deploy-emulator` sets: it names a file about the stack")
}

fn capitalize(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_uppercase() + rest
}
