//! Filter patterns of event sources.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html>

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde_json::Value as Json;

/// A pattern that a record must match.
#[derive(Debug, Clone, PartialEq)]
pub enum FilterPattern {
    /// Matches an object with a matching value for each key.
    Object(BTreeMap<String, FilterPattern>),
    /// Matches a value that meets a rule, or a list with such a value.
    AnyOf(Vec<FilterRule>),
}

/// A rule for one value.
#[derive(Debug, Clone, PartialEq)]
pub enum FilterRule {
    /// Equal to this string, number, boolean or null.
    Equals(Json),
    /// A string with this prefix.
    Prefix(String),
}

impl FilterPattern {
    /// Parses a pattern. `path` is its position in the template, for errors.
    ///
    /// Fails if the text is not an object of objects and lists, or if a list contains a rule other
    /// than exact values and `prefix`. Other rules, e.g. `exists`, are not supported.
    pub(super) fn parse(text: &str, path: &str) -> Result<FilterPattern> {
        let pattern: Json =
            serde_json::from_str(text).with_context(|| format!("{path}: not JSON"))?;
        match pattern {
            Json::Object(_) => FilterPattern::from_json(&pattern, path),
            _ => bail!("{path}: a pattern must be an object"),
        }
    }

    fn from_json(pattern: &Json, path: &str) -> Result<FilterPattern> {
        match pattern {
            Json::Object(keys) => keys
                .iter()
                .map(|(key, value)| {
                    let pattern = FilterPattern::from_json(value, &format!("{path}.{key}"))?;
                    Ok((key.clone(), pattern))
                })
                .collect::<Result<_>>()
                .map(FilterPattern::Object),
            Json::Array(values) if values.is_empty() => {
                bail!("{path}: an empty list matches nothing")
            }
            Json::Array(values) => values
                .iter()
                .map(|value| FilterRule::from_json(value, path))
                .collect::<Result<_>>()
                .map(FilterPattern::AnyOf),
            other => bail!("{path}: expected an object or a list, not {other}"),
        }
    }

    /// True if `value` matches.
    pub fn matches(&self, value: &Json) -> bool {
        match self {
            FilterPattern::Object(keys) => keys
                .iter()
                .all(|(key, pattern)| value.get(key).is_some_and(|value| pattern.matches(value))),
            FilterPattern::AnyOf(rules) => {
                let values = value
                    .as_array()
                    .map_or(std::slice::from_ref(value), Vec::as_slice);
                values
                    .iter()
                    .any(|value| rules.iter().any(|rule| rule.accepts(value)))
            }
        }
    }
}

impl FilterRule {
    fn from_json(value: &Json, path: &str) -> Result<FilterRule> {
        match value {
            Json::Object(rule) => match (rule.get("prefix").and_then(Json::as_str), rule.len()) {
                (Some(prefix), 1) => Ok(FilterRule::Prefix(prefix.to_owned())),
                _ => bail!("{path}: expected an exact value or a prefix, not {value}"),
            },
            Json::Array(_) => bail!("{path}: expected an exact value or a prefix, not {value}"),
            value => Ok(FilterRule::Equals(value.clone())),
        }
    }

    fn accepts(&self, value: &Json) -> bool {
        match self {
            FilterRule::Equals(expected) => expected == value,
            FilterRule::Prefix(prefix) => {
                value.as_str().is_some_and(|text| text.starts_with(prefix))
            }
        }
    }
}
