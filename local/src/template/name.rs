//! What resources are called: names and ARNs.

use anyhow::{Context, Result};
use serde_yaml_ng::Value as Yaml;

use super::document::{Document, scalar};

/// The region everything stands in.
pub const REGION: &str = "us-east-1";
pub(crate) const ACCOUNT: &str = "000000000000";

pub(super) const FUNCTION: &str = "AWS::Serverless::Function";
pub(super) const TABLE: &str = "AWS::DynamoDB::Table";
pub(super) const BUCKET: &str = "AWS::S3::Bucket";
pub(super) const SECRET: &str = "AWS::SecretsManager::Secret";
pub(super) const ROTATION: &str = "AWS::SecretsManager::RotationSchedule";
pub(super) const QUEUE: &str = "AWS::SQS::Queue";
pub(super) const API: &str = "AWS::Serverless::HttpApi";
pub(super) const DISTRIBUTION: &str = "AWS::CloudFront::Distribution";
pub(super) const HEADERS: &str = "AWS::CloudFront::ResponseHeadersPolicy";
pub(super) const POLICY: &str = "AWS::IAM::ManagedPolicy";

/// The value of a pseudo parameter, such as `AWS::Region`.
pub(super) fn pseudo(name: &str) -> Option<&'static str> {
    match name {
        "AWS::Region" => Some(REGION),
        "AWS::AccountId" => Some(ACCOUNT),
        "AWS::Partition" => Some("aws"),
        "AWS::URLSuffix" => Some("amazonaws.com"),
        "AWS::StackName" => Some("accounts"),
        "AWS::StackId" => Some("arn:aws:cloudformation:us-east-1:000000000000:stack/local/0"),
        _ => None,
    }
}

/// What `!Ref` gives: the ARN of a secret or a policy, the URL of a queue, the name of
/// anything else.
pub(super) fn reference(document: &Document, logical: &str, resource: &Yaml) -> Result<String> {
    match kind(resource) {
        SECRET | POLICY => arn(document, logical, resource),
        QUEUE => name(document, logical, resource)
            .map(|name| format!("https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{name}")),
        _ => name(document, logical, resource),
    }
}

/// What `!GetAtt logical.Arn` gives.
pub(super) fn arn(document: &Document, logical: &str, resource: &Yaml) -> Result<String> {
    let name = name(document, logical, resource)?;
    Ok(match kind(resource) {
        FUNCTION => function_arn(&name),
        TABLE => table_arn(&name),
        BUCKET => format!("arn:aws:s3:::{name}"),
        // AWS ends a secret's ARN with six random characters. Ours are always the same, so
        // that they are still true after a restart.
        SECRET => format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}-000000"),
        POLICY => format!("arn:aws:iam::{ACCOUNT}:policy/{name}"),
        other => {
            let service = other.split("::").nth(1).unwrap_or("local").to_lowercase();
            format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{name}")
        }
    })
}

/// Where a bucket answers.
pub(super) fn bucket_host(bucket: &str) -> String {
    format!("{bucket}.s3.{REGION}.amazonaws.com")
}

/// Where a distribution answers.
pub(super) fn distribution_host(logical: &str) -> String {
    format!("{}.cloudfront.net", logical.to_lowercase())
}

pub(crate) fn table_arn(name: &str) -> String {
    format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}")
}

/// The stream's label is the same after every start; AWS has a time there.
pub(super) fn stream_arn(table: &str) -> String {
    format!("{}/stream/local", table_arn(table))
}

pub(crate) fn function_arn(name: &str) -> String {
    format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}")
}

/// The name that the template gives, or else the logical id. A function is called after its
/// binary, because that is what it signs its calls with.
pub(super) fn name(document: &Document, logical: &str, resource: &Yaml) -> Result<String> {
    let property = match kind(resource) {
        FUNCTION => return binary(logical, resource),
        TABLE => "TableName",
        BUCKET => "BucketName",
        SECRET => "Name",
        POLICY => "ManagedPolicyName",
        QUEUE => "QueueName",
        _ => return Ok(logical.to_owned()),
    };
    if let Some(given) = resource
        .get("Properties")
        .and_then(|properties| properties.get(property))
    {
        let place = format!("Resources.{logical}.Properties.{property}");
        let given = document.resolve(given, &place)?;
        return given
            .as_str()
            .map(str::to_owned)
            .with_context(|| format!("{place}: a name is a text"));
    }
    match kind(resource) {
        BUCKET => Ok(logical.to_lowercase()), // S3 takes no capitals
        _ => Ok(logical.to_owned()),
    }
}

/// `Metadata.BuildProperties.Binary` of a function.
pub(super) fn binary(logical: &str, resource: &Yaml) -> Result<String> {
    resource
        .get("Metadata")
        .and_then(|metadata| metadata.get("BuildProperties"))
        .and_then(|properties| properties.get("Binary"))
        .and_then(scalar)
        .with_context(|| format!("Resources.{logical}.Metadata.BuildProperties.Binary is missing"))
}

pub(super) fn kind(resource: &Yaml) -> &str {
    resource
        .get("Type")
        .and_then(Yaml::as_str)
        .unwrap_or_default()
}
