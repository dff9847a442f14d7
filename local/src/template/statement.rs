//! IAM statements: what a function may do, and to what.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Deserializer};
use serde_json::Value as Json;
use wildmatch::WildMatch;

use super::{document::Document, name};

/// One statement of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Statement {
    /// `Allow` or `Deny`.
    pub effect: String,
    /// Actions, as `dynamodb:PutItem`; `*` and `?` are wildcards.
    #[serde(rename = "Action", deserialize_with = "one_or_many")]
    pub actions: Vec<String>,
    /// ARNs; `*` and `?` are wildcards.
    #[serde(rename = "Resource", deserialize_with = "one_or_many")]
    pub resources: Vec<String>,
    /// Its name, which decides nothing.
    #[serde(default)]
    pub sid: Option<String>,
}

impl Statement {
    /// Whether it speaks of this action on this resource. Actions know no case, ARNs do.
    pub fn covers(&self, action: &str, resource: &str) -> bool {
        let action_named =
            self.actions.iter().any(|pattern| WildMatch::new_case_insensitive(pattern).matches(action));
        action_named && self.resources.iter().any(|pattern| WildMatch::new(pattern).matches(resource))
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
            Ok((document.reference(&logical, &logical)?, policy.policy_document.statement))
        })
        .collect()
}

/// The statements of a function's `Policies`: inline, or the template's own managed ones.
/// AWS's managed policies grant nothing here, and SAM's policy templates are refused: the
/// template is to say what it grants.
pub(super) fn granted(policies: &Json, managed: &BTreeMap<String, Vec<Statement>>) -> Result<Vec<Statement>> {
    let one = [policies.clone()];
    let policies = match policies {
        Json::Null => &[],
        Json::Array(many) => many.as_slice(),
        _ => &one,
    };
    let mut granted = Vec::new();
    for policy in policies {
        match policy {
            Json::String(arn) => granted.extend(managed.get(arn).into_iter().flatten().cloned()),
            Json::Object(inline) if inline.contains_key("Statement") => {
                granted.extend(Policy::deserialize(policy).context("Statement")?.statement);
            }
            other => bail!("only statements and managed policies are understood, not {other}"),
        }
    }
    Ok(granted)
}

fn one_or_many<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany<T> {
        Many(Vec<T>),
        One(T),
    }
    Ok(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::Many(many) => many,
        OneOrMany::One(one) => vec![one],
    })
}
