//! CloudFormation's intrinsic functions, conditions, and physical names of resources.
//!
//! Supported are `Ref`, `GetAtt`, `Sub`, `Join` and `If`, and the condition functions `Equals`,
//! `And`, `Or`, `Not` and `Condition`, in their short and long forms. A name may itself be an
//! intrinsic function, so both are resolved here.

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value as Json};
use serde_yaml_ng::{Mapping, Value as Yaml};

use super::{
    document::{Document, json_text, scalar_text},
    names,
};

impl Document {
    /// Replaces every intrinsic function in `value` by its result.
    ///
    /// `AWS::NoValue` removes its entry. `path` is the position in the template, for errors.
    pub(super) fn resolve(&self, value: &Yaml, path: &str) -> Result<Json> {
        if let Some((function, argument)) = function_call(value) {
            return self.evaluate(function, argument, path);
        }
        match value {
            Yaml::Mapping(mapping) => self.resolve_mapping(mapping, path),
            Yaml::Sequence(list) => {
                let resolved = list
                    .iter()
                    .enumerate()
                    .map(|(i, item)| self.resolve(item, &format!("{path}[{i}]")))
                    .collect::<Result<Vec<_>>>()?;
                Ok(resolved
                    .into_iter()
                    .filter(|item| !item.is_null())
                    .collect())
            }
            Yaml::Tagged(tagged) => bail!("{path}: cannot resolve {}", tagged.tag),
            plain => serde_json::to_value(plain).with_context(|| path.to_owned()),
        }
    }

    fn resolve_mapping(&self, mapping: &Mapping, path: &str) -> Result<Json> {
        let mut object = Map::new();
        for (key, value) in mapping {
            let key = scalar_text(key).with_context(|| format!("{path}: a key is not a string"))?;
            let value = self.resolve(value, &format!("{path}.{key}"))?;
            if !value.is_null() {
                object.insert(key, value);
            }
        }
        Ok(Json::Object(object))
    }

    fn evaluate(&self, function: &str, argument: &Yaml, path: &str) -> Result<Json> {
        match function {
            "Ref" => {
                let name = argument
                    .as_str()
                    .with_context(|| format!("{path}: Ref expects a name"))?;
                if name == "AWS::NoValue" {
                    return Ok(Json::Null);
                }
                self.reference(name, path).map(Json::String)
            }
            "GetAtt" => {
                let dotted = match argument {
                    Yaml::Sequence(parts) => parts
                        .iter()
                        .filter_map(scalar_text)
                        .collect::<Vec<_>>()
                        .join("."),
                    other => scalar_text(other).unwrap_or_default(),
                };
                self.attribute_at(&dotted, path).map(Json::String)
            }
            "Sub" => self.substitute(argument, path).map(Json::String),
            "Join" => {
                let [separator, list] = self.arguments(argument, path)?;
                let parts = list
                    .as_array()
                    .with_context(|| format!("{path}: Join expects a list"))?;
                let parts: Vec<String> = parts.iter().map(json_text).collect();
                Ok(Json::String(parts.join(&json_text(&separator))))
            }
            "If" => match argument.as_sequence().map(Vec::as_slice) {
                Some([condition, yes, no]) => {
                    let condition = condition
                        .as_str()
                        .with_context(|| format!("{path}: If expects a condition"))?;
                    let branch = if self.condition(condition, path)? {
                        yes
                    } else {
                        no
                    };
                    self.resolve(branch, path)
                }
                _ => bail!("{path}: If expects a condition and two values"),
            },
            other => bail!("{path}: cannot resolve !{other}"),
        }
    }

    /// Result of `!Ref name`.
    pub(super) fn reference(&self, name: &str, path: &str) -> Result<String> {
        if let Some(value) = self.parameters.get(name) {
            return Ok(value.clone());
        }
        if let Some(value) = names::pseudo_parameter(name, &self.stack_name) {
            return Ok(value);
        }
        let resource = self.resource(name, path)?;
        let physical_name = self.physical_name(name, resource)?;
        Ok(match resource_type(resource) {
            kind @ (names::SECRET | names::MANAGED_POLICY) => names::arn(kind, &physical_name),
            names::QUEUE => names::queue_url(&physical_name),
            _ => physical_name,
        })
    }

    /// Result of `!GetAtt logical.attribute`.
    pub(super) fn attribute(&self, logical: &str, attribute: &str, path: &str) -> Result<String> {
        let resource = self.resource(logical, path)?;
        let name = || self.physical_name(logical, resource);
        Ok(match (resource_type(resource), attribute) {
            (kind, "Arn") => names::arn(kind, &name()?),
            (names::TABLE, "StreamArn") => names::stream_arn(&name()?),
            (names::QUEUE, "QueueName") => name()?,
            (names::BUCKET, "RegionalDomainName") => names::bucket_host(&name()?),
            (names::DISTRIBUTION, "DomainName") => names::distribution_host(logical),
            (names::API, "ApiEndpoint") => self.api_url.clone(),
            (_, other) => bail!("{path}: cannot resolve the attribute {other} of {logical}"),
        })
    }

    fn attribute_at(&self, dotted: &str, path: &str) -> Result<String> {
        let (logical, attribute) = dotted
            .split_once('.')
            .with_context(|| format!("{path}: GetAtt expects a name and an attribute"))?;
        self.attribute(logical, attribute, path)
    }

    fn resource(&self, logical: &str, path: &str) -> Result<&Yaml> {
        self.resources
            .get(logical)
            .with_context(|| format!("{path}: there is no {logical}"))
    }

