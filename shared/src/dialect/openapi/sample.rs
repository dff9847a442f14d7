//! An example of what a schema describes, made of the examples of its parts.

use serde_json::{Map, Value};

/// The example.
pub(super) fn sample(schema: &Value, components: &Value) -> Value {
    if let Some(path) = schema.get("$ref").and_then(Value::as_str) {
        let path = path.trim_start_matches("#/components");
        return components
            .pointer(path)
            .map(|schema| sample(schema, components))
            .unwrap_or_default();
    }
    let said = schema
        .get("const")
        .or_else(|| schema.pointer("/examples/0"));
    if let Some(said) = said {
        return said.clone();
    }
    let members = schema.get("properties").and_then(Value::as_object);
    let members = members
        .into_iter()
        .flatten()
        .map(|(name, schema)| (name.clone(), sample(schema, components)));
    match schema.get("type").and_then(Value::as_str) {
        Some("object") => members.collect::<Map<_, _>>().into(),
        Some("array") => schema
            .get("items")
            .map(|item| sample(item, components))
            .into_iter()
            .collect(),
        _ => Value::Null,
    }
}
