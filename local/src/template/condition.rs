//! A condition of an IAM statement: what a request must be about for the statement to count.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, de::Error};
use serde_json::Value as Json;
use wildmatch::WildMatch;

use super::statement::list;

/// What a request is about, by condition key, as `dynamodb:LeadingKeys`.
pub type Context = BTreeMap<String, Vec<String>>;

/// One condition key, and what its values must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// As `dynamodb:LeadingKeys`.
    pub key: String,
    /// What a value may be; with `StringLike`, `*` and `?` are wildcards.
    pub values: Vec<String>,
    like: bool,
    for_all: bool,
}

impl Condition {
    /// Whether it holds. As in IAM, `ForAllValues` holds of a request that has no such key,
    /// and a plain operator does not.
    pub fn holds(&self, context: &Context) -> bool {
        match context.get(&self.key) {
            Some(values) => values.iter().all(|value| self.takes(value)),
            None => self.for_all,
        }
    }

    fn takes(&self, value: &str) -> bool {
        self.values.iter().any(|wanted| match self.like {
            true => WildMatch::new(wanted).matches(value),
            false => wanted == value,
        })
    }
}

/// Reads a statement's `Condition`. What is not understood is refused: a condition passed over
/// would grant what AWS does not.
pub(super) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Condition>, D::Error> {
    let given: BTreeMap<String, BTreeMap<String, Json>> = Deserialize::deserialize(deserializer)?;
    let mut conditions = Vec::new();
    for (operator, keys) in given {
        let plain = operator.strip_prefix("ForAllValues:");
        let for_all = plain.is_some();
        let like = match plain.unwrap_or(&operator) {
            "StringEquals" => false,
            "StringLike" => true,
            _ => {
                return Err(D::Error::custom(format!(
                    "the condition {operator} is not understood"
                )));
            }
        };
        for (key, values) in keys {
            conditions.push(Condition {
                key,
                values: list(values).map_err(D::Error::custom)?,
                like,
                for_all,
            });
        }
    }
    Ok(conditions)
}
