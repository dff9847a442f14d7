//! What a function may ask for in its endpoint's first parameter, built once per instance.
//!
//! The only reader of environment variables and the only builder of AWS clients. The SDK's own
//! defaults spend most of a cold start on seeding a crypto library and on parsing the system's
//! root certificates; so the HTTP client is put together here, of rustls on `ring` and the few
//! roots that sign AWS's endpoints.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region, SharedHttpClient};
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, Connector};

use tokio::sync::OnceCell;

use crate::Fault;
use crate::database::Database;

/// Amazon Trust Services' roots 1 to 4 and the Starfield root that cross-signs them: what all
/// of AWS's endpoints chain to (<https://www.amazontrust.com/repository/>).
const AMAZON_ROOTS: &[u8] = include_bytes!("env/amazon.pem");

/// Something an endpoint touches.
pub trait Resource: Send + Sync + Sized + 'static {
    /// Opens it: builds its client, opens its connection, fetches what it needs to know.
    fn open(env: &Env) -> impl Future<Output = Result<Self, Fault>>;
}

impl Resource for () {
    async fn open(_: &Env) -> Result<Self, Fault> {
        Ok(())
    }
}

impl<A: Resource, B: Resource> Resource for (A, B) {
    async fn open(env: &Env) -> Result<Self, Fault> {
        tokio::try_join!(A::open(env), B::open(env))
    }
}

impl<A: Resource, B: Resource, C: Resource> Resource for (A, B, C) {
    async fn open(env: &Env) -> Result<Self, Fault> {
        tokio::try_join!(A::open(env), B::open(env), C::open(env))
    }
}

impl<A: Resource, B: Resource, C: Resource, D: Resource> Resource for (A, B, C, D) {
    async fn open(env: &Env) -> Result<Self, Fault> {
        tokio::try_join!(A::open(env), B::open(env), C::open(env), D::open(env))
    }
}

/// The function's environment: its variables, and how it reaches AWS.
pub struct Env {
    variables: BTreeMap<String, String>,
    http: SharedHttpClient,
    credentials: Credentials,
    region: Region,
    database: OnceCell<Database>,
}

impl Env {
    /// The environment of this process.
    ///
    /// # Errors
    /// Where a variable that Lambda always sets is missing.
    #[expect(clippy::disallowed_methods, reason = "this is the one reader of the environment")]
    pub fn load() -> Result<Self, Fault> {
        let all = std::env::vars_os();
        Self::of(
            all.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
                .collect(),
        )
    }

    /// An environment of the given variables, for tools that call AWS as a function would.
    ///
    /// # Errors
    /// As [`Env::load`].
    pub fn of(variables: BTreeMap<String, String>) -> Result<Self, Fault> {
        let needed = |name: &str| variables.get(name).cloned().ok_or_else(|| missing(name));
        Ok(Self {
            http: http_client(&variables),
            credentials: Credentials::new(
                needed("AWS_ACCESS_KEY_ID")?,
                needed("AWS_SECRET_ACCESS_KEY")?,
                variables.get("AWS_SESSION_TOKEN").cloned(),
                None,
                "environment",
            ),
            region: Region::new(needed("AWS_REGION")?),
            database: OnceCell::new(),
            variables,
        })
    }

    /// The function's name, empty outside Lambda.
    #[must_use]
    pub fn function_name(&self) -> &str {
        self.variables.get("AWS_LAMBDA_FUNCTION_NAME").map_or("", String::as_str)
    }

    /// The variable `name`.
    ///
    /// # Errors
    /// Where it is not set.
    pub fn text(&self, name: &str) -> Result<String, Fault> {
        self.variables.get(name).cloned().ok_or_else(|| missing(name))
    }

    /// The variable `name` as a number.
    ///
    /// # Errors
    /// Where it is not set, or not a number.
    pub fn number(&self, name: &str) -> Result<u64, Fault> {
        let text = self.text(name)?;
        text.parse().map_err(|_| Fault::new(format!("the variable {name} is not a number")))
    }

    /// The database, opened once for all who ask.
    pub(crate) async fn database(&self) -> Result<Database, Fault> {
        self.database.get_or_try_init(|| Database::open(self)).await.cloned()
    }

