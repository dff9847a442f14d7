//! Lambda functions: binary, environment, permissions, routes and event sources.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Deserializer, de::Error};
use serde_json::Value as Json;

use super::{
    distribution::{self, Distribution},
    document::{Document, json_text, parse_u32},
    names,
    policy::{self, RequestContext, Statement},
    storage::{Queue, Table},
    stream_source::{self, StreamSource},
};

/// A Lambda function.
#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    /// Logical id, e.g. `CreateNote`.
    pub logical: String,
    /// Name of its binary, e.g. `create-note`. It is also the access key id of its AWS calls.
    pub name: String,
    /// Memory size in MiB. The function can read it; nothing enforces it.
    pub memory: u32,
    /// Timeout of one invocation.
    pub timeout: Duration,
    /// Reserved concurrency, if the template sets one.
    pub reserved_concurrency: Option<usize>,
    /// Environment variables.
    pub variables: BTreeMap<String, String>,
    /// Statements of its policies.
    pub statements: Vec<Statement>,
    /// Statements of its permissions boundary, if it has one.
    pub boundary: Option<Vec<Statement>>,
    /// Routes that invoke it.
    pub routes: Vec<Route>,
    /// Streams whose records it is invoked with.
    pub sources: Vec<StreamSource>,
}

/// A route of the HTTP API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// HTTP method, or `ANY`.
    pub method: String,
    /// Path, e.g. `/users/{id}` or `/files/{path+}`, or `$default`.
    pub path: String,
    /// Name of the function.
    pub function: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Properties {
    #[serde(default = "default_memory", deserialize_with = "number")]
    memory_size: u32,
    #[serde(default = "default_timeout", deserialize_with = "number")]
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

/// Every function in the template.
pub(super) fn functions(
    document: &Document,
    tables: &[Table],
    queues: &[Queue],
    distributions: &[Distribution],
) -> Result<Vec<Function>> {
    let managed = policy::managed_policies(document)?;
    let function = |(logical, properties): (String, Properties)| {
        let name = document.reference(&logical, &logical)?;
        let path = format!("Resources.{logical}.Properties");
        let events_path = format!("{path}.Events");
        let events = |wanted: &'static str| {
            properties
                .events
                .iter()
                .filter(move |(_, event)| event.r#type == wanted)
        };
        let source = |(name, event): (&String, &Event)| {
            let path = format!("{events_path}.{name}.Properties");
            stream_source::parse(name, &event.properties, tables, queues, &path)
        };
        let boundary = properties.permissions_boundary.as_ref().map(|arn| {
            let statements = managed.get(arn).cloned();
            statements.with_context(|| {
                format!("{path}.PermissionsBoundary: the template does not define {arn}")
            })
        });
        let reserved = properties.reserved_concurrent_executions.as_ref();
        let reserved = reserved.map(parse_u32).transpose();
        let variable = |(name, value): (&String, &Json)| {
            let value = json_text(value);
            let value = distribution::replace_host(value, distributions, &document.api_url);
            (name.clone(), value)
        };
        let function = Function {
            memory: properties.memory_size,
            timeout: Duration::from_secs(properties.timeout.into()),
            reserved_concurrency: reserved
                .with_context(|| format!("{path}.ReservedConcurrentExecutions"))?
                .map(|number| number as usize),
            variables: properties
                .environment
                .variables
                .iter()
                .map(variable)
                .collect(),
            statements: policy::function_statements(&properties.policies, &managed)
                .with_context(|| format!("{path}.Policies"))?,
            boundary: boundary.transpose()?,
            routes: events("HttpApi")
                .map(|(_, event)| route(&event.properties, &name))
                .collect::<Result<_>>()
                .with_context(|| events_path.clone())?,
            sources: events("DynamoDB")
                .filter_map(|event| source(event).transpose())
                .collect::<Result<_>>()?,
            logical,
            name,
        };
        check_boundary(&function)?;
        Ok(function)
    };
    document
        .properties::<Properties>(names::FUNCTION)?
        .into_iter()
        .map(function)
        .collect()
}

/// Checks that the boundary allows reading the streams. SAM grants that without a statement in the
/// template.
fn check_boundary(function: &Function) -> Result<()> {
    let (Some(boundary), context) = (&function.boundary, RequestContext::new()) else {
        return Ok(());
    };
    for source in &function.sources {
        for action in ["DescribeStream", "GetRecords", "GetShardIterator"] {
            let action = format!("dynamodb:{action}");
            let is_allowed = boundary
                .iter()
                .filter(|statement| statement.effect == "Allow")
                .any(|statement| statement.covers(&action, &source.stream, &context));
            ensure!(
                is_allowed,
                "Resources.{}: its boundary does not allow {action} on {}",
                function.logical,
                source.stream
            );
        }
    }
    Ok(())
}

/// The route of an `HttpApi` event. Without path and method, it is the `$default` route.
fn route(properties: &Json, function: &str) -> Result<Route> {
    let property = |key: &str| properties.get(key).and_then(Json::as_str);
    let (method, path) = match (property("Method"), property("Path")) {
        (None, None) => ("ANY".to_owned(), "$default"),
        (Some(method), Some(path)) => {
            let method = method.to_uppercase();
            (
                method.replace("X-AMAZON-APIGATEWAY-ANY-METHOD", "ANY"),
                path,
            )
        }
        _ => bail!("an HttpApi event needs both Path and Method, or neither"),
    };
    Ok(Route {
        method,
        path: path.to_owned(),
        function: function.to_owned(),
    })
}

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    parse_u32(&Json::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// SAM's default, in MiB.
fn default_memory() -> u32 {
    128
}

/// SAM's default, in seconds.
fn default_timeout() -> u32 {
    3
}
