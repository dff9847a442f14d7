//! CloudFront distributions of the template: whose objects they serve, and with which headers.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::Value as Json;

use super::{Bucket, document::Document, name};

/// One distribution. The gateway plays it.
#[derive(Debug, Clone)]
pub struct Distribution {
    /// Its logical id, as `AvatarsDistribution`.
    pub logical: String,
    /// The name of the bucket that is its origin.
    pub bucket: String,
    /// The headers that its response headers policy adds.
    pub headers: Vec<(String, String)>,
}

/// Every distribution whose first origin is one of these buckets.
pub(super) fn distributions(document: &Document, buckets: &[Bucket]) -> Result<Vec<Distribution>> {
    let policies: BTreeMap<String, Json> =
        document.properties(name::HEADERS)?.into_iter().collect();
    let found = document
        .properties::<Json>(name::DISTRIBUTION)?
        .into_iter()
        .filter_map(|(logical, given)| {
            let config = &given["DistributionConfig"];
            let origin = config["Origins"][0]["DomainName"].as_str()?;
            let bucket = buckets
                .iter()
                .find(|bucket| name::bucket_host(&bucket.name) == origin)?;
            let policy = config["DefaultCacheBehavior"]["ResponseHeadersPolicyId"].as_str();
            let headers = policy
                .and_then(|policy| policies.get(policy))
                .map(headers)
                .unwrap_or_default();
            Some(Distribution {
                logical,
                bucket: bucket.name.clone(),
                headers,
            })
        });
    Ok(found.collect())
}

/// What a response headers policy adds.
fn headers(policy: &Json) -> Vec<(String, String)> {
    let security = &policy["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"];
    let nosniff = security["ContentTypeOptions"]
        .is_object()
        .then_some("nosniff");
    let content = security["ContentSecurityPolicy"]["ContentSecurityPolicy"].as_str();
    let named = [
        ("x-content-type-options", nosniff),
        ("content-security-policy", content),
    ];
    named
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
        .collect()
}

/// A variable as a function gets it here: where it is the URL of a distribution, that of the
/// gateway, which plays it.
pub(super) fn reached(variable: String, distributions: &[Distribution], gateway: &str) -> String {
    let path = distributions.iter().find_map(|distribution| {
        variable.strip_prefix(&format!(
            "https://{}",
            name::distribution_host(&distribution.logical)
        ))
    });
    match path {
        Some(path) => format!("{gateway}{path}"),
        None => variable,
    }
}
