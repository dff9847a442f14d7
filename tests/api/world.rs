//! What a test finds: an API, its client, and the store behind it.
//!
//! There is one suite and there are two places to run it. By default each test has an embedded
//! cloud of its own. Where `ACCOUNTS_DEPLOYED` names a stack, the tests run against it one after
//! another, each with an empty store; those that need the [`Embedded`] cloud are skipped.

mod deployment;
mod emulator;
mod place;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io::Write;
use std::ops::Deref;
use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use insta::internals::SettingsBindDropGuard;
use local::{Cloud, Mail, Route, Template};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use shared::{Access, By, Env, Resource, User, Users};

use deployment::Deployment;
use place::Place;

use crate::openapi;

/// The password of every user that a test does not give another.
pub const PASSWORD: &str = "password123";

pub struct World {
    place: Place,
    http: reqwest::Client,
    _filters: SettingsBindDropGuard,
}

impl World {
    /// A world in either place, whose template has no parameters.
    pub async fn new() -> Self {
        match Deployment::open().await {
            Some(deployment) => Self::at(Place::Deployed(Box::new(deployment))),
            None => Self::at(Place::Embedded(Place::embed(&[], &[]).await)),
        }
    }

    /// A world in the embedded cloud. Where the suite runs against a stack: none, and a word.
    pub async fn embedded() -> Option<Embedded> {
        Self::with(&[]).await
    }

    /// An embedded world whose template has these parameters.
    pub async fn with(parameters: &[(&str, &str)]) -> Option<Embedded> {
        Self::with_variables(parameters, &[]).await
    }

    /// An embedded world whose template has these parameters, and whose functions these variables.
    pub async fn with_variables(
        parameters: &[(&str, &str)],
        variables: &[(&str, &str)],
    ) -> Option<Embedded> {
        if Deployment::exists() {
            // `eprint!` would be captured, and shown only where a test fails.
            write!(std::io::stderr(), "SKIPPED, it needs the embedded cloud: ")
                .expect("a place for a word");
            return None;
        }
        let cloud = Place::embed(parameters, variables).await;
        Some(Embedded {
            world: Self::at(Place::Embedded(cloud.clone())),
            cloud,
        })
    }

    fn at(place: Place) -> Self {
        Self {
            http: place.client(),
            place,
            _filters: filters(),
        }
    }

    /// Where the API answers.
    pub fn url(&self) -> String {
        self.place.url()
    }

    /// Where pictures are served.
    pub fn avatars_url(&self) -> String {
        self.place.avatars_url()
    }

    /// What is served at this URL of a picture.
    pub async fn fetched(&self, url: &str) -> reqwest::Response {
        self.place.fetch(&self.http, url).await
    }

    /// Every route of the template.
    pub fn routes(&self) -> Vec<Route> {
        Template::read(&place::template(), &BTreeMap::new(), &self.url())
            .expect("a template")
            .routes()
    }

    /// The environment variables of someone who may do everything.
    pub fn variables(&self) -> BTreeMap<String, String> {
        self.place.variables()
    }

    /// What `!Ref logical` is.
    pub fn physical_id(&self, logical: &str) -> String {
        self.place.physical_id(logical)
    }

    /// Every mail that was sent, newest first.
    pub async fn mails(&self) -> Vec<Mail> {
        self.place.mails().await
    }

    /// Every line that the functions wrote.
    pub async fn logs(&self) -> Vec<String> {
        self.place.logs().await
    }

    /// Returns when everything written so far was handed on to the functions that follow the streams.
    pub async fn settle(&self) {
        self.place.settle().await;
    }

