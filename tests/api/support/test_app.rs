//! The application under test.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use insta::internals::SettingsBindDropGuard;
use local::{CapturedEmail, Cloud, Effect, Hold, InjectedFault, Options, Route};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::clock::Clock;
use super::{Response, eventually, fault_of, filters, refuse};
use crate::endpoints::openapi;

/// The function that rotates the keys.
pub const ROTATOR: &str = "key-rotation";

/// The API in an embedded cloud, its HTTP client, and direct access to its store. A test controls the
/// template's parameters, the functions' environment and their clock.
pub struct TestApp {
    pub cloud: Arc<Cloud>,
    clock: Clock,
    http: reqwest::Client,
    _filters: SettingsBindDropGuard,
}

impl TestApp {
    /// The application with the template's default parameters and an empty store.
    pub async fn new() -> Self {
        Self::with_parameters(&[]).await
    }

    /// The application with these parameters of the template.
    pub async fn with_parameters(parameters: &[(&str, &str)]) -> Self {
        let mut options = local_options();
        options.parameters.extend(owned(parameters));
        Self::start(options).await
    }

    /// The application with these environment variables of the functions.
    pub async fn with_variables(variables: &[(&str, &str)]) -> Self {
        Self::start(Options {
            variables: owned(variables),
            ..local_options()
        })
        .await
    }

    /// The application with its data in this directory. Its functions do not cache secrets.
    pub async fn on_disk(data: &Path) -> Self {
        Self::start(Options {
            data: Some(data.to_owned()),
            variables: owned(&[("SECRETS_MANAGER_TTL", "0")]),
            ..local_options()
        })
        .await
    }

    /// The application with a changed template.
    pub async fn with_template(change: impl FnOnce(String) -> String) -> Self {
        let mut options = local_options();
        let text = fs::read_to_string(&options.template).expect("a template");
        let changed = change(text.clone());
        assert_ne!(changed, text, "the change has no effect");
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
        options.template = folder.path().join("template.yaml");
        fs::write(&options.template, changed).expect("a file");
        Self::start(options).await
    }

    async fn start(mut options: Options) -> Self {
        let clock = Clock::new();
        options.variables.extend(owned(&[clock.variable()]));
        let cloud = Cloud::start(options).await.expect("the cloud starts");
        Self {
            cloud: Arc::new(cloud),
            clock,
            http: no_proxy_client(),
            _filters: filters(),
        }
    }

    /// Stops the cloud and waits for its processes to end.
    pub async fn stop(self) {
        let cloud = Arc::into_inner(self.cloud).expect("one owner");
        cloud.stop().await;
    }

    /// The base URL of the API, and of avatars.
    pub fn url(&self) -> String {
        self.cloud.url()
    }

    /// Every route of the template.
    pub fn routes(&self) -> Vec<Route> {
        self.cloud.template().routes()
    }

    /// The environment variables of a principal with all permissions.
    pub fn variables(&self) -> BTreeMap<String, String> {
        self.cloud.operator_env()
    }

    /// The value of `!Ref logical`.
    pub fn physical_id(&self, logical: &str) -> String {
        self.cloud.physical_id(logical)
    }

    /// Every e-mail sent so far, newest first.
    pub async fn mails(&self) -> Vec<CapturedEmail> {
        self.cloud.emails()
    }

    /// Every log line of the functions.
    pub async fn logs(&self) -> Vec<String> {
        self.cloud.logs()
    }

    /// Returns once the functions on the streams have processed everything written so far.
    pub async fn settle(&self) {
        self.cloud.settle().await;
    }

