//! A function of the template: its binary, its surroundings, what leads to it and its grants.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Deserializer, de::Error};
use serde_json::Value as Json;

use super::{
    Distribution, Queue, RequestContext, StreamSource, Table, distribution, document::Document,
    name, source, statement, statement::Statement,
};

/// One Lambda function.
#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    /// Its logical id, as `CenterLogin`.
    pub logical: String,
    /// The name of its binary, as `center-login`. It also signs its AWS calls with it.
    pub name: String,
    /// Memory, in MiB. Only told to the function; nothing limits it here.
    pub memory: u32,
    /// How long one invocation may take.
    pub timeout: Duration,
    /// How many instances may run at once, where the template says.
    pub reserved: Option<usize>,
    /// The environment variables that the template gives it.
    pub variables: BTreeMap<String, String>,
    /// What it may do.
    pub statements: Vec<Statement>,
    /// What it may do at most, where the template says: the statements of its boundary.
    pub boundary: Option<Vec<Statement>>,
    /// The routes that lead to it.
    pub routes: Vec<Route>,
    /// The streams that lead to it.
    pub sources: Vec<StreamSource>,
}

/// One route of the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// `GET`, …, or `ANY`.
    pub method: String,
    /// `/users/{id}`, `/files/{path+}`, or `$default`.
    pub path: String,
    /// The name of the binary that answers.
    pub function: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Properties {
    #[serde(default = "least_memory", deserialize_with = "number")]
    memory_size: u32,
    #[serde(default = "least_timeout", deserialize_with = "number")]
    timeout: u32,
    #[serde(default)]
    reserved_concurrent_executions: Option<Json>,
    #[serde(default)]
    environment: Environment,
    #[serde(default)]
    policies: Json,
    permissions_boundary: Option<String>,
    #[serde(default)]
    events: BTreeMap<String, Event>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct Environment {
    #[serde(default)]
    variables: BTreeMap<String, Json>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Event {
    r#type: String,
    #[serde(default)]
    properties: Json,
}

/// Every function of the document, which has these tables and queues.
pub(super) fn all(
    document: &Document,
    tables: &[Table],
    queues: &[Queue],
    distributions: &[Distribution],
) -> Result<Vec<Function>> {
    let managed = statement::managed(document)?;
    let functions = document.properties::<Properties>(name::FUNCTION)?;
    functions
        .into_iter()
        .map(|(logical, properties)| {
            let name = document.reference(&logical, &logical)?;
            let place = format!("Resources.{logical}.Properties.Events");
            let events = |kind: &'static str| {
                properties
                    .events
                    .iter()
                    .filter(move |(_, event)| event.r#type == kind)
            };
            let source = |(event, found): (&String, &Event)| {
                source::read(
                    event,
                    &found.properties,
                    tables,
                    queues,
                    &format!("{place}.{event}.Properties"),
                )
            };
            let boundary = properties.permissions_boundary.as_ref().map(|arn| {
                let found = managed.get(arn).cloned();
                found.with_context(|| format!("Resources.{logical}: there is no boundary {arn}"))
            });
            let reserved = properties
                .reserved_concurrent_executions
                .as_ref()
                .map(whole)
                .transpose();
            let function = Function {
                memory: properties.memory_size,
                timeout: Duration::from_secs(properties.timeout.into()),
                reserved: reserved
                    .context("ReservedConcurrentExecutions")?
                    .map(|number| number as usize),
                variables: properties
                    .environment
                    .variables
                    .iter()
                    .map(|(k, v)| {
                        (
                            k.clone(),
                            distribution::reached(plain(v), distributions, &document.gateway),
                        )
                    })
                    .collect(),
                statements: statement::granted(&properties.policies, &managed)
                    .with_context(|| format!("Resources.{logical}.Properties.Policies"))?,
                boundary: boundary.transpose()?,
                routes: events("HttpApi")
                    .map(|(_, event)| route(&event.properties, &name))
                    .collect::<Result<_>>()
                    .with_context(|| place.clone())?,
                sources: events("DynamoDB")
                    .filter_map(|event| source(event).transpose())
                    .collect::<Result<_>>()?,
                logical,
                name,
            };
            follows(&function)?;
            Ok(function)
        })
        .collect()
}

/// SAM grants a function the streams that it follows; its boundary must leave it them.
fn follows(function: &Function) -> Result<()> {
    let (Some(boundary), context) = (&function.boundary, RequestContext::new()) else {
        return Ok(());
    };
    for source in &function.sources {
        for action in ["DescribeStream", "GetRecords", "GetShardIterator"] {
            let action = format!("dynamodb:{action}");
            let mut allowing = boundary
                .iter()
                .filter(|statement| statement.effect == "Allow");
            let left =
                allowing.any(|statement| statement.covers(&action, &source.stream, &context));
            let logical = &function.logical;
            ensure!(
                left,
                "Resources.{logical}: its boundary does not allow {action} on {}",
                source.stream
            );
        }
    }
    Ok(())
}

/// An event with neither path nor method is the `$default` route.
fn route(properties: &Json, function: &str) -> Result<Route> {
    let text = |key: &str| properties.get(key).and_then(Json::as_str);
    let (method, path) = match (text("Method"), text("Path")) {
        (None, None) => ("ANY".to_owned(), "$default"),
        (Some(method), Some(path)) => (
            method
                .to_uppercase()
                .replace("X-AMAZON-APIGATEWAY-ANY-METHOD", "ANY"),
            path,
        ),
        _ => bail!("an HttpApi event has a Path and a Method, or neither"),
    };
    Ok(Route {
        method,
        path: path.to_owned(),
        function: function.to_owned(),
    })
}

/// A value as CloudFormation hands it on: as text.
pub(super) fn plain(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A number, also as the text that a parameter is.
pub(super) fn whole(value: &Json) -> Result<u32> {
    let text = plain(value);
    text.parse()
        .with_context(|| format!("{text} is no whole number"))
}

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    whole(&Json::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// SAM's default.
fn least_memory() -> u32 {
    128
}

/// SAM's default.
fn least_timeout() -> u32 {
    3
}