    /// The name that the template sets, or else the logical id. A function's name is the name of
    /// its binary, because it signs its AWS calls with that.
    fn physical_name(&self, logical: &str, resource: &Yaml) -> Result<String> {
        let property = match resource_type(resource) {
            names::FUNCTION => return binary_name(logical, resource),
            names::TABLE => "TableName",
            names::BUCKET => "BucketName",
            names::SECRET => "Name",
            names::MANAGED_POLICY => "ManagedPolicyName",
            names::QUEUE => "QueueName",
            _ => return Ok(logical.to_owned()),
        };
        let properties = resource.get("Properties");
        if let Some(name) = properties.and_then(|properties| properties.get(property)) {
            let path = format!("Resources.{logical}.Properties.{property}");
            return self
                .resolve(name, &path)?
                .as_str()
                .map(str::to_owned)
                .with_context(|| format!("{path}: a name must be a string"));
        }
        Ok(match resource_type(resource) {
            names::BUCKET => logical.to_lowercase(), // S3 does not allow capitals
            _ => logical.to_owned(),
        })
    }

    /// Result of `Sub`: a text, or a text and a map of further values for its `${…}`.
    fn substitute(&self, argument: &Yaml, path: &str) -> Result<String> {
        let (pattern, own) = match argument {
            Yaml::Sequence(parts) => match parts.as_slice() {
                [pattern, own] => (scalar_text(pattern), self.resolve(own, path)?),
                _ => (None, Json::Null),
            },
            pattern => (scalar_text(pattern), Json::Null),
        };
        let pattern = pattern.with_context(|| format!("{path}: Sub expects a text"))?;

        let mut filled = String::new();
        let mut rest = pattern.as_str();
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after
                .split_once('}')
                .with_context(|| format!("{path}: Sub has no closing brace"))?;
            filled.push_str(before);
            match (name.strip_prefix('!'), own.get(name)) {
                (Some(literal), _) => filled.push_str(&format!("${{{literal}}}")),
                (None, Some(value)) => filled.push_str(&json_text(value)),
                (None, None) if name.contains('.') => {
                    filled.push_str(&self.attribute_at(name, path)?)
                }
                (None, None) => filled.push_str(&self.reference(name, path)?),
            }
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    /// Value of the condition with this name.
    pub(super) fn condition(&self, condition: &str, path: &str) -> Result<bool> {
        let expression = self
            .conditions
            .get(condition)
            .with_context(|| format!("{path}: there is no condition {condition}"))?;
        self.evaluate_condition(expression, &format!("Conditions.{condition}"))
    }

    fn evaluate_condition(&self, expression: &Yaml, path: &str) -> Result<bool> {
        let (function, argument) =
            function_call(expression).with_context(|| format!("{path}: not a condition"))?;
        let parts = || {
            argument
                .as_sequence()
                .with_context(|| format!("{path}: {function} expects a list"))
        };
        match function {
            "Equals" => self
                .arguments(argument, path)
                .map(|[left, right]| json_text(&left) == json_text(&right)),
            "Condition" => self.condition(argument.as_str().unwrap_or_default(), path),
            "Not" => match parts()?.as_slice() {
                [part] => self.evaluate_condition(part, path).map(|truth| !truth),
                _ => bail!("{path}: Not expects one condition"),
            },
            "And" => parts()?.iter().try_fold(true, |all, part| {
                Ok(self.evaluate_condition(part, path)? && all)
            }),
            "Or" => parts()?.iter().try_fold(false, |any, part| {
                Ok(self.evaluate_condition(part, path)? || any)
            }),
            other => bail!("{path}: cannot resolve !{other}"),
        }
    }

    fn arguments<const N: usize>(&self, argument: &Yaml, path: &str) -> Result<[Json; N]> {
        let list = argument
            .as_sequence()
            .with_context(|| format!("{path}: expected a list"))?;
        let resolved = list
            .iter()
            .map(|part| self.resolve(part, path))
            .collect::<Result<Vec<_>>>()?;
        resolved
            .try_into()
            .ok()
            .with_context(|| format!("{path}: expected {N} values"))
    }
}

/// Type of a resource, e.g. `AWS::S3::Bucket`.
pub(super) fn resource_type(resource: &Yaml) -> &str {
    resource
        .get("Type")
        .and_then(Yaml::as_str)
        .unwrap_or_default()
}

/// `Metadata.BuildProperties.Binary` of a function.
fn binary_name(logical: &str, resource: &Yaml) -> Result<String> {
    resource
        .get("Metadata")
        .and_then(|metadata| metadata.get("BuildProperties"))
        .and_then(|properties| properties.get("Binary"))
        .and_then(scalar_text)
        .with_context(|| format!("Resources.{logical}.Metadata.BuildProperties.Binary is missing"))
}

/// Splits an intrinsic function into its name and argument.
///
/// Forms: `!Name argument`, `Fn::Name: argument`, and `Ref: argument` or `Condition: argument`
/// as the only entry of a mapping.
fn function_call(value: &Yaml) -> Option<(&str, &Yaml)> {
    if let Yaml::Tagged(tagged) = value {
        // A tag compares equal without its `!`.
        const KNOWN: [&str; 10] = [
            "Ref",
            "GetAtt",
            "Sub",
            "Join",
            "If",
            "Equals",
            "Condition",
            "Not",
            "And",
            "Or",
        ];
        return KNOWN
            .into_iter()
            .find(|known| tagged.tag == *known)
            .map(|known| (known, &tagged.value));
    }
    let mapping = value.as_mapping().filter(|mapping| mapping.len() == 1)?;
    let (key, argument) = mapping.iter().next()?;
    match key.as_str()? {
        name @ ("Ref" | "Condition") if argument.is_string() => Some((name, argument)),
        name => Some((name.strip_prefix("Fn::")?, argument)),
    }
}
