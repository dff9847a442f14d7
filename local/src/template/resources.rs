//! Typed access to the template's resources.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};
use serde_yaml_ng::Value as Yaml;

use super::{document::Document, intrinsic::resource_type, names};

impl Document {
    /// Properties of every resource of one type, sorted by logical id.
    ///
    /// Intrinsic functions are resolved, and a function's properties include the global ones.
    pub(super) fn properties<T: DeserializeOwned>(
        &self,
        wanted_type: &str,
    ) -> Result<Vec<(String, T)>> {
        let mut found = Vec::new();
        for (logical, resource) in self.active_resources()? {
            if resource_type(resource) != wanted_type {
                continue;
            }
            let path = format!("Resources.{logical}.Properties");
            let mut properties = match resource.get("Properties") {
                Some(properties) => self.resolve(properties, &path)?,
                None => json!({}),
            };
            if wanted_type == names::FUNCTION {
                let globals = self.resolve(&self.globals, "Globals.Function")?;
                properties = merge(globals, properties);
            }
            let properties = serde_json::from_value(properties).context(path)?;
            found.push((logical.to_owned(), properties));
        }
        Ok(found)
    }

    /// Result of `!Ref` for every resource, by logical id.
    pub(super) fn physical_ids(&self) -> Result<BTreeMap<String, String>> {
        self.active_resources()?
            .into_iter()
            .map(|(logical, _)| Ok((logical.to_owned(), self.reference(logical, logical)?)))
            .collect()
    }

    /// Resources without a condition or whose condition is true, in alphabetical order.
    fn active_resources(&self) -> Result<Vec<(&str, &Yaml)>> {
        let mut active = Vec::new();
        for (logical, resource) in &self.resources {
            let logical = logical
                .as_str()
                .context("Resources: a logical id is not a string")?;
            let is_active = match resource.get("Condition").and_then(Yaml::as_str) {
                Some(condition) => self.condition(condition, &format!("Resources.{logical}"))?,
                None => true,
            };
            if is_active {
                active.push((logical, resource));
            }
        }
        active.sort_by_key(|(logical, _)| *logical);
        Ok(active)
    }
}

/// SAM's merge of `Globals` with a resource's own properties, which take precedence.
fn merge(globals: Json, own: Json) -> Json {
    match (globals, own) {
        (Json::Object(mut merged), Json::Object(own)) => {
            for (key, value) in own {
                let global = merged.remove(&key).unwrap_or(Json::Null);
                merged.insert(key, merge(global, value));
            }
            Json::Object(merged)
        }
        (globals, Json::Null) => globals,
        (_, own) => own,
    }
}
