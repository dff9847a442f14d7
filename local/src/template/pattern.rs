//! A filter of an event source: which records reach the function.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde_json::Value as Json;

/// One pattern: what a record must hold. Exact values only.
#[derive(Debug, Clone, PartialEq)]
pub enum Pattern {
    /// An object with all of these keys, each with what its pattern wants.
    Object(BTreeMap<String, Pattern>),
    /// One of these texts, numbers, truth values or nulls; or a list with one of them in it.
    AnyOf(Vec<Json>),
}

impl Pattern {
    /// Reads a pattern from its JSON text. `place` is the path to it, for errors.
    ///
    /// Fails where it is no object of objects and lists, or where a list holds anything but
    /// exact values: `prefix`, `exists` and their like are not understood here.
    pub(super) fn parse(text: &str, place: &str) -> Result<Pattern> {
        let pattern: Json =
            serde_json::from_str(text).with_context(|| format!("{place}: this is no JSON"))?;
        match pattern {
            Json::Object(_) => Pattern::read(&pattern, place),
            _ => bail!("{place}: a pattern is an object"),
        }
    }

    fn read(pattern: &Json, place: &str) -> Result<Pattern> {
        match pattern {
            Json::Object(keys) => {
                let read =
                    |(key, inner)| Ok((String::clone(key), Pattern::read(inner, &format!("{place}.{key}"))?));
                keys.iter().map(read).collect::<Result<_>>().map(Pattern::Object)
            }
            Json::Array(values) if values.is_empty() => bail!("{place}: a list of no value matches nothing"),
            Json::Array(values) => match values.iter().find(|value| value.is_object() || value.is_array()) {
                Some(other) => bail!("{place}: only exact values are understood, not {other}"),
                None => Ok(Pattern::AnyOf(values.clone())),
            },
            other => bail!("{place}: a pattern holds objects and lists, not {other}"),
        }
    }

    /// Whether `value` is what this pattern wants.
    pub fn matches(&self, value: &Json) -> bool {
        match self {
            Pattern::Object(keys) => {
                keys.iter().all(|(key, pattern)| value.get(key).is_some_and(|inner| pattern.matches(inner)))
            }
            Pattern::AnyOf(wanted) => match value {
                Json::Array(values) => values.iter().any(|value| wanted.contains(value)),
                value => wanted.contains(value),
            },
        }
    }
}
