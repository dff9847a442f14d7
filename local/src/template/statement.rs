//! IAM statements: what a function may do, and to what.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error},
};
use serde_json::Value as Json;
use wildmatch::WildMatch;

use super::{
    condition::{self, Condition, Context as Request},
    document::Document,
    name,
};

/// One statement of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Statement {
    /// `Allow` or `Deny`.
    pub effect: String,
    /// Actions, as `dynamodb:PutItem`; `*` and `?` are wildcards.
    #[serde(rename = "Action", default, deserialize_with = "one_or_many")]
    pub actions: Vec<String>,
    /// Where this is given, every action but these.
    #[serde(rename = "NotAction", default, deserialize_with = "one_or_many")]
    pub other_than: Vec<String>,
    /// ARNs; `*` and `?` are wildcards.
    #[serde(rename = "Resource", deserialize_with = "one_or_many")]
    pub resources: Vec<String>,
    /// What must hold of a request besides.
    #[serde(rename = "Condition", default, deserialize_with = "condition::read")]
    pub conditions: Vec<Condition>,
    /// Its name, which decides nothing.
    #[serde(default)]
    pub sid: Option<String>,
}

impl Statement {
    /// Whether it speaks of this action on this resource, in a request about this. Actions know
    /// no case, ARNs do.
    pub fn covers(&self, action: &str, resource: &str, request: &Request) -> bool {
        let any_of = |patterns: &[String]| {
            patterns
                .iter()
                .any(|pattern| WildMatch::new_case_insensitive(pattern).matches(action))
        };
        let named =
            any_of(&self.actions) || !self.other_than.is_empty() && !any_of(&self.other_than);
        named
            && self
                .resources
                .iter()
                .any(|pattern| WildMatch::new(pattern).matches(resource))
            && self
                .conditions
                .iter()
                .all(|condition| condition.holds(request))
    }
}

/// A policy document, or SAM's inline policy, which is the same.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Policy {
    #[serde(deserialize_with = "one_or_many")]
    statement: Vec<Statement>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ManagedPolicy {
    policy_document: Policy,
}

/// The template's own managed policies, by their ARN.
pub(super) fn managed(document: &Document) -> Result<BTreeMap<String, Vec<Statement>>> {
    let policies = document.properties::<ManagedPolicy>(name::POLICY)?;
    policies
        .into_iter()
        .map(|(logical, policy)| {
            Ok((
                document.reference(&logical, &logical)?,
                policy.policy_document.statement,
            ))
        })
        .collect()
}

/// The statements of a function's `Policies`: inline, or the template's own managed ones.
/// AWS's managed policies and SAM's policy templates are refused: the template is to say what
/// it grants.
pub(super) fn granted(
    policies: &Json,
    managed: &BTreeMap<String, Vec<Statement>>,
) -> Result<Vec<Statement>> {
    let one = [policies.clone()];
    let policies = match policies {
        Json::Null => &[],
        Json::Array(many) => many.as_slice(),
        _ => &one,
    };
    let mut granted = Vec::new();
    for policy in policies {
        match policy {
            Json::String(arn) => match managed.get(arn) {
                Some(statements) => granted.extend(statements.iter().cloned()),
                None => bail!("the template does not say what {arn} grants"),
            },
            Json::Object(inline) if inline.contains_key("Statement") => {
                granted.extend(Policy::deserialize(policy).context("Statement")?.statement);
            }
            other => bail!("only statements and managed policies are understood, not {other}"),
        }
    }
    Ok(granted)
}

fn one_or_many<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    list(Json::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// IAM writes a list of one without its brackets.
pub(super) fn list<T: DeserializeOwned>(given: Json) -> Result<Vec<T>, serde_json::Error> {
    match given {
        Json::Array(many) => many.into_iter().map(serde_json::from_value).collect(),
        one => serde_json::from_value(one).map(|one| vec![one]),
    }
}
