//! CloudFront distributions whose origin is a bucket.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::Value as Json;

use super::{document::Document, names, storage::Bucket};

/// A CloudFront distribution. The gateway serves its objects.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution {
    /// Logical id.
    pub logical: String,
    /// Name of the bucket that is its first origin.
    pub bucket: String,
    /// Key prefixes that the bucket's policy lets it read. The gateway serves `/<prefix>…` from
    /// it; the API and all distributions share one host here.
    pub prefixes: Vec<String>,
    /// Headers that its response headers policy adds.
    pub headers: Vec<(String, String)>,
}

/// Every distribution whose first origin is one of these buckets.
pub(super) fn distributions(document: &Document, buckets: &[Bucket]) -> Result<Vec<Distribution>> {
    let bucket_policies = document.properties::<Json>(names::BUCKET_POLICY)?;
    let headers_policies: BTreeMap<String, Json> = document
        .properties(names::HEADERS_POLICY)?
        .into_iter()
        .collect();
    let distributions = document
        .properties::<Json>(names::DISTRIBUTION)?
        .into_iter()
        .filter_map(|(logical, properties)| {
            let config = &properties["DistributionConfig"];
            let origin = config["Origins"][0]["DomainName"].as_str()?;
            let bucket = buckets
                .iter()
                .find(|bucket| names::bucket_host(&bucket.name) == origin)?;
            let headers = config["DefaultCacheBehavior"]["ResponseHeadersPolicyId"]
                .as_str()
                .and_then(|policy| headers_policies.get(policy))
                .map(added_headers)
                .unwrap_or_default();
            let prefixes = bucket_policies
                .iter()
                .filter(|(_, policy)| policy["Bucket"] == bucket.name.as_str())
                .flat_map(|(_, policy)| readable_prefixes(policy, &bucket.name, &logical))
                .collect();
            Some(Distribution {
                logical,
                bucket: bucket.name.clone(),
                prefixes,
                headers,
            })
        });
    Ok(distributions.collect())
}

/// Key prefixes that a bucket policy lets the distribution read.
///
/// Only patterns `<bucket ARN>/<prefix>*` count. An empty prefix does not: the gateway could serve
/// nothing else.
fn readable_prefixes(policy: &Json, bucket: &str, distribution: &str) -> Vec<String> {
    let objects = format!("{}/", names::bucket_arn(bucket));
    one_or_many(&policy["PolicyDocument"]["Statement"])
        .iter()
        .filter(|statement| allows_read(statement, distribution))
        .flat_map(|statement| one_or_many(&statement["Resource"]))
        .filter_map(|resource| resource.as_str()?.strip_prefix(&objects)?.strip_suffix('*'))
        .filter(|prefix| !prefix.is_empty())
        .map(str::to_owned)
        .collect()
}

/// True if a bucket policy's statement lets this distribution get objects.
fn allows_read(statement: &Json, distribution: &str) -> bool {
    let source = &statement["Condition"]["StringEquals"]["aws:SourceArn"];
    statement["Effect"] == "Allow"
        && statement["Principal"]["Service"] == "cloudfront.amazonaws.com"
        && one_or_many(&statement["Action"]).contains(&"s3:GetObject".into())
        && source
            .as_str()
            .is_none_or(|arn| arn.ends_with(&format!(":distribution/{distribution}")))
}

/// IAM allows a list of one value without its brackets.
fn one_or_many(value: &Json) -> &[Json] {
    value
        .as_array()
        .map_or(std::slice::from_ref(value), Vec::as_slice)
}

/// Headers that a response headers policy adds.
fn added_headers(policy: &Json) -> Vec<(String, String)> {
    let security = &policy["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"];
    let content_type_options = security["ContentTypeOptions"]
        .is_object()
        .then_some("nosniff");
    let content_security_policy =
        security["ContentSecurityPolicy"]["ContentSecurityPolicy"].as_str();
    let max_age = &security["StrictTransportSecurity"]["AccessControlMaxAgeSec"];
    let strict_transport_security = max_age.as_u64().map(|age| format!("max-age={age}"));
    [
        ("x-content-type-options", content_type_options),
        ("content-security-policy", content_security_policy),
        (
            "strict-transport-security",
            strict_transport_security.as_deref(),
        ),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
    .collect()
}

/// Replaces the URL of a distribution by that of the gateway. Other values stay as they are.
pub(super) fn replace_host(
    variable: String,
    distributions: &[Distribution],
    gateway: &str,
) -> String {
    let path = distributions.iter().find_map(|distribution| {
        let host = names::distribution_host(&distribution.logical);
        variable.strip_prefix(&format!("https://{host}"))
    });
    match path {
        Some(path) => format!("{gateway}{path}"),
        None => variable,
    }
}
