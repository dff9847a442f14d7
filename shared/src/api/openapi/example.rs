//! Generation of an example value from a schema.

use serde_json::{Map, Value};

/// An example of `schema`, assembled from the examples in it.
pub(super) fn example(schema: &Value, components: &Value) -> Value {
    if let Some(path) = schema.get("$ref").and_then(Value::as_str) {
        let path = path.trim_start_matches("#/components");
        return components
            .pointer(path)
            .map(|schema| example(schema, components))
            .unwrap_or_default();
    }
    let explicit = schema
        .get("const")
        .or_else(|| schema.pointer("/examples/0"));
    if let Some(value) = explicit {
        return value.clone();
    }
    let members = schema.get("properties").and_then(Value::as_object);
    let members = members
        .into_iter()
        .flatten()
        .map(|(name, schema)| (name.clone(), example(schema, components)));
    match schema.get("type").and_then(Value::as_str) {
        Some("object") => members.collect::<Map<_, _>>().into(),
        Some("array") => schema
            .get("items")
            .map(|item| example(item, components))
            .into_iter()
            .collect(),
        _ => Value::Null,
    }
}