    /// Invokes the function whose binary has this name, past the API.
    pub async fn invoke(&self, function: &str, event: &Value) -> Value {
        self.place.invoke(function, event).await
    }

    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        self.http.request(method, format!("{}{path}", self.url()))
    }

    pub async fn send(&self, request: RequestBuilder) -> Answer {
        let (client, request) = request.build_split();
        let request = request.expect("a request");
        let method = request.method().to_string();
        let response = client.execute(request).await.expect("an answer");
        let path = response.url().path().to_owned();
        let header = |name| {
            response
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned)
        };
        let answer = Answer {
            status: response.status().as_u16(),
            content_type: header("content-type"),
            www_authenticate: header("www-authenticate"),
            retry_after: header("retry-after"),
            text: response.text().await.expect("a body"),
        };
        openapi::check(self, &method, &path, &answer).await;
        answer
    }

    pub async fn register(&self, body: &Value) -> Answer {
        self.send(self.request("POST", "/api/auth/register").json(body))
            .await
    }

    pub async fn login(&self, username: &str, password: &str) -> Answer {
        let form = [("username", username), ("password", password)];
        self.send(self.request("POST", "/api/auth/login").form(&form))
            .await
    }

    pub async fn me(&self, token: &str) -> Answer {
        self.send(self.request("GET", "/api/users/me").bearer_auth(token))
            .await
    }

    pub async fn update(&self, token: &str, body: &Value) -> Answer {
        self.send(
            self.request("PUT", "/api/users/me")
                .bearer_auth(token)
                .json(body),
        )
        .await
    }

    /// Registers `username` with the usual password, and logs in: the token.
    pub async fn token(&self, username: &str) -> String {
        let registered = self.register(&registration(username)).await;
        assert_eq!(registered.status, 200, "{registered}");
        let signed_in = self.login(username, PASSWORD).await;
        signed_in.json()["access_token"]
            .as_str()
            .expect("a token")
            .to_owned()
    }

    /// A request of the whale family, with a JSON body.
    pub async fn whale(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.send(self.request(method, path).json(body)).await
    }

    /// Makes a whale's account: its user and a token.
    pub async fn whale_account(&self, email: &str) -> (Value, String) {
        let body = json!({"email": email, "password": PASSWORD, "name": "昵称"});
        let created = self.whale("POST", "/api/users/", &body).await;
        let data = created.json()["data"].clone();
        let token = data["token"]
            .as_str()
            .unwrap_or_else(|| panic!("{created}"))
            .to_owned();
        (data["user"].clone(), token)
    }

    /// The newest mail, once all that were posted are sent.
    pub async fn newest_mail(&self) -> Mail {
        self.settle().await;
        self.mails().await.into_iter().next().expect("a mail")
    }

    /// Has `email` mailed a code: the code.
    pub async fn code(&self, email: &str) -> String {
        let created = self
            .whale(
                "POST",
                "/api/captcha/",
                &json!({"group": 1, "email": email}),
            )
            .await;
        assert_eq!(created.json()["code"], 0, "{created}");
        let mail = self.newest_mail().await;
        assert_eq!(mail.to, [email]);
        let mut words = mail.text.split_whitespace();
        let code = words.find(|word| {
            word.len() == 8
                && word
                    .chars()
                    .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
        });
        code.unwrap_or_else(|| panic!("no code in {}", mail.text))
            .to_owned()
    }

    /// Makes `user` an administrator, past all functions.
    pub async fn promote(&self, user: &Value) {
        self.alter(user, |user| user.access = Access::Admin).await;
    }

    /// Changes the stored user that the answer `user` shows, past all functions.
    pub async fn alter(&self, user: &Value, change: impl Fn(&mut User)) {
        let users = self.users().await;
        let uuid = user["uuid"]
            .as_str()
            .expect("a uuid")
            .parse()
            .expect("a uuid");
        let stored = users
            .by_uuid(uuid)
            .await
            .ok()
            .flatten()
            .expect("a stored user");
        users
            .change(stored, &By::operator(), change)
            .await
            .expect("a change");
    }

    /// The store itself, past all functions.
    pub async fn users(&self) -> Users {
        Users::open(&self.operator())
            .await
            .expect("the store opens")
    }

    /// A DynamoDB client past all functions.
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        self.operator().dynamodb()
    }

    /// The value of the secret of this logical id.
    pub async fn secret(&self, logical: &str) -> String {
        let secrets = self.operator().secrets_manager();
        let found = secrets
            .get_secret_value()
            .secret_id(self.physical_id(logical))
            .send()
            .await;
        found.expect("a secret").secret_string.expect("a text")
    }

    pub fn table(&self) -> String {
        self.physical_id("UsersTable")
    }

    pub fn operator(&self) -> Env {
        Env::of(self.variables()).expect("an environment")
    }

    /// Every item of the users table.
    pub async fn items(&self) -> Vec<Item> {
        self.scan("UsersTable").await
    }

    /// Every item of the captchas table.
    pub async fn captchas(&self) -> Vec<Item> {
        self.scan("CaptchasTable").await
    }

    /// Every item of the outbox.
    pub async fn outbox(&self) -> Vec<Item> {
        self.scan("OutboxTable").await
    }

    /// What the trail keeps, in the order of time.
    pub async fn trail(&self) -> Vec<String> {
        let mut entries = self.scan("AuditTable").await;
        entries.sort_by_key(|entry| entry["sk"].as_s().expect("a text").clone());
        entries
            .iter()
            .map(|entry| entry["event"].as_s().expect("a text").clone())
            .collect()
    }

    /// Every item of a table, by its logical id.
    pub async fn scan(&self, table: &str) -> Vec<Item> {
        let scan = self.dynamodb().scan().table_name(self.physical_id(table));
        scan.into_paginator()
            .items()
            .send()
            .collect::<Result<_, _>>()
            .await
            .expect("a scan")
    }
}