    /// A DynamoDB client.
    #[must_use]
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        let mut config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .http_client(self.http.clone())
            .credentials_provider(self.credentials.clone())
            .region(self.region.clone())
            .timeout_config(timeouts());
        config.set_endpoint_url(self.endpoint("DYNAMODB"));
        aws_sdk_dynamodb::Client::from_conf(config.build())
    }

    /// A Secrets Manager client.
    #[must_use]
    pub fn secrets_manager(&self) -> aws_sdk_secretsmanager::Client {
        let mut config = aws_sdk_secretsmanager::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .http_client(self.http.clone())
            .credentials_provider(self.credentials.clone())
            .region(self.region.clone())
            .timeout_config(timeouts());
        config.set_endpoint_url(self.endpoint("SECRETS_MANAGER"));
        aws_sdk_secretsmanager::Client::from_conf(config.build())
    }

    /// An S3 client. Where the endpoint is not AWS's own, a bucket is a path of it, not a host.
    #[must_use]
    pub fn s3(&self) -> aws_sdk_s3::Client {
        let endpoint = self.endpoint("S3");
        let mut config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .http_client(self.http.clone())
            .credentials_provider(self.credentials.clone())
            .region(self.region.clone())
            .timeout_config(timeouts())
            .force_path_style(endpoint.is_some());
        config.set_endpoint_url(endpoint);
        aws_sdk_s3::Client::from_conf(config.build())
    }

    /// An SES client.
    #[must_use]
    pub fn ses(&self) -> aws_sdk_ses::Client {
        let mut config = aws_sdk_ses::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .http_client(self.http.clone())
            .credentials_provider(self.credentials.clone())
            .region(self.region.clone())
            .timeout_config(timeouts());
        config.set_endpoint_url(self.endpoint("SES"));
        aws_sdk_ses::Client::from_conf(config.build())
    }

    /// An HTTP client for an address of AWS's that is no service's.
    pub(crate) fn connector(&self) -> Connector {
        let builder = Connector::builder().tls_provider(Provider::Rustls(CryptoMode::Ring));
        builder.tls_context(trust(&self.variables)).build()
    }

    /// The endpoint of a service where it is not AWS's own, by the variables that all of AWS's
    /// SDKs know: `AWS_ENDPOINT_URL_<SERVICE>`, then `AWS_ENDPOINT_URL`.
    fn endpoint(&self, service: &str) -> Option<String> {
        let own = self.variables.get(&format!("AWS_ENDPOINT_URL_{service}"));
        own.or_else(|| self.variables.get("AWS_ENDPOINT_URL")).cloned()
    }
}

/// The SDK sets no time limit of its own on an answer. All attempts together stay well inside
/// the functions' ten seconds.
fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(1))
        .operation_attempt_timeout(Duration::from_secs(2))
        .operation_timeout(Duration::from_secs(5))
        .build()
}

/// The roots that every chain of certificates must end in.
fn trust(variables: &BTreeMap<String, String>) -> TlsContext {
    let roots = if variables.get("TRUST_STORE").is_some_and(|store| store == "system") {
        TrustStore::default()
    } else {
        TrustStore::empty().with_pem_certificate(AMAZON_ROOTS)
    };
    TlsContext::builder().with_trust_store(roots).build().unwrap_or_default()
}

fn http_client(variables: &BTreeMap<String, String>) -> SharedHttpClient {
    let builder = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring));
    builder.tls_context(trust(variables)).build_https()
}

fn missing(name: &str) -> Fault {
    Fault::new(format!("the variable {name} is not set"))
}

#[cfg(test)]
mod tests {
    use super::Env;

    #[tokio::test]
    async fn either_trust_store_makes_a_client_that_speaks_tls() {
        for store in ["amazon", "system"] {
            let variables = [
                ("AWS_ACCESS_KEY_ID", "key"),
                ("AWS_SECRET_ACCESS_KEY", "secret"),
                ("AWS_REGION", "eu-central-1"),
                ("AWS_ENDPOINT_URL", "https://127.0.0.1:1"),
                ("TRUST_STORE", store),
            ];
            let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
            let client = Env::of(variables.into()).unwrap().dynamodb();
            let error = client.list_tables().send().await.unwrap_err();
            assert!(matches!(error, aws_sdk_dynamodb::error::SdkError::DispatchFailure(_)), "{error:?}");
        }
    }
}
