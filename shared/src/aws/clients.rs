//! Clients of the AWS services: credentials, endpoints, TLS and timeouts.
//!
//! With the SDK's defaults, most of a cold start goes to seeding a crypto library and parsing the
//! system's root certificates. So the HTTP client is built here, with rustls on `ring` and only the
//! root certificates of AWS's endpoints.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region, SharedHttpClient};
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, Connector};
use aws_types::SdkConfig;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

use super::capacity::CapacityInterceptor;
use crate::aws::Config;
use crate::domain::InternalError;

/// The root certificates 1 to 4 of Amazon Trust Services, and the Starfield root that cross-signs
/// them. All AWS endpoints chain to these (<https://www.amazontrust.com/repository/>).
const AMAZON_ROOTS: &[u8] = include_bytes!("amazon.pem");

/// The clients of the AWS services, all with the same configuration.
pub struct AwsClients {
    config: Config,
    sdk: SdkConfig,
}

impl AwsClients {
    /// # Errors
    /// If a variable that Lambda always sets is missing: the region or the credentials.
    pub(crate) fn new(config: &Config) -> Result<Self, InternalError> {
        Ok(Self {
            sdk: sdk_config(config)?,
            config: config.clone(),
        })
    }

    /// A DynamoDB client. Its calls are counted for the log.
    #[must_use]
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        let config =
            aws_sdk_dynamodb::config::Builder::from(&self.sdk).interceptor(CapacityInterceptor);
        aws_sdk_dynamodb::Client::from_conf(config.build())
    }

    /// A Secrets Manager client.
    #[must_use]
    pub fn secrets_manager(&self) -> aws_sdk_secretsmanager::Client {
        aws_sdk_secretsmanager::Client::new(&self.sdk)
    }

    /// An S3 client. With a custom endpoint, it uses path-style addressing.
    #[must_use]
    pub fn s3(&self) -> aws_sdk_s3::Client {
        let custom_endpoint = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]
            .into_iter()
            .any(|name| self.config.get(name).is_some());
        let config = aws_sdk_s3::config::Builder::from(&self.sdk).force_path_style(custom_endpoint);
        aws_sdk_s3::Client::from_conf(config.build())
    }

    /// An SES client.
    #[must_use]
    pub fn ses(&self) -> aws_sdk_ses::Client {
        aws_sdk_ses::Client::new(&self.sdk)
    }

    /// An HTTP client for presigned URLs.
    pub(crate) fn connector(&self) -> Connector {
        let builder = Connector::builder().tls_provider(Provider::Rustls(CryptoMode::Ring));
        builder.tls_context(trust(&self.config)).build()
    }
}

/// The configuration of all clients: credentials, region, endpoints and timeouts.
fn sdk_config(config: &Config) -> Result<SdkConfig, InternalError> {
    let credentials = Credentials::new(
        config.required("AWS_ACCESS_KEY_ID")?,
        config.required("AWS_SECRET_ACCESS_KEY")?,
        config.get("AWS_SESSION_TOKEN").map(str::to_owned),
        None,
        "environment",
    );
    let mut sdk = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .http_client(http_client(config))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .region(Region::new(config.required("AWS_REGION")?))
        .timeout_config(timeouts())
        .service_config(ServiceEndpoints(config.service_endpoints()));
    sdk.set_endpoint_url(config.get("AWS_ENDPOINT_URL").map(str::to_owned));
    Ok(sdk.build())
}

/// The custom endpoints of single services, by variable name.
#[derive(Debug)]
struct ServiceEndpoints(BTreeMap<String, String>);

impl LoadServiceConfig for ServiceEndpoints {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let service = key.service_id().to_uppercase().replace(' ', "_");
        self.0.get(&format!("{}_{service}", key.env())).cloned()
    }
}

/// The timeouts. The SDK has no read timeout by default. All attempts together end well before the
/// functions' timeout of 10 seconds.
fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(1))
        .operation_attempt_timeout(Duration::from_secs(2))
        .operation_timeout(Duration::from_secs(5))
        .build()
}

/// The trusted root certificates.
fn trust(config: &Config) -> TlsContext {
    let roots = if config.get("TRUST_STORE") == Some("system") {
        TrustStore::default()
    } else {
        TrustStore::empty().with_pem_certificate(AMAZON_ROOTS)
    };
    TlsContext::builder()
        .with_trust_store(roots)
        .build()
        .unwrap_or_default()
}

fn http_client(config: &Config) -> SharedHttpClient {
    let builder = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring));
    builder.tls_context(trust(config)).build_https()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::AwsClients;

    #[tokio::test]
    async fn both_trust_stores_yield_a_working_tls_client() {
        for store in ["amazon", "system"] {
            let variables = [
                ("AWS_ACCESS_KEY_ID", "key"),
                ("AWS_SECRET_ACCESS_KEY", "secret"),
                ("AWS_REGION", "eu-central-1"),
                ("AWS_ENDPOINT_URL", "https://127.0.0.1:1"),
                ("TRUST_STORE", store),
            ];
            let variables = variables
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()));
            let client = AwsClients::new(&variables.collect::<BTreeMap<_, _>>().into())
                .unwrap()
                .dynamodb();
            let error = client.list_tables().send().await.unwrap_err();
            assert!(
                matches!(error, aws_sdk_dynamodb::error::SdkError::DispatchFailure(_)),
                "{error:?}"
            );
        }
    }
}
