//! IAM policies: statements and their conditions.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error},
};
use serde_json::Value as Json;
use wildmatch::WildMatch;

use super::{document::Document, names};

/// Condition keys of a request and their values, e.g. `dynamodb:LeadingKeys`.
pub type RequestContext = BTreeMap<String, Vec<String>>;

/// One statement of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Statement {
    /// `Allow` or `Deny`.
    pub effect: String,
    /// Patterns of actions, e.g. `dynamodb:PutItem`, with the wildcards `*` and `?`.
    #[serde(rename = "Action", default, deserialize_with = "one_or_many")]
    pub actions: Vec<String>,
    /// `NotAction`: patterns of the actions that it does not cover. It covers all others.
    #[serde(rename = "NotAction", default, deserialize_with = "one_or_many")]
    pub not_actions: Vec<String>,
    /// Patterns of ARNs, with the wildcards `*` and `?`.
    #[serde(rename = "Resource", deserialize_with = "one_or_many")]
    pub resources: Vec<String>,
    /// Conditions; all must be true.
    #[serde(rename = "Condition", default, deserialize_with = "conditions")]
    pub conditions: Vec<Condition>,
    /// Identifier, without effect.
    #[serde(default)]
    pub sid: Option<String>,
}

impl Statement {
    /// True if the statement applies to this action on this resource.
    ///
    /// As in IAM, actions are case-insensitive and ARNs are case-sensitive.
    pub fn covers(&self, action: &str, resource: &str, context: &RequestContext) -> bool {
        let matches_action = |patterns: &[String]| {
            patterns
                .iter()
                .any(|pattern| WildMatch::new_case_insensitive(pattern).matches(action))
        };
        let covers_action = matches_action(&self.actions)
            || !self.not_actions.is_empty() && !matches_action(&self.not_actions);
        covers_action
            && self
                .resources
                .iter()
                .any(|pattern| WildMatch::new(pattern).matches(resource))
            && self
                .conditions
                .iter()
                .all(|condition| condition.is_met(context))
    }
}

/// A condition on one key of the request context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The condition key, e.g. `dynamodb:LeadingKeys`.
    pub key: String,
    /// Accepted values; with `StringLike`, patterns with the wildcards `*` and `?`.
    pub values: Vec<String>,
    /// `StringLike` rather than `StringEquals`.
    is_pattern: bool,
    /// `ForAllValues`.
    for_all_values: bool,
    /// `…IfExists`.
    if_exists: bool,
}

impl Condition {
    /// True if each of the request's values is accepted.
    ///
    /// As in IAM, a request without the key meets a condition with `ForAllValues` or `…IfExists`, and
    /// no other.
    pub fn is_met(&self, context: &RequestContext) -> bool {
        match context.get(&self.key) {
            Some(values) => values.iter().all(|value| self.accepts(value)),
            None => self.for_all_values || self.if_exists,
        }
    }

    fn accepts(&self, value: &str) -> bool {
        self.values.iter().any(|accepted| match self.is_pattern {
            true => WildMatch::new(accepted).matches(value),
            false => accepted == value,
        })
    }
}

/// Parses a statement's `Condition`. An unknown operator is an error, because ignoring a condition
/// would grant more than AWS does.
fn conditions<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Condition>, D::Error> {
    let operators: BTreeMap<String, BTreeMap<String, Json>> =
        Deserialize::deserialize(deserializer)?;
    let mut conditions = Vec::new();
    for (operator, keys) in operators {
        let base_operator = operator.strip_prefix("ForAllValues:");
        let for_all_values = base_operator.is_some();
        let base_operator = base_operator.unwrap_or(&operator);
        let if_exists = base_operator.ends_with("IfExists");
        let is_pattern = match base_operator.trim_end_matches("IfExists") {
            "StringEquals" => false,
            "StringLike" => true,
            _ => {
                let message = format!("the condition operator {operator} is not supported");
                return Err(D::Error::custom(message));
            }
        };
        for (key, values) in keys {
            conditions.push(Condition {
                key,
                values: list(values).map_err(D::Error::custom)?,
                is_pattern,
                for_all_values,
                if_exists,
            });
        }
    }
    Ok(conditions)
}

/// A policy document, or SAM's inline policy, which has the same format.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PolicyDocument {
    #[serde(deserialize_with = "one_or_many")]
    statement: Vec<Statement>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ManagedPolicy {
    policy_document: PolicyDocument,
}

/// The statements of each managed policy in the template, by its ARN.
pub(super) fn managed_policies(document: &Document) -> Result<BTreeMap<String, Vec<Statement>>> {
    document
        .properties::<ManagedPolicy>(names::MANAGED_POLICY)?
        .into_iter()
        .map(|(logical, policy)| {
            let arn = document.reference(&logical, &logical)?;
            Ok((arn, policy.policy_document.statement))
        })
        .collect()
}

/// The statements of a function's `Policies`: inline ones, and managed ones of the template.
///
/// AWS's managed policies and SAM's policy templates are errors, because the template does not
/// contain what they grant.
pub(super) fn function_statements(
    policies: &Json,
    managed: &BTreeMap<String, Vec<Statement>>,
) -> Result<Vec<Statement>> {
    let single = [policies.clone()];
    let policies = match policies {
        Json::Null => &[],
        Json::Array(many) => many.as_slice(),
        _ => &single,
    };
    let mut statements = Vec::new();
    for policy in policies {
        match policy {
            Json::String(arn) => match managed.get(arn) {
                Some(managed) => statements.extend(managed.iter().cloned()),
                None => bail!("the template does not define the policy {arn}"),
            },
            Json::Object(inline) if inline.contains_key("Statement") => {
                let document = PolicyDocument::deserialize(policy).context("Statement")?;
                statements.extend(document.statement);
            }
            other => bail!("expected statements or a managed policy, not {other}"),
        }
    }
    Ok(statements)
}

fn one_or_many<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    list(Json::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// Parses a list. IAM allows a list of one value without its brackets.
fn list<T: DeserializeOwned>(value: Json) -> Result<Vec<T>, serde_json::Error> {
    match value {
        Json::Array(many) => many.into_iter().map(serde_json::from_value).collect(),
        single => serde_json::from_value(single).map(|single| vec![single]),
    }
}