    /// Invokes the function of this name without the API.
    pub async fn invoke(&self, function: &str, event: &Value) -> Value {
        let response = self.cloud.invoke(function, event).await;
        response.expect("a response")
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
            url.starts_with(&self.url()),
            "{url} is not an avatar of ours"
        );
        self.http.get(url).send().await.expect("a response")
    }

    /// Moves the clock of the functions forward. It stands still from then on.
    pub fn advance_clock(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// Holds one call of `operation` by `function`, after `skip` others.
    pub fn hold(&self, function: &str, operation: &str, skip: usize) -> Hold {
        let hold = Hold::default();
        let fault = fault_of(function, operation, 1, Effect::Hold(hold.clone()));
        self.cloud.inject(InjectedFault { skip, ..fault });
        hold
    }

    /// The DynamoDB operations since the last call, in order. Those of functions on a stream are
    /// left out, because their order is not fixed.
    pub fn dynamodb_calls(&self) -> Vec<String> {
        let calls = self.cloud.calls();
        self.cloud.clear_calls();
        let functions = &self.cloud.template().functions;
        let on_stream = |name: &str| {
            functions
                .iter()
                .any(|function| function.name == name && !function.sources.is_empty())
        };
        let dynamodb = calls
            .into_iter()
            .filter(|call| call.service == "dynamodb" && !on_stream(&call.function));
        dynamodb.map(|call| call.operation).collect()
    }

    /// The number of DynamoDB calls by `function` since the last question.
    pub fn dynamodb_calls_by(&self, function: &str) -> u64 {
        let calls = self.cloud.calls();
        self.cloud.clear_calls();
        let calls = calls
            .iter()
            .filter(|call| call.service == "dynamodb" && call.function == function);
        calls.count() as u64
    }

    /// The number of times that `function` has read a secret.
    pub fn secret_reads(&self, function: &str) -> usize {
        let calls = self.cloud.calls();
        calls
            .iter()
            .filter(|call| call.function == function && call.operation == "GetSecretValue")
            .count()
    }

    /// Every log line that is JSON.
    pub fn log_lines(&self) -> Vec<Value> {
        let logs = self.cloud.logs();
        logs.iter()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    /// The last log line of a request or command. The user index logs at its own pace.
    pub fn last_log_line(&self) -> Value {
        let lines = self.log_lines().into_iter().rev();
        lines
            .into_iter()
            .find(|line| line["function_name"] != "user-index-sync")
            .expect("a line")
    }
}

fn owned(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

/// Rotation of the keys.
impl TestApp {
    /// Rotates the code key and returns once the new version is current.
    pub async fn rotate_code_key(&self) {
        let version = self
            .begin_rotation_of("CodeKey")
            .await
            .expect("a rotation begins");
        eventually("the new version of the code key", async || {
            let stages = self.stages_of("CodeKey", &version).await;
            (stages == ["AWSCURRENT", "AWSPENDING"]).then_some(())
        })
        .await;
    }

    /// Rotates the token key and returns the id of the new version, once it is current.
    pub async fn rotate_token_key(&self) -> String {
        let version = self.begin_rotation().await.expect("a rotation begins");
        self.rotation_ends(&version).await;
        version
    }

    /// Begins a rotation of the token key and returns the id of the new version, or the error
    /// message.
    pub async fn begin_rotation(&self) -> Result<String, String> {
        self.begin_rotation_of("TokenKey").await
    }

    async fn begin_rotation_of(&self, key: &str) -> Result<String, String> {
        let rotate = self.operator().clients.secrets_manager().rotate_secret();
        let begun = rotate.secret_id(self.cloud.physical_id(key)).send().await;
        begun
            .map(|begun| begun.version_id.expect("a version"))
            .map_err(|error| error.into_service_error().to_string())
    }

    /// Waits until `version` of the token key is current.
    pub async fn rotation_ends(&self, version: &str) {
        eventually("the new version of the token key", async || {
            (self.key_stages(version).await == ["AWSCURRENT", "AWSPENDING"]).then_some(())
        })
        .await;
    }

    /// The staging labels of a version of the token key.
    pub async fn key_stages(&self, version: &str) -> Vec<String> {
        self.stages_of("TokenKey", version).await
    }

    async fn stages_of(&self, key: &str, version: &str) -> Vec<String> {
        let describe = self.operator().clients.secrets_manager().describe_secret();
        let described = describe.secret_id(self.cloud.physical_id(key)).send().await;
        let mut stages = described
            .expect("a secret")
            .version_ids_to_stages
            .unwrap_or_default();
        let mut stages = stages.remove(version).unwrap_or_default();
        stages.sort();
        stages
    }

    /// Invokes the rotation function for one step, as Secrets Manager does.
    pub async fn rotation_step(&self, step: &str, version: &str) -> Result<Value, String> {
        let secret = self.cloud.physical_id("TokenKey");
        self.rotation_step_of(&secret, step, version).await
    }

    /// Invokes the rotation function for one step of any secret.
    pub async fn rotation_step_of(
        &self,
        secret: &str,
        step: &str,
        version: &str,
    ) -> Result<Value, String> {
        let event = json!({"Step": step, "SecretId": secret, "ClientRequestToken": version});
        self.cloud
            .invoke(ROTATOR, &event)
            .await
            .map_err(|error| error.to_string())
    }
}

/// An application in which a rotation has failed at its first step, and the pending version.
pub async fn half_rotated() -> (TestApp, String) {
    let app = TestApp::new().await;
    app.register_and_login("testuser").await; // signs with the key before
    let refused = refuse(400, "EncryptionFailure");
    app.cloud
        .inject(fault_of(ROTATOR, "PutSecretValue", 1, refused));
    let version = app.begin_rotation().await.expect("a rotation begins");
    eventually("the failure of the first step", async || {
        let logs = app.cloud.logs();
        let failed = logs.iter().any(|line| line.starts_with("key-rotation: "));
        failed.then_some(())
    })
    .await;
    (app, version)
}

/// The options of a cloud with this repository's template and functions, all in memory.
pub fn local_options() -> Options {
    let binary = Path::new(env!("CARGO_BIN_EXE_fallback"));
    Options {
        template: template(),
        stack_name: dev::STACK_NAME.to_owned(),
        binaries: binary.parent().expect("a directory").to_owned(),
        parameters: dev::PARAMETERS
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        ..Options::default()
    }
}

/// An HTTP client that ignores the machine's proxy.
pub fn no_proxy_client() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client")
}

/// The template of the application.
pub fn template() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("template.yaml")
}
