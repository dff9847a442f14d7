//! What a function may ask for in its endpoint's first parameter, built once per instance.
//!
//! The only reader of environment variables and the only builder of AWS clients. The SDK's own
//! defaults spend most of a cold start on seeding a crypto library and on parsing the system's
//! root certificates; so the HTTP client is put together here, of rustls on `ring` and the few
//! roots that sign AWS's endpoints.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region, SharedHttpClient};
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, Connector};
use aws_types::SdkConfig;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use tokio::sync::OnceCell;

use crate::Fault;
use crate::database::{Database, Meter};
use crate::secrets::Rotating;

/// Amazon Trust Services' roots 1 to 4 and the Starfield root that cross-signs them: what all
/// of AWS's endpoints chain to (<https://www.amazontrust.com/repository/>).
const AMAZON_ROOTS: &[u8] = include_bytes!("env/amazon.pem");

/// Something an endpoint touches.
pub trait Resource: Send + Sync + Sized + 'static {
    /// Opens it: builds its client, opens its connection, fetches what it needs to know.
    fn open(env: &Env) -> impl Future<Output = Result<Self, Fault>> + Send;
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
    aws: SdkConfig,
    database: OnceCell<Database>,
    token_key: OnceCell<Arc<Rotating>>,
}

impl Env {
    /// The environment of this process.
    ///
    /// # Errors
    /// Where a variable that Lambda always sets is missing.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one reader of the environment"
    )]
    pub fn load() -> Result<Self, Fault> {
        let all = std::env::vars_os();
        Self::of(
            all.filter_map(|(name, value)| {
                Some((name.into_string().ok()?, value.into_string().ok()?))
            })
            .collect(),
        )
    }

    /// An environment of the given variables, for tools that call AWS as a function would.
    ///
    /// # Errors
    /// As [`Env::load`].
    pub fn of(variables: BTreeMap<String, String>) -> Result<Self, Fault> {
        Ok(Self {
            aws: aws(&variables)?,
            database: OnceCell::new(),
            token_key: OnceCell::new(),
            variables,
        })
    }

    /// The function's name, empty outside Lambda.
    #[must_use]
    pub fn function_name(&self) -> &str {
        self.given("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default()
    }

    /// The variable `name`, where it is set.
    pub(crate) fn given(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// The variable `name`.
    ///
    /// # Errors
    /// Where it is not set.
    pub fn text(&self, name: &str) -> Result<String, Fault> {
        self.given(name)
            .map(str::to_owned)
            .ok_or_else(|| missing(name))
    }

    /// The variable `name` as a number.
    ///
    /// # Errors
    /// Where it is not set, or not a number.
    pub fn number(&self, name: &str) -> Result<u64, Fault> {
        let text = self.text(name)?;
        text.parse()
            .map_err(|_| Fault::new(format!("the variable {name} is not a number")))
    }

    /// The database, opened once for all who ask.
    pub(crate) async fn database(&self) -> Result<Database, Fault> {
        self.database
            .get_or_try_init(|| Database::open(self))
            .await
            .cloned()
    }

    /// The key that signs tokens and derives codes, read once for all who ask.
    pub(crate) async fn token_key(&self) -> Result<Arc<Rotating>, Fault> {
        let read = || async { Rotating::read(self, "TOKEN_KEY").await.map(Arc::new) };
        self.token_key.get_or_try_init(read).await.cloned()
    }

    /// A DynamoDB client, whose calls are counted for the log.
    #[must_use]
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        let config = aws_sdk_dynamodb::config::Builder::from(&self.aws).interceptor(Meter);
        aws_sdk_dynamodb::Client::from_conf(config.build())
    }

    /// A Secrets Manager client.
    #[must_use]
    pub fn secrets_manager(&self) -> aws_sdk_secretsmanager::Client {
        aws_sdk_secretsmanager::Client::new(&self.aws)
    }

    /// An S3 client. Where the endpoint is not AWS's own, a bucket is a path of it, not a host.
    #[must_use]
    pub fn s3(&self) -> aws_sdk_s3::Client {
        let elsewhere = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]
            .into_iter()
            .any(|name| self.given(name).is_some());
        let config = aws_sdk_s3::config::Builder::from(&self.aws).force_path_style(elsewhere);
        aws_sdk_s3::Client::from_conf(config.build())
    }

    /// An SES client.
    #[must_use]
    pub fn ses(&self) -> aws_sdk_ses::Client {
        aws_sdk_ses::Client::new(&self.aws)
    }

    /// An HTTP client for an address of AWS's that is no service's.
    pub(crate) fn connector(&self) -> Connector {
        let builder = Connector::builder().tls_provider(Provider::Rustls(CryptoMode::Ring));
        builder.tls_context(trust(&self.variables)).build()
    }
}

/// How all of AWS is reached: with which credentials, where, and how long an answer may take.
fn aws(variables: &BTreeMap<String, String>) -> Result<SdkConfig, Fault> {
    let needed = |name: &str| variables.get(name).cloned().ok_or_else(|| missing(name));
    let credentials = Credentials::new(
        needed("AWS_ACCESS_KEY_ID")?,
        needed("AWS_SECRET_ACCESS_KEY")?,
        variables.get("AWS_SESSION_TOKEN").cloned(),
        None,
        "environment",
    );
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .http_client(http_client(variables))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .region(Region::new(needed("AWS_REGION")?))
        .timeout_config(timeouts())
        .service_config(Endpoints::of(variables));
    config.set_endpoint_url(variables.get("AWS_ENDPOINT_URL").cloned());
    Ok(config.build())
}

/// The endpoints of single services that are not AWS's own, by the variables that all of AWS's
/// SDKs know: `AWS_ENDPOINT_URL_<SERVICE>`. Each stands before `AWS_ENDPOINT_URL`.
#[derive(Debug)]
struct Endpoints(BTreeMap<String, String>);

impl Endpoints {
    fn of(variables: &BTreeMap<String, String>) -> Self {
        let endpoints = variables
            .iter()
            .filter(|(name, _)| name.starts_with("AWS_ENDPOINT_URL_"));
        Self(
            endpoints
                .map(|(name, url)| (name.clone(), url.clone()))
                .collect(),
        )
    }
}

impl LoadServiceConfig for Endpoints {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let service = key.service_id().to_uppercase().replace(' ', "_");
        self.0.get(&format!("{}_{service}", key.env())).cloned()
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
    let roots = if variables
        .get("TRUST_STORE")
        .is_some_and(|store| store == "system")
    {
        TrustStore::default()
    } else {
        TrustStore::empty().with_pem_certificate(AMAZON_ROOTS)
    };
    TlsContext::builder()
        .with_trust_store(roots)
        .build()
        .unwrap_or_default()
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
            assert!(
                matches!(error, aws_sdk_dynamodb::error::SdkError::DispatchFailure(_)),
                "{error:?}"
            );
        }
    }
}
