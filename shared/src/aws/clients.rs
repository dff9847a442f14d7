//! Clients of the AWS services: credentials, endpoints and timeouts.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::config::endpoint::{Endpoint, EndpointFuture, SharedEndpointResolver};
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{
    BehaviorVersion, IdentityCache, Region, StalledStreamProtectionConfig,
};
use aws_smithy_runtime_api::client::endpoint::{EndpointResolverParams, ResolveEndpoint};
use aws_types::SdkConfig;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

use super::capacity::CapacityInterceptor;
use super::http_client::PooledClient;
use super::sdk_headers::ShortHeaders;
use super::signer::PostSigner;
use crate::aws::Config;
use crate::domain::InternalError;

/// The clients of the AWS services, all with the same configuration.
///
/// It is built when the first client is needed. So a function that needs none links neither the SDK
/// nor TLS.
pub struct AwsClients {
    config: Config,
    region: Region,
    credentials: Credentials,
    base: OnceLock<Base>,
}

/// What the clients share.
struct Base {
    http_client: PooledClient,
    sdk: SdkConfig,
}

impl AwsClients {
    /// # Errors
    /// If a variable that Lambda always sets is missing: the region or the credentials.
    pub(crate) fn new(config: &Config) -> Result<Self, InternalError> {
        Ok(Self {
            config: config.clone(),
            region: Region::new(config.required("AWS_REGION")?),
            credentials: Credentials::new(
                config.required("AWS_ACCESS_KEY_ID")?,
                config.required("AWS_SECRET_ACCESS_KEY")?,
                config.get("AWS_SESSION_TOKEN").map(str::to_owned),
                None,
                "environment",
            ),
            base: OnceLock::new(),
        })
    }

    /// A DynamoDB client. Its calls are counted for the log.
    #[must_use]
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        let mut config = aws_sdk_dynamodb::config::Builder::from(self.sdk())
            .push_auth_scheme(PostSigner::default())
            .interceptor(ShortHeaders)
            .interceptor(CapacityInterceptor);
        config.set_endpoint_resolver(self.endpoint("DYNAMODB", "dynamodb"));
        aws_sdk_dynamodb::Client::from_conf(config.build())
    }

    /// A Secrets Manager client.
    #[must_use]
    pub fn secrets_manager(&self) -> aws_sdk_secretsmanager::Client {
        let mut config = aws_sdk_secretsmanager::config::Builder::from(self.sdk())
            .push_auth_scheme(PostSigner::default())
            .interceptor(ShortHeaders);
        config.set_endpoint_resolver(self.endpoint("SECRETS_MANAGER", "secretsmanager"));
        aws_sdk_secretsmanager::Client::from_conf(config.build())
    }

    /// An S3 client. With a custom endpoint, it uses path-style addressing.
    #[must_use]
    pub fn s3(&self) -> aws_sdk_s3::Client {
        let custom_endpoint = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]
            .into_iter()
            .any(|name| self.config.get(name).is_some());
        let config =
            aws_sdk_s3::config::Builder::from(self.sdk()).force_path_style(custom_endpoint);
        aws_sdk_s3::Client::from_conf(config.build())
    }

    /// An SES client.
    #[must_use]
    pub fn ses(&self) -> aws_sdk_ses::Client {
        aws_sdk_ses::Client::new(self.sdk())
    }

    /// The endpoint of a service. `None` leaves it to the SDK's rules.
    ///
    /// The SDK parses them and the list of all partitions for each client: 4 % of a cold start.
    fn endpoint(&self, variable: &str, service: &str) -> Option<SharedEndpointResolver> {
        let custom = self.config.get(&format!("AWS_ENDPOINT_URL_{variable}"));
        let url = match custom.or_else(|| self.config.get("AWS_ENDPOINT_URL")) {
            Some(url) => url.to_owned(),
            None => public_endpoint(service, self.region.as_ref())?,
        };
        let endpoint = Endpoint::builder().url(url).build();
        Some(SharedEndpointResolver::new(FixedEndpoint(endpoint)))
    }

    /// The HTTP client, for presigned URLs.
    pub(crate) fn http_client(&self) -> PooledClient {
        self.base().http_client.clone()
    }

    fn sdk(&self) -> &SdkConfig {
        &self.base().sdk
    }

    fn base(&self) -> &Base {
        self.base.get_or_init(|| {
            let http_client = PooledClient::new(&self.config);
            let credentials = SharedCredentialsProvider::new(self.credentials.clone());
            let mut sdk = SdkConfig::builder()
                .behavior_version(BehaviorVersion::v2026_01_12())
                .http_client(http_client.clone())
                .credentials_provider(credentials)
                .region(self.region.clone())
                .timeout_config(timeouts())
                // Lambda gives a process its credentials once, and the timeouts end a stalled response.
                .identity_cache(IdentityCache::no_cache())
                .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
                .service_config(ServiceEndpoints(self.config.service_endpoints()));
            sdk.set_endpoint_url(self.config.get("AWS_ENDPOINT_URL").map(str::to_owned));
            Base {
                http_client,
                sdk: sdk.build(),
            }
        })
    }
}

/// The endpoint of `service` in a region of the partitions `aws`, `aws-cn` and `aws-us-gov`.
/// `None` in other partitions (<https://docs.aws.amazon.com/general/latest/gr/rande.html>).
fn public_endpoint(service: &str, region: &str) -> Option<String> {
    let (area, _) = region.split_once('-')?;
    let is_isolated = region.starts_with("us-iso") || region.starts_with("eu-iso");
    match area {
        "cn" => Some(format!("https://{service}.{region}.amazonaws.com.cn")),
        "af" | "ap" | "ca" | "eu" | "il" | "me" | "mx" | "sa" | "us" if !is_isolated => {
            Some(format!("https://{service}.{region}.amazonaws.com"))
        }
        _ => None,
    }
}

/// One endpoint for all requests.
#[derive(Debug)]
struct FixedEndpoint(Endpoint);

impl ResolveEndpoint for FixedEndpoint {
    fn resolve_endpoint<'a>(&'a self, _: &'a EndpointResolverParams) -> EndpointFuture<'a> {
        EndpointFuture::ready(Ok(self.0.clone()))
    }
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

/// The timeouts, besides that of a connection. The SDK has no read timeout by default. All attempts together end well before the
/// functions' timeout of 10 seconds.
fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .operation_attempt_timeout(Duration::from_secs(2))
        .operation_timeout(Duration::from_secs(5))
        .build()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{AwsClients, public_endpoint};

    #[test]
    fn an_endpoint_is_known_in_three_partitions_only() {
        for (region, expected) in [
            ("eu-central-1", Some("https://s.eu-central-1.amazonaws.com")),
            (
                "us-gov-west-1",
                Some("https://s.us-gov-west-1.amazonaws.com"),
            ),
            ("cn-north-1", Some("https://s.cn-north-1.amazonaws.com.cn")),
            ("us-isob-east-1", None),
            ("eusc-de-east-1", None),
        ] {
            assert_eq!(public_endpoint("s", region).as_deref(), expected);
        }
    }

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
