//! Tables, buckets, secrets and queues.

use anyhow::Result;
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use super::{document::Document, names};

/// A DynamoDB table.
#[derive(Debug, Clone)]
pub struct Table {
    /// Logical id, e.g. `NotesTable`.
    pub logical: String,
    /// Name.
    pub name: String,
    /// Body of its `CreateTable` request: key schema, attribute definitions, indexes, stream.
    pub create: Json,
    /// Name of the attribute with an item's expiry, in seconds since 1970.
    pub time_to_live: Option<String>,
    /// ARN of its stream, if it has one.
    pub stream: Option<String>,
}

/// An S3 bucket.
#[derive(Debug, Clone)]
pub struct Bucket {
    /// Logical id.
    pub logical: String,
    /// Name.
    pub name: String,
}

/// A secret.
#[derive(Debug, Clone)]
pub struct Secret {
    /// Logical id, e.g. `SigningKey`.
    pub logical: String,
    /// Name.
    pub name: String,
    /// ARN: the result of `!Ref`.
    pub arn: String,
    /// Initial value, if the template contains it. Otherwise it is generated.
    pub value: Option<String>,
    /// `GenerateSecretString`: how to generate the initial value.
    pub generate: Json,
    /// Name of its rotation function, if it has a rotation schedule.
    pub rotation_function: Option<String>,
}

/// An SQS queue. Only event sources write to it: their dead letters.
#[derive(Debug, Clone)]
pub struct Queue {
    /// Logical id.
    pub logical: String,
    /// Name.
    pub name: String,
    /// ARN.
    pub arn: String,
}

/// Properties that CloudFormation and `CreateTable` have in common.
const TABLE_PROPERTIES: [&str; 5] = [
    "AttributeDefinitions",
    "KeySchema",
    "GlobalSecondaryIndexes",
    "LocalSecondaryIndexes",
    "BillingMode",
];

/// Every table in the template.
pub(super) fn tables(document: &Document) -> Result<Vec<Table>> {
    let tables = document.properties::<Map<String, Json>>(names::TABLE)?;
    tables
        .into_iter()
        .map(|(logical, properties)| {
            let name = document.reference(&logical, &logical)?;
            let mut create: Map<String, Json> = properties
                .iter()
                .filter(|(key, _)| TABLE_PROPERTIES.contains(&key.as_str()))
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            create.insert("TableName".to_owned(), json!(name));
            // Without provisioned capacity, an index needs no throughput.
            create.insert("BillingMode".to_owned(), json!("PAY_PER_REQUEST"));
            let mut stream_arn = None;
            if let Some(view) = properties
                .get("StreamSpecification")
                .and_then(|stream| stream.get("StreamViewType"))
            {
                let stream = json!({ "StreamEnabled": true, "StreamViewType": view });
                create.insert("StreamSpecification".to_owned(), stream);
                stream_arn = Some(names::stream_arn(&name));
            }
            let time_to_live = properties
                .get("TimeToLiveSpecification")
                .filter(|ttl| ttl["Enabled"] == json!(true));
            let time_to_live = time_to_live
                .and_then(|ttl| ttl["AttributeName"].as_str())
                .map(str::to_owned);
            Ok(Table {
                logical,
                name,
                create: Json::Object(create),
                time_to_live,
                stream: stream_arn,
            })
        })
        .collect()
}

/// Every bucket in the template.
pub(super) fn buckets(document: &Document) -> Result<Vec<Bucket>> {
    let buckets = document.properties::<Json>(names::BUCKET)?;
    buckets
        .into_iter()
        .map(|(logical, _)| {
            Ok(Bucket {
                name: document.reference(&logical, &logical)?,
                logical,
            })
        })
        .collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SecretProperties {
    name: Option<String>,
    secret_string: Option<String>,
    #[serde(default)]
    generate_secret_string: Json,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RotationProperties {
    secret_id: String,
    #[serde(rename = "RotationLambdaARN")]
    function: String,
}

/// Every secret in the template.
pub(super) fn secrets(document: &Document) -> Result<Vec<Secret>> {
    let rotations = document.properties::<RotationProperties>(names::ROTATION)?;
    let rotation_function = |secret: &str| {
        let rotation = rotations
            .iter()
            .find(|(_, rotation)| rotation.secret_id == secret);
        rotation
            .and_then(|(_, rotation)| rotation.function.rsplit(':').next())
            .map(str::to_owned)
    };
    let secrets = document.properties::<SecretProperties>(names::SECRET)?;
    secrets
        .into_iter()
        .map(|(logical, properties)| {
            let arn = document.reference(&logical, &logical)?;
            Ok(Secret {
                name: properties.name.unwrap_or_else(|| logical.clone()),
                rotation_function: rotation_function(&arn),
                arn,
                value: properties.secret_string,
                generate: properties.generate_secret_string,
                logical,
            })
        })
        .collect()
}

/// Every queue in the template.
pub(super) fn queues(document: &Document) -> Result<Vec<Queue>> {
    let queues = document.properties::<Json>(names::QUEUE)?;
    queues
        .into_iter()
        .map(|(logical, _)| {
            Ok(Queue {
                name: document.attribute(&logical, "QueueName", &logical)?,
                arn: document.attribute(&logical, "Arn", &logical)?,
                logical,
            })
        })
        .collect()
}
