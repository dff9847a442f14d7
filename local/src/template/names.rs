//! Names that AWS derives: ARNs, hosts, resource types and pseudo parameters.

/// Region of every resource.
pub const REGION: &str = "us-east-1";
/// Account id of every resource.
pub(crate) const ACCOUNT: &str = "000000000000";

pub(super) const FUNCTION: &str = "AWS::Serverless::Function";
pub(super) const TABLE: &str = "AWS::DynamoDB::Table";
pub(super) const BUCKET: &str = "AWS::S3::Bucket";
pub(super) const BUCKET_POLICY: &str = "AWS::S3::BucketPolicy";
pub(super) const SECRET: &str = "AWS::SecretsManager::Secret";
pub(super) const ROTATION: &str = "AWS::SecretsManager::RotationSchedule";
pub(super) const QUEUE: &str = "AWS::SQS::Queue";
pub(super) const API: &str = "AWS::Serverless::HttpApi";
pub(super) const DISTRIBUTION: &str = "AWS::CloudFront::Distribution";
pub(super) const HEADERS_POLICY: &str = "AWS::CloudFront::ResponseHeadersPolicy";
pub(super) const MANAGED_POLICY: &str = "AWS::IAM::ManagedPolicy";

/// Value of a pseudo parameter, e.g. `AWS::Region`.
pub(super) fn pseudo_parameter(name: &str, stack: &str) -> Option<String> {
    Some(match name {
        "AWS::Region" => REGION.to_owned(),
        "AWS::AccountId" => ACCOUNT.to_owned(),
        "AWS::Partition" => "aws".to_owned(),
        "AWS::URLSuffix" => "amazonaws.com".to_owned(),
        "AWS::StackName" => stack.to_owned(),
        "AWS::StackId" => format!("arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{stack}/0"),
        _ => return None,
    })
}

/// ARN of a resource of this type and name.
pub(super) fn arn(resource_type: &str, name: &str) -> String {
    match resource_type {
        FUNCTION => function_arn(name),
        TABLE => table_arn(name),
        BUCKET => bucket_arn(name),
        // On AWS, a secret's ARN ends with six random characters. Here they are constant, so that
        // the ARN stays valid after a restart.
        SECRET => format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}-000000"),
        MANAGED_POLICY => format!("arn:aws:iam::{ACCOUNT}:policy/{name}"),
        other => {
            let service = other.split("::").nth(1).unwrap_or("local").to_lowercase();
            format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{name}")
        }
    }
}

/// ARN of a function.
pub(crate) fn function_arn(name: &str) -> String {
    format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}")
}

/// ARN of a table.
pub(crate) fn table_arn(name: &str) -> String {
    format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}")
}

/// ARN of a table's stream. On AWS its label is a timestamp; here it is constant.
pub(super) fn stream_arn(table: &str) -> String {
    format!("{}/stream/local", table_arn(table))
}

/// ARN of a bucket.
pub(super) fn bucket_arn(bucket: &str) -> String {
    format!("arn:aws:s3:::{bucket}")
}

/// URL of a queue.
pub(super) fn queue_url(queue: &str) -> String {
    format!("https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{queue}")
}

/// Host name of a bucket.
pub(super) fn bucket_host(bucket: &str) -> String {
    format!("{bucket}.s3.{REGION}.amazonaws.com")
}

/// Host name of a distribution.
pub(super) fn distribution_host(logical: &str) -> String {
    format!("{}.cloudfront.net", logical.to_lowercase())
}
