//! A filter of an event source: which records reach the function.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde_json::Value as Json;

/// One pattern: what a record must hold.
#[derive(Debug, Clone, PartialEq)]
pub enum Pattern {
    /// An object with all of these keys, each with what its pattern wants.
    Object(BTreeMap<String, Pattern>),
    /// One of these; or a list with one of them in it.
    AnyOf(Vec<Wanted>),
}

/// A value that a pattern is content with.
#[derive(Debug, Clone, PartialEq)]
pub enum Wanted {
    /// This text, number, truth value or null.
    Exactly(Json),
    /// A text that begins so.
    Prefix(String),
}

impl Pattern {
    /// Reads a pattern from its JSON text. `place` is the path to it, for errors.
    ///
    /// Fails where it is no object of objects and lists, or where a list holds anything but
    /// exact values and prefixes: `exists` and its like are not understood here.
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
                let read = |(key, inner)| {
                    Ok((
                        String::clone(key),
                        Pattern::read(inner, &format!("{place}.{key}"))?,
                    ))
                };
                keys.iter()
                    .map(read)
                    .collect::<Result<_>>()
                    .map(Pattern::Object)
            }
            Json::Array(values) if values.is_empty() => {
                bail!("{place}: a list of no value matches nothing")
            }
            Json::Array(values) => {
                let wanted = values.iter().map(|value| Wanted::read(value, place));
                wanted.collect::<Result<_>>().map(Pattern::AnyOf)
            }
            other => bail!("{place}: a pattern holds objects and lists, not {other}"),
        }
    }

    /// Whether `value` is what this pattern wants.
    pub fn matches(&self, value: &Json) -> bool {
        match self {
            Pattern::Object(keys) => keys
                .iter()
                .all(|(key, pattern)| value.get(key).is_some_and(|inner| pattern.matches(inner))),
            Pattern::AnyOf(wanted) => {
                let values = value
                    .as_array()
                    .map_or(std::slice::from_ref(value), Vec::as_slice);
                values
                    .iter()
                    .any(|value| wanted.iter().any(|wanted| wanted.is(value)))
            }
        }
    }
}

impl Wanted {
    fn read(value: &Json, place: &str) -> Result<Wanted> {
        match value {
            Json::Object(rule) => match (rule.get("prefix").and_then(Json::as_str), rule.len()) {
                (Some(prefix), 1) => Ok(Wanted::Prefix(prefix.to_owned())),
                _ => bail!("{place}: only exact values and prefixes are understood, not {value}"),
            },
            Json::Array(_) => {
                bail!("{place}: only exact values and prefixes are understood, not {value}")
            }
            value => Ok(Wanted::Exactly(value.clone())),
        }
    }

    fn is(&self, value: &Json) -> bool {
        match self {
            Wanted::Exactly(wanted) => wanted == value,
            Wanted::Prefix(prefix) => value.as_str().is_some_and(|text| text.starts_with(prefix)),
        }
    }
}
