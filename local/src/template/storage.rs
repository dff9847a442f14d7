//! The template's tables, buckets, secrets and queues.

use anyhow::Result;
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};
use serde_yaml_ng::Value as Yaml;

use super::{document::Document, name};

/// One DynamoDB table.
#[derive(Debug, Clone)]
pub struct Table {
    /// Its logical id, as `UsersTable`.
    pub logical: String,
    /// Its name.
    pub name: String,
    /// The body of the `CreateTable` call that makes it: key schema, attribute definitions,
    /// indexes, stream.
    pub create: Json,
    /// The attribute that holds when an item expires, in seconds since 1970.
    pub time_to_live: Option<String>,
    /// The ARN of its stream, if it has one.
    pub stream: Option<String>,
}

/// One S3 bucket.
#[derive(Debug, Clone)]
pub struct Bucket {
    /// Its logical id.
    pub logical: String,
    /// Its name.
    pub name: String,
}

/// One secret of Secrets Manager.
#[derive(Debug, Clone)]
pub struct Secret {
    /// Its logical id, as `TokenKey`.
    pub logical: String,
    /// Its name.
    pub name: String,
    /// Its ARN, which is what `!Ref` gives.
    pub arn: String,
    /// The value, where the template says it. Otherwise it is generated.
    pub value: Option<String>,
    /// How to generate the value: the body of a `GetRandomPassword` call.
    pub generate: Json,
    /// The binary of the function that rotates it, where the template has a schedule for that.
    pub rotator: Option<String>,
}

/// One queue of SQS. Only what functions failed to take ends there.
#[derive(Debug, Clone)]
pub struct Queue {
    /// Its logical id.
    pub logical: String,
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
}

/// The properties that `CreateTable` takes as CloudFormation writes them.
const TABLE_PROPERTIES: [&str; 5] = [
    "AttributeDefinitions",
    "KeySchema",
    "GlobalSecondaryIndexes",
    "LocalSecondaryIndexes",
    "BillingMode",
];

pub(super) fn tables(document: &Document) -> Result<Vec<Table>> {
    let tables = document.properties::<Map<String, Json>>(name::TABLE)?;
    tables
        .into_iter()
        .map(|(logical, properties)| {
            let name = document.reference(&logical, &logical)?;
            let mut create: Map<String, Json> = properties
                .iter()
                .filter(|(key, _)| TABLE_PROPERTIES.contains(&key.as_str()))
                .map(owned)
                .collect();
            create.insert("TableName".to_owned(), json!(name));
            // Capacity is nobody's concern here, so that no index needs a throughput.
            create.insert("BillingMode".to_owned(), json!("PAY_PER_REQUEST"));
            let mut stream_arn = None;
            if let Some(view) = properties
                .get("StreamSpecification")
                .and_then(|stream| stream.get("StreamViewType"))
            {
                let stream = json!({ "StreamEnabled": true, "StreamViewType": view });
                create.insert("StreamSpecification".to_owned(), stream);
                stream_arn = Some(name::stream_arn(&name));
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

pub(super) fn buckets(document: &Document) -> Result<Vec<Bucket>> {
    let buckets = document.properties::<Json>(name::BUCKET)?;
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

pub(super) fn secrets(document: &Document) -> Result<Vec<Secret>> {
    let rotations = document.properties::<RotationProperties>(name::ROTATION)?;
    let rotator = |secret: &str| {
        let rotation = rotations
            .iter()
            .find(|(_, rotation)| rotation.secret_id == secret);
        rotation
            .and_then(|(_, rotation)| rotation.function.rsplit(':').next())
            .map(str::to_owned)
    };
    let secrets = document.properties::<SecretProperties>(name::SECRET)?;
    secrets
        .into_iter()
        .map(|(logical, properties)| {
            let arn = document.reference(&logical, &logical)?;
            Ok(Secret {
                name: properties.name.unwrap_or_else(|| logical.clone()),
                rotator: rotator(&arn),
                arn,
                value: properties.secret_string,
                generate: properties.generate_secret_string,
                logical,
            })
        })
        .collect()
}

pub(super) fn queues(document: &Document) -> Result<Vec<Queue>> {
    let queues = document.properties::<Json>(name::QUEUE)?;
    queues
        .into_iter()
        .map(|(logical, _)| {
            let resource = document
                .resources
                .get(logical.as_str())
                .unwrap_or(&Yaml::Null);
            let name = name::name(document, &logical, resource)?;
            Ok(Queue {
                arn: name::arn(document, &logical, resource)?,
                name,
                logical,
            })
        })
        .collect()
}

fn owned((key, value): (&String, &Json)) -> (String, Json) {
    (key.clone(), value.clone())
}
