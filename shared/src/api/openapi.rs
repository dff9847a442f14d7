//! The OpenAPI 3.1 description of the API.
//!
//! An endpoint declares its path, body, result and own errors. This module adds the family's
//! envelope to each result, and renders each error as the response that a client gets.

#![expect(
    clippy::indexing_slicing,
    reason = "indexing a JSON value adds the member, and a test builds the whole description"
)]

mod error_responses;
mod example;
mod family_spec;

use serde_json::{Map, Value, json};

use error_responses::error_responses;
use example::example;
use family_spec::FamilySpec;

use crate::api::Endpoint;
use crate::domain::ErrorCode;

/// Completes `document`, which `utoipa` collects from the endpoints' attributes.
///
/// The endpoints' declarations add names, envelopes, errors and examples.
#[must_use]
pub fn finish(mut document: Value, endpoints: &[Endpoint]) -> Value {
    let mut components = take(&mut document, "components");
    let mut paths = take(&mut document, "paths");
    for endpoint in endpoints {
        let method = endpoint.method.to_string().to_lowercase();
        let operation = &mut paths[endpoint.path][&method];
        describe(operation, endpoint);
        parameters(operation);
        if let Some(spec) = FamilySpec::at(endpoint.path) {
            let errors = errors(operation, spec, endpoint);
            sparse_fields(operation, spec, &mut components);
            succeed(operation, spec, endpoint, &components);
            error_responses(operation, spec, &errors, &mut components);
        }
    }
    components["securitySchemes"] = security_schemes();
    components["headers"] = headers();
    components["parameters"] = json!({ "Fields": {
        "name": "fields", "in": "query", "schema": { "type": "string" },
        "description": "Which fields of an object are wanted, with commas between; unknown ones are ignored.",
    } });
    document["servers"] = json!([{ "url": "/" }]);
    document["security"] = json!([]);
    document["paths"] = paths;
    document["components"] = components;
    document
}

/// Fills summary, description, tag and `operationId` from the declaration.
fn describe(operation: &mut Value, endpoint: &Endpoint) {
    let mut paragraphs = endpoint
        .documentation
        .splitn(2, "\n\n")
        .map(|paragraph| paragraph.replace('\n', " "));
    operation["tags"] = json!([endpoint.folder()]);
    operation["operationId"] = format!("{}{}", endpoint.folder(), camel(endpoint.file())).into();
    operation["summary"] = paragraphs
        .next()
        .map(|summary| capital(summary.trim_end_matches('.')))
        .into();
    match paragraphs.next() {
        Some(description) => operation["description"] = description.into(),
        None => drop(take(operation, "description")),
    }
}

/// Removes `null` from the types of query parameters: an optional one is omitted, never `null`.
fn parameters(operation: &mut Value) {
    for parameter in operation
        .get_mut("parameters")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        let Some(kind) = parameter.pointer_mut("/schema/type") else {
            continue;
        };
        if let Some(one) = kind.as_array().and_then(|kinds| kinds.first()).cloned() {
            *kind = one;
        }
    }
}

/// All errors of the operation: the endpoint's own first, then its family's.
fn errors(operation: &Value, spec: &FamilySpec, endpoint: &Endpoint) -> Vec<ErrorCode> {
    let mut errors = endpoint.errors.to_vec();
    let bodies = operation
        .pointer("/requestBody/content")
        .and_then(Value::as_object);
    if let Some(bodies) = bodies {
        let with_body = spec
            .with_body
            .iter()
            .filter(|code| !bodies.contains_key(FORM) || **code != ErrorCode::Invalid);
        errors.extend(with_body);
    }
    let authenticated = operation.get("security").and_then(Value::as_array);
    if authenticated.is_some_and(|ways| !ways.contains(&json!({}))) {
        errors.extend([ErrorCode::BadToken, ErrorCode::ExpiredToken]);
    }
    errors.push(ErrorCode::Internal);
    errors
}

/// The media type of an upload. Other fields of the form are ignored.
const FORM: &str = "multipart/form-data";

/// Adds the parameter `fields`, if the result contains an object whose fields clients can select.
///
/// The fields of such an object are then not required.
fn sparse_fields(operation: &mut Value, spec: &FamilySpec, components: &mut Value) {
    let result = operation
        .pointer("/responses/200")
        .map(Value::to_string)
        .unwrap_or_default();
    for name in spec
        .sparse_schemas
        .iter()
        .filter(|name| result.contains(&format!("/{name}\"")))
    {
        take(&mut components["schemas"][name], "required");
        let parameters = take(operation, "parameters")
            .as_array()
            .cloned()
            .unwrap_or_default();
        let fields = json!({ "$ref": "#/components/parameters/Fields" });
        operation["parameters"] = parameters.into_iter().chain([fields]).collect();
    }
}

/// Puts the schema of the endpoint's result into the family's envelope, with an example.
fn succeed(operation: &mut Value, spec: &FamilySpec, endpoint: &Endpoint, components: &Value) {
    let result = operation
        .pointer_mut("/responses/200/content/application~1json/schema")
        .map(Value::take);
    let schema = (spec.envelope)(result, endpoint);
    let example = example(&schema, components);
    let content = json!({ "schema": schema, "examples": { "success": { "value": example } } });
    operation["responses"]["200"] =
        json!({ "description": "Success", "content": { "application/json": content } });
}

fn security_schemes() -> Value {
    json!({
        "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" },
        "token": { "type": "apiKey", "in": "query", "name": "token" },
    })
}

fn headers() -> Value {
    json!({
        "retry-after": {
            "description": "Seconds until it is worth trying again.", "required": true,
            "schema": { "type": "integer", "minimum": 0 },
        },
        "www-authenticate": {
            "description": "How to say who is calling (RFC 6750).", "required": true,
            "schema": { "type": "string" }, "example": "Bearer",
        },
    })
}

/// Removes the member `name` and returns it. `null` if there is none.
fn take(object: &mut Value, name: &str) -> Value {
    object
        .as_object_mut()
        .and_then(|object: &mut Map<String, Value>| object.remove(name))
        .unwrap_or_default()
}

/// `too_many` becomes `TooMany`.
fn camel(name: &str) -> String {
    name.split('_').map(capital).collect()
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .chain(chars)
        .collect()
}
