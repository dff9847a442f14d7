//! Parsing of JSON bodies. Errors never quote the body, which can hold secrets.

use std::collections::HashMap;

use serde::de::{self, DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use utoipa::PartialSchema;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, Type};

use super::{Request, malformed};
use crate::domain::InvalidField;
use crate::domain::{Error, Result};

impl Request {
    /// The JSON body as `T`.
    ///
    /// # Errors
    /// [`Error::TooLarge`]; [`Error::MalformedBody`] if the body or its content type is not JSON;
    /// [`Error::Invalid`] with the field if it is not a `T`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        let body = self.body("application/json")?;
        check_object(body)?; // serde also deserializes structs from lists
        let mut json = serde_json::Deserializer::from_slice(body);
        let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let path = error.path().to_string();
            serde_error(&path, error.inner())
        })?;
        json.end().map_err(|error| serde_error(".", &error))?;
        Ok(value)
    }

    /// The JSON body as `T`. An empty value such as `{}` or `null` counts as a missing body.
    ///
    /// # Errors
    /// [`Error::MalformedBody`] for an empty value; else as [`Request::json`].
    pub fn json_non_empty<T: DeserializeOwned>(&self) -> Result<T> {
        match serde_json::from_slice(self.body("application/json")?) {
            Ok(body) if is_empty_value(&body) => Err(malformed("the body is empty")),
            _ => self.json(),
        }
    }

    /// The JSON body as `T`, after a check that all `required` fields are present.
    ///
    /// `null` counts as missing. Of `one|other`, one field must be present.
    ///
    /// # Errors
    /// [`Error::Missing`] with the first missing field; else as [`Request::json`].
    pub fn json_requiring<T: DeserializeOwned>(&self, required: &[&'static str]) -> Result<T> {
        let body = self.body("application/json")?;
        check_object(body)?;
        let fields: HashMap<String, Option<IgnoredAny>> =
            serde_json::from_slice(body).map_err(|error| serde_error(".", &error))?;
        let is_present = |field: &str| matches!(fields.get(field), Some(Some(_)));
        match required
            .iter()
            .find(|alternatives| !alternatives.split('|').any(is_present))
        {
            Some(field) => Err(Error::Missing(field)),
            None => self.json(),
        }
    }
}

/// `Ok` if the JSON starts as an object.
fn check_object(json: &[u8]) -> Result<()> {
    match json.trim_ascii_start().first() {
        Some(b'{') => Ok(()),
        Some(_) if serde_json::from_slice::<IgnoredAny>(json).is_ok() => {
            Err(Error::Invalid(InvalidField {
                field: String::new(),
                reason: "the body must be a JSON object".into(),
            }))
        }
        _ => Err(malformed("the body is not valid JSON")),
    }
}

/// A serde error for the client: with the field's name, without the position.
fn serde_error(path: &str, error: &serde_json::Error) -> Error {
    use serde_json::error::Category;
    match error.classify() {
        Category::Data => {
            let text = error.to_string();
            let reason = text
                .rsplit_once(" at line ")
                .map_or(text.as_str(), |(reason, _)| reason);
            let field = if path == "." {
                String::new()
            } else {
                path.to_owned()
            };
            Error::Invalid(InvalidField {
                field,
                reason: redact_value(reason),
            })
        }
        _ => malformed("the body is not valid JSON"),
    }
}

/// Removes the value from a serde error, since it can be a secret. Keeps the expectation, which
/// serde writes last.
pub(super) fn redact_value(reason: &str) -> String {
    reason.rsplit_once(", expected ").map_or_else(
        || reason.to_owned(),
        |(_, expected)| format!("must be {expected}"),
    )
}

/// Whether a value is falsy, as in JavaScript or Python.
fn is_empty_value(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(truth) => !truth,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
    }
}

/// Deserializes a field in which an empty value such as `""` or `[]` counts as absent.
///
/// Use it with `#[serde(default)]`.
///
/// # Errors
/// If the value is neither empty nor a `T`.
pub fn empty_as_none<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    if is_empty_value(&value) {
        return Ok(None);
    }
    T::deserialize(value).map(Some).map_err(de::Error::custom)
}

/// Deserializes an optional field that distinguishes `null` from absent.
///
/// An absent field is `None`. A present one is `Some`, also with `null`. Use it with
/// `#[serde(default)]`.
///
/// # Errors
/// If the value is not a `T`.
pub fn double_option<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A value that a client sets, or clears with `null` or an empty text.
///
/// A field of this type that may be absent is an `Option` with [`double_option`].
pub struct Clearable<T>(pub Option<T>);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Clearable<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        if value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty()) {
            return Ok(Self(None));
        }
        let value = T::deserialize(value).map_err(de::Error::custom)?;
        Ok(Self(Some(value)))
    }
}

impl<T: PartialSchema> Clearable<T> {
    /// The schema of the value, `null` or an empty text.
    #[must_use]
    pub fn schema() -> Schema {
        let empty = ObjectBuilder::new().schema_type(Type::String);
        OneOfBuilder::new()
            .item(T::schema())
            .item(empty.max_length(Some(0)))
            .item(ObjectBuilder::new().schema_type(Type::Null))
            .into()
    }
}
