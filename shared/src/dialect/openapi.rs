//! The API as OpenAPI 3.1.
//!
//! An endpoint says of itself what is its own: path, body, what it gives, and by their names in
//! the log the errors that it alone can end with (`x-errors`). Here that is put into its
//! family's envelope, and each error becomes the very answer that a client gets.

#![expect(
    clippy::indexing_slicing,
    reason = "indexing a JSON value adds the member, and a test builds the whole description"
)]

mod refused;
mod sample;
mod spoken;

use serde_json::{Map, Value, json};

use refused::refused;
use sample::sample;
use spoken::Spoken;

/// An endpoint's file: its family, its name, and its text.
pub type Source = (&'static str, &'static str, &'static str);

/// Completes the `document` of what the endpoints say of themselves. What stands at the top of
/// each one's source is its summary; its names are its tag and its `operationId`.
#[must_use]
pub fn complete(mut document: Value, sources: &[Source]) -> Value {
    let mut components = take(&mut document, "components");
    let mut paths = take(&mut document, "paths");
    for (path, operations) in paths.as_object_mut().into_iter().flatten() {
        for (method, operation) in operations.as_object_mut().into_iter().flatten() {
            let route = format!("{} {}", method.to_uppercase(), path.trim_end_matches('/'));
            sources
                .iter()
                .for_each(|source| name(operation, &route, source));
            parameters(operation);
            if let Some(spoken) = Spoken::at(path) {
                let errors = errors(operation, spoken);
                narrow(operation, spoken, &mut components);
                succeed(operation, spoken, &components);
                refused(operation, spoken, &errors, &mut components);
            }
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

/// Says what the operation is where `source` is its own: the one whose first line is its route.
fn name(operation: &mut Value, route: &str, (family, file, text): &Source) {
    let header = text
        .lines()
        .map_while(|line| line.strip_prefix("//!"))
        .map(str::trim);
    let header = header.collect::<Vec<_>>().join("\n");
    let Some(told) = header.strip_prefix(&format!("`{route}`: ")) else {
        return;
    };
    let mut paragraphs = told
        .splitn(2, "\n\n")
        .map(|paragraph| paragraph.replace('\n', " "));
    operation["tags"] = json!([family]);
    operation["operationId"] = format!("{family}{}", camel(file)).into();
    operation["summary"] = paragraphs
        .next()
        .map(|summary| capital(summary.trim_end_matches('.')))
        .into();
    if let Some(description) = paragraphs.next() {
        operation["description"] = description.into();
    }
}

/// A parameter that may be left out is left out, or is what it is: a query knows no `null`.
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

/// The names of all errors that the operation can end with: its own first, then its family's.
fn errors(operation: &mut Value, spoken: &Spoken) -> Vec<String> {
    let own = take(operation, "x-errors");
    let mut errors: Vec<String> = serde_json::from_value(own).unwrap_or_default();
    let bodies = operation
        .pointer("/requestBody/content")
        .and_then(Value::as_object);
    if let Some(bodies) = bodies {
        let with_body = spoken
            .with_body
            .iter()
            .filter(|name| !bodies.contains_key(FORM) || **name != "invalid");
        errors.extend(with_body.map(ToString::to_string));
    }
    if operation
        .get("security")
        .and_then(Value::as_array)
        .is_some_and(|ways| !ways.contains(&json!({})))
    {
        errors.extend(["bad_token", "expired_token"].map(String::from));
    }
    errors.push("internal".into());
    errors
}

/// The form that a file comes in: all else in it is ignored.
const FORM: &str = "multipart/form-data";

/// Where an object that clients may ask less of is in what is given, says how they ask, and that
/// no part of it must be there.
fn narrow(operation: &mut Value, spoken: &Spoken, components: &mut Value) {
    let given = operation
        .pointer("/responses/200")
        .map(Value::to_string)
        .unwrap_or_default();
    for name in spoken
        .narrowed
        .iter()
        .filter(|name| given.contains(&format!("/{name}\"")))
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

/// Puts what the endpoint gives into the family's envelope, with an example.
fn succeed(operation: &mut Value, spoken: &Spoken, components: &Value) {
    let beside = take(operation, "x-beside");
    let given = operation
        .pointer_mut("/responses/200/content/application~1json/schema")
        .map(Value::take);
    let schema = (spoken.envelope)(given, beside.as_str());
    let example = sample(&schema, components);
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

/// What stands at `name`, out of its place.
fn take(object: &mut Value, name: &str) -> Value {
    object
        .as_object_mut()
        .and_then(|object: &mut Map<String, Value>| object.remove(name))
        .unwrap_or_default()
}

/// `too_many` is `TooMany`.
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
