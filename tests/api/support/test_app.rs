//! The application under test.

use std::collections::BTreeMap;

use insta::internals::SettingsBindDropGuard;
use local::{CapturedEmail, Route, StackSettings, Template};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use super::deployment::Deployment;
use super::target::{Target, template};
use super::{Response, filters};
use crate::endpoints::openapi;

/// The API, its HTTP client, and direct access to its store.
pub struct TestApp {
    target: Target,
    http: reqwest::Client,
    _filters: SettingsBindDropGuard,
}

impl TestApp {
    /// The application with the template's default parameters and an empty store: in an embedded
    /// cloud, or deployed where the feature `deployed` is on.
    pub async fn new() -> Self {
        match cfg!(feature = "deployed") {
            true => Self::at(Target::Deployed(Box::new(Deployment::open().await))),
            false => Self::at(Target::start_local().await),
        }
    }

    pub(super) fn at(target: Target) -> Self {
        Self {
            http: target.client(),
            target,
            _filters: filters(),
        }
    }

    /// The base URL of the API.
    pub fn url(&self) -> String {
        self.target.url()
    }

    /// The base URL of avatars.
    pub fn avatars_url(&self) -> String {
        self.target.avatars_url()
    }

    /// Every route of the template.
    pub fn routes(&self) -> Vec<Route> {
        Template::read(&template(), &StackSettings::default())
            .expect("a template")
            .routes()
    }

    /// The environment variables of a principal with all permissions.
    pub fn variables(&self) -> BTreeMap<String, String> {
        self.target.variables()
    }

    /// The value of `!Ref logical`.
    pub fn physical_id(&self, logical: &str) -> String {
        self.target.physical_id(logical)
    }

    /// Every e-mail sent so far, newest first.
    pub async fn mails(&self) -> Vec<CapturedEmail> {
        self.target.mails().await
    }

    /// Every log line of the functions.
    pub async fn logs(&self) -> Vec<String> {
        self.target.logs().await
    }

    /// Returns once the functions on the streams have processed everything written so far.
    pub async fn settle(&self) {
        self.target.settle().await;
    }

    /// Invokes the function of this name without the API.
    pub async fn invoke(&self, function: &str, event: &Value) -> Value {
        self.target.invoke(function, event).await
    }

    /// A request to `path`, not sent yet.
    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        self.http.request(method, format!("{}{path}", self.url()))
    }

    /// Sends `request`. The response must match the OpenAPI description.
    pub async fn send(&self, request: RequestBuilder) -> Response {
        let (client, request) = request.build_split();
        let request = request.expect("a request");
        let method = request.method().to_string();
        let response = client.execute(request).await.expect("a response");
        let path = response.url().path().to_owned();
        let response = Response::read(response).await;
        openapi::check(self, &method, &path, &response).await;
        response
    }

    /// The response to a GET request for the avatar at `url`.
    pub async fn fetch(&self, url: &str) -> reqwest::Response {
        assert!(
            url.starts_with(&self.avatars_url()),
            "{url} is not an avatar of ours"
        );
        self.target.fetch(&self.http, url).await
    }
}
