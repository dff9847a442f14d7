//! The template as YAML: where its parameters, conditions and resources stand.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};
use serde_yaml_ng::{Mapping, Value as Yaml};

use super::name;

/// The parsed file, with the value of every parameter.
pub(super) struct Document {
    pub(super) parameters: BTreeMap<String, String>,
    pub(super) conditions: Mapping,
    pub(super) resources: Mapping,
    /// The URL of the gateway, which is what every HTTP API is here.
    pub(super) gateway: String,
    globals: Yaml,
}

impl Document {
    pub(super) fn parse(
        text: &str,
        overrides: &BTreeMap<String, String>,
        gateway: &str,
    ) -> Result<Document> {
        let root: Mapping = serde_yaml_ng::from_str(text).context("this is no template")?;
        let section = |name| {
            root.get(name)
                .and_then(Yaml::as_mapping)
                .cloned()
                .unwrap_or_default()
        };

        let declared = section("Parameters");
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
                .context("Parameters: a name that is no string")?;
            let value = match overrides.get(name) {
                Some(value) => Some(value.clone()),
                None => parameter.get("Default").and_then(scalar),
            };
            let value = value.with_context(|| {
                format!("Parameters.{name}: neither a default nor a value given")
            })?;
            parameters.insert(name.to_owned(), value);
        }
        Ok(Document {
            parameters,
            gateway: gateway.to_owned(),
            conditions: section("Conditions"),
            resources: section("Resources"),
            globals: root
                .get("Globals")
                .and_then(|globals| globals.get("Function"))
                .cloned()
                .unwrap_or_default(),
        })
    }

    /// The resources of one type, by logical id: the type's `Properties`, resolved and read.
    pub(super) fn properties<T: DeserializeOwned>(&self, kind: &str) -> Result<Vec<(String, T)>> {
        let mut found = Vec::new();
        for (logical, resource) in self.standing()? {
            if resource.get("Type").and_then(Yaml::as_str) != Some(kind) {
                continue;
            }
            let place = format!("Resources.{logical}.Properties");
            let mut properties = match resource.get("Properties") {
                Some(properties) => self.resolve(properties, &place)?,
                None => json!({}),
            };
            if kind == name::FUNCTION {
                let globals = self.resolve(&self.globals, "Globals.Function")?;
                properties = over(globals, properties);
            }
            let properties = serde_json::from_value(properties).context(place)?;
            found.push((logical.to_owned(), properties));
        }
        Ok(found)
    }

    /// What `!Ref` gives for every resource.
    pub(super) fn names(&self) -> Result<BTreeMap<String, String>> {
        self.standing()?
            .into_iter()
            .map(|(logical, _)| Ok((logical.to_owned(), self.reference(logical, logical)?)))
            .collect()
    }

    /// The resources whose condition holds, in alphabetical order.
    fn standing(&self) -> Result<Vec<(&str, &Yaml)>> {
        let mut standing = Vec::new();
        for (logical, resource) in &self.resources {
            let logical = logical
                .as_str()
                .context("Resources: a logical id that is no string")?;
            let place = format!("Resources.{logical}");
            let stands = match resource.get("Condition").and_then(Yaml::as_str) {
                Some(condition) => self.holds(condition, &place)?,
                None => true,
            };
            if stands {
                standing.push((logical, resource));
            }
        }
        standing.sort_by_key(|(logical, _)| *logical);
        Ok(standing)
    }
}

/// A string, number or truth value as CloudFormation hands it on: as text.
pub(super) fn scalar(value: &Yaml) -> Option<String> {
    match value {
        Yaml::String(text) => Some(text.clone()),
        Yaml::Number(number) => Some(number.to_string()),
        Yaml::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

/// SAM's merge of a function's own properties over the global ones.
fn over(globals: Json, own: Json) -> Json {
    match (globals, own) {
        (Json::Object(mut merged), Json::Object(own)) => {
            for (key, value) in own {
                let below = merged.remove(&key).unwrap_or(Json::Null);
                merged.insert(key, over(below, value));
            }
            Json::Object(merged)
        }
        (globals, Json::Null) => globals,
        (_, own) => own,
    }
}