/// An item: attribute values by name.
pub type Item = HashMap<String, AttributeValue>;

/// An answer, shown as a test compares it.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub content_type: Option<String>,
    pub www_authenticate: Option<String>,
    pub retry_after: Option<String>,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self}"))
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        for (name, value) in [
            ("", &self.content_type),
            ("www-authenticate: ", &self.www_authenticate),
        ] {
            value
                .iter()
                .try_for_each(|value| write!(f, " {name}{value}"))?;
        }
        match serde_json::from_str::<Value>(&self.text) {
            Ok(json) => write!(f, "\n{json:#}"),
            Err(_) => write!(f, "\n{}", self.text),
        }
    }
}

/// A registration as the document shows one.
pub fn registration(username: &str) -> Value {
    json!({
        "username": username,
        "password": PASSWORD,
        "nickname": "测试用户",
        "email": format!("{username}@example.com"),
    })
}

/// What differs from run to run, in the words of what it is.
pub fn filters() -> SettingsBindDropGuard {
    let mut settings = insta::Settings::clone_current();
    for (pattern, word) in [
        (
            r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
            "[uuid]",
        ),
        (
            r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z",
            "[time in UTC]",
        ),
        (r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\b", "[time]"),
        (r"\b\d{15,16}\b", "[id]"),
        (r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\b", "[date and time]"),
        (r"20\d\d-\d\d-\d\d\b", "[date]"),
        (r"eyJ[\w-]+\.[\w-]+\.[\w-]+", "[token]"),
    ] {
        settings.add_filter(pattern, word);
    }
    settings.bind_to_scope()
}

/// All of the futures at once: what each gave.
pub async fn all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    futures_util::future::join_all(futures).await
}

/// A world in the embedded cloud, with what only that can: faults, calls, parameters.
pub struct Embedded {
    world: World,
    pub cloud: Arc<Cloud>,
}

impl Deref for Embedded {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

impl Embedded {
    /// What each DynamoDB call since the last question was, in order; without those of functions
    /// that follow a stream, which come when they come.
    pub fn dynamodb_calls(&self) -> Vec<String> {
        let calls = self.cloud.calls();
        self.cloud.clear_calls();
        let functions = &self.cloud.template().functions;
        let follows = |name: &str| {
            functions
                .iter()
                .any(|one| one.name == name && !one.sources.is_empty())
        };
        let dynamodb = calls
            .into_iter()
            .filter(|call| call.service == "dynamodb" && !follows(&call.function));
        dynamodb.map(|call| call.operation).collect()
    }
}

impl World {
    /// Moves the end of every captcha into the past, as time would.
    pub async fn end_all_captchas(&self) {
        let table = self.physical_id("CaptchasTable");
        for item in self.captchas().await {
            let update = self
                .dynamodb()
                .update_item()
                .table_name(&table)
                .key("pk", item["pk"].clone());
            let update = update.update_expression("SET ends_at = :past");
            update
                .expression_attribute_values(":past", AttributeValue::N("1".into()))
                .send()
                .await
                .expect("an update");
        }
    }

    /// Moves the end of every count into the past, as time would; DynamoDB would sweep later.
    pub async fn end_all_counts(&self) {
        for item in self
            .items()
            .await
            .into_iter()
            .filter(|item| item.contains_key("tries"))
        {
            let update = self
                .dynamodb()
                .update_item()
                .table_name(self.table())
                .key("pk", item["pk"].clone());
            let update = update.update_expression("SET expires_at = :past");
            update
                .expression_attribute_values(":past", AttributeValue::N("1".into()))
                .send()
                .await
                .expect("an update");
        }
    }
}
