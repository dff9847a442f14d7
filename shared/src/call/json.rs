//! JSON bodies: read as what an endpoint asks for, and what is wrong with one told without quoting it.

use std::collections::HashMap;

use serde::de::{self, DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{Call, unreadable};
use crate::error::Flaw;
use crate::{Error, Result};

impl Call {
    /// The JSON body as `T`.
    ///
    /// # Errors
    /// [`Error::TooLarge`]; [`Error::Unreadable`] where it is not JSON or not called so;
    /// [`Error::Invalid`] with the field where it is not a `T`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        let body = self.body("application/json")?;
        object(body)?; // serde would take a list for a struct
        let mut json = serde_json::Deserializer::from_slice(body);
        let given = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let path = error.path().to_string();
            flaw(&path, error.inner())
        })?;
        json.end().map_err(|error| flaw(".", &error))?;
        Ok(given)
    }

    /// The JSON body as `T`, where one that says nothing, as `{}` or `null`, is as good as none.
    ///
    /// # Errors
    /// [`Error::Unreadable`] for a body that says nothing; else as [`Call::json`].
    pub fn filled_json<T: DeserializeOwned>(&self) -> Result<T> {
        match serde_json::from_slice(self.body("application/json")?) {
            Ok(body) if says_nothing(&body) => Err(unreadable("the body is empty")),
            _ => self.json(),
        }
    }

    /// The JSON body as `T`, with all `required` fields told missing before anything else is
    /// looked at. `null` is missing, too; of `one|other` one must be there.
    ///
    /// # Errors
    /// [`Error::Missing`] with the first of them; else as [`Call::json`].
    pub fn json_with<T: DeserializeOwned>(&self, required: &[&'static str]) -> Result<T> {
        let body = self.body("application/json")?;
        object(body)?;
        let given: HashMap<String, Option<IgnoredAny>> =
            serde_json::from_slice(body).map_err(|error| flaw(".", &error))?;
        let present = |field: &str| matches!(given.get(field), Some(Some(_)));
        match required
            .iter()
            .find(|fields| !fields.split('|').any(present))
        {
            Some(field) => Err(Error::Missing(field)),
            None => self.json(),
        }
    }
}

/// Whether the JSON is an object, by its first character.
fn object(json: &[u8]) -> Result<()> {
    match json.trim_ascii_start().first() {
        Some(b'{') => Ok(()),
        Some(_) if serde_json::from_slice::<IgnoredAny>(json).is_ok() => {
            Err(Error::Invalid(Flaw {
                field: String::new(),
                why: "the body must be a JSON object".into(),
            }))
        }
        _ => Err(unreadable("the body is not valid JSON")),
    }
}

/// A serde error in words for the client: the field's name, and no position.
fn flaw(path: &str, error: &serde_json::Error) -> Error {
    use serde_json::error::Category;
    match error.classify() {
        Category::Data => {
            let text = error.to_string();
            let why = text
                .rsplit_once(" at line ")
                .map_or(text.as_str(), |(why, _)| why);
            let field = if path == "." {
                String::new()
            } else {
                path.to_owned()
            };
            Error::Invalid(Flaw {
                field,
                why: wanted(why),
            })
        }
        _ => unreadable("the body is not valid JSON"),
    }
}

/// What serde says of a value, without the value, which may be a secret: what was expected stands
/// last, and is ours.
pub(super) fn wanted(why: &str) -> String {
    why.rsplit_once(", expected ")
        .map_or_else(|| why.to_owned(), |(_, what)| format!("must be {what}"))
}

/// Whether a value is what many languages take for false.
fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(truth) => !truth,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
    }
}

/// For a field where a value that says nothing, as `""` or `[]`, is as good as none. Goes with
/// `#[serde(default)]`.
///
/// # Errors
/// Where what stands there says something, and is not a `T`.
pub fn filled<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    if says_nothing(&value) {
        return Ok(None);
    }
    T::deserialize(value).map(Some).map_err(de::Error::custom)
}

/// For a field that may be left out: absent is `None`, and present is `Some` of what stands
/// there, so that `null` is a value like any other. Goes with `#[serde(default)]`.
///
/// # Errors
/// Where what stands there is not a `T`.
pub fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
