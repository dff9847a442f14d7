//! The template as YAML, with the values of its parameters.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use regex_lite::Regex;
use serde_json::Value as Json;
use serde_yaml_ng::{Mapping, Value as Yaml};

/// What a template's values depend on, besides its text.
#[derive(Debug, Clone)]
pub struct StackSettings {
    /// Value of `AWS::StackName`.
    pub name: String,
    /// Values of parameters, instead of the template's defaults.
    pub parameters: BTreeMap<String, String>,
    /// Endpoint of every HTTP API: the URL of the gateway, e.g. `http://127.0.0.1:8000`.
    pub api_url: String,
}

impl Default for StackSettings {
    fn default() -> StackSettings {
        StackSettings {
            name: "local".to_owned(),
            parameters: BTreeMap::new(),
            api_url: String::new(),
        }
    }
}

/// A parsed template. No intrinsic function is resolved yet.
pub(super) struct Document {
    pub(super) stack_name: String,
    pub(super) api_url: String,
    pub(super) parameters: BTreeMap<String, String>,
    pub(super) conditions: Mapping,
    pub(super) resources: Mapping,
    /// `Globals.Function`.
    pub(super) globals: Yaml,
}

impl Document {
    /// Parses a template.
    ///
    /// Fails if `text` is no YAML mapping, if `settings` has a parameter that the template does
    /// not declare, or if a parameter has no value or one that it does not allow.
    pub(super) fn parse(text: &str, settings: &StackSettings) -> Result<Document> {
        let root: Mapping = serde_yaml_ng::from_str(text).context("not a template")?;
        let section = |name| {
            root.get(name)
                .and_then(Yaml::as_mapping)
                .cloned()
                .unwrap_or_default()
        };

        let declared = section("Parameters");
        let overrides = &settings.parameters;
        if let Some(name) = overrides
            .keys()
            .find(|name| !declared.contains_key(name.as_str()))
        {
            bail!("Parameters: there is no {name}");
        }
        let mut parameters = BTreeMap::new();
        for (name, parameter) in &declared {
            let name = name
                .as_str()
                .context("Parameters: a name is not a string")?;
            let value = match overrides.get(name) {
                Some(value) => Some(value.clone()),
                None => parameter.get("Default").and_then(scalar_text),
            };
            let value =
                value.with_context(|| format!("Parameters.{name}: no default and no value"))?;
            check_value(parameter, &value).with_context(|| format!("Parameters.{name}"))?;
            parameters.insert(name.to_owned(), value);
        }
        Ok(Document {
            stack_name: settings.name.clone(),
            api_url: settings.api_url.clone(),
            parameters,
            conditions: section("Conditions"),
            resources: section("Resources"),
            globals: root
                .get("Globals")
                .and_then(|globals| globals.get("Function"))
                .cloned()
                .unwrap_or_default(),
        })
    }
}

/// Checks a parameter's value against `AllowedValues`, and as a whole against `AllowedPattern`
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html>).
fn check_value(parameter: &Yaml, value: &str) -> Result<()> {
    let allowed = parameter.get("AllowedValues").and_then(Yaml::as_sequence);
    if let Some(allowed) = allowed
        && !allowed
            .iter()
            .any(|one| scalar_text(one).as_deref() == Some(value))
    {
        bail!("{value} is not an allowed value");
    }
    if let Some(pattern) = parameter.get("AllowedPattern").and_then(Yaml::as_str) {
        let whole = Regex::new(&format!("^(?:{pattern})$")).context("AllowedPattern")?;
        if !whole.is_match(value) {
            bail!("{value} does not match {pattern}");
        }
    }
    Ok(())
}

/// A string, number or boolean as CloudFormation passes it on: as text.
pub(super) fn scalar_text(value: &Yaml) -> Option<String> {
    match value {
        Yaml::String(text) => Some(text.clone()),
        Yaml::Number(number) => Some(number.to_string()),
        Yaml::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

/// A resolved value as text: a string without its quotes, anything else as JSON.
pub(super) fn json_text(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A whole number. Accepts text, because the value of a parameter is text.
pub(super) fn parse_u32(value: &Json) -> Result<u32> {
    let text = json_text(value);
    text.parse()
        .with_context(|| format!("{text} is not a whole number"))
}
