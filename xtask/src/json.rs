//! Access to JSON values without an error for each missing member.

use serde_json::Value;

/// The value at a JSON pointer (RFC 6901), or null.
pub fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value.pointer(pointer).unwrap_or(&Value::Null)
}
