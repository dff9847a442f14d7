//! CloudFormation's intrinsic functions, as far as a function's world needs them:
//! `Ref`, `GetAtt`, `Sub`, `Join`, `If` and the conditions. Short and long forms.

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value as Json};
use serde_yaml_ng::{Mapping, Value as Yaml};

use super::{
    document::{Document, scalar},
    name,
};

impl Document {
    /// `value` with every intrinsic function replaced by what it stands for. `place` is the
    /// path to it, for errors. `AWS::NoValue` takes its entry away.
    pub(super) fn resolve(&self, value: &Yaml, place: &str) -> Result<Json> {
        if let Some((function, argument)) = call(value) {
            return self.evaluate(function, argument, place);
        }
        match value {
            Yaml::Mapping(mapping) => self.mapping(mapping, place),
            Yaml::Sequence(list) => {
                let resolved = list
                    .iter()
                    .enumerate()
                    .map(|(i, item)| self.resolve(item, &format!("{place}[{i}]")));
                let resolved = resolved.collect::<Result<Vec<_>>>()?;
                Ok(resolved
                    .into_iter()
                    .filter(|item| !item.is_null())
                    .collect())
            }
            Yaml::Tagged(tagged) => bail!("{place}: cannot resolve {}", tagged.tag),
            plain => serde_json::to_value(plain).with_context(|| place.to_owned()),
        }
    }

    fn mapping(&self, mapping: &Mapping, place: &str) -> Result<Json> {
        let mut object = Map::new();
        for (key, value) in mapping {
            let key = scalar(key).with_context(|| format!("{place}: a key that is no string"))?;
            let value = self.resolve(value, &format!("{place}.{key}"))?;
            if !value.is_null() {
                object.insert(key, value);
            }
        }
        Ok(Json::Object(object))
    }

    fn evaluate(&self, function: &str, argument: &Yaml, place: &str) -> Result<Json> {
        match function {
            "Ref" => {
                let name = argument
                    .as_str()
                    .with_context(|| format!("{place}: Ref takes a name"))?;
                if name == "AWS::NoValue" {
                    return Ok(Json::Null);
                }
                self.reference(name, place).map(Json::String)
            }
            "GetAtt" => {
                let path = match argument {
                    Yaml::Sequence(parts) => parts
                        .iter()
                        .filter_map(scalar)
                        .collect::<Vec<_>>()
                        .join("."),
                    other => scalar(other).unwrap_or_default(),
                };
                self.attribute(&path, place).map(Json::String)
            }
            "Sub" => self.substitute(argument, place).map(Json::String),
            "Join" => {
                let [separator, list] = self.arguments(argument, place)?;
                let parts = list
                    .as_array()
                    .with_context(|| format!("{place}: Join takes a list"))?;
                let parts: Vec<String> = parts.iter().map(text).collect();
                Ok(Json::String(parts.join(&text(&separator))))
            }
            "If" => match argument.as_sequence().map(Vec::as_slice) {
                Some([condition, yes, no]) => {
                    let condition = condition
                        .as_str()
                        .with_context(|| format!("{place}: If takes a condition"))?;
                    let taken = if self.holds(condition, place)? {
                        yes
                    } else {
                        no
                    };
                    self.resolve(taken, place)
                }
                _ => bail!("{place}: If takes a condition and two values"),
            },
            other => bail!("{place}: cannot resolve !{other}"),
        }
    }

    /// What `!Ref name` stands for.
    pub(super) fn reference(&self, name: &str, place: &str) -> Result<String> {
        if let Some(value) = self
            .parameters
            .get(name)
            .map(String::as_str)
            .or(name::pseudo(name))
        {
            return Ok(value.to_owned());
        }
        let resource = self
            .resources
            .get(name)
            .with_context(|| format!("{place}: there is no {name}"))?;
        name::reference(self, name, resource)
    }

    fn attribute(&self, path: &str, place: &str) -> Result<String> {
        let (logical, attribute) = path
            .split_once('.')
            .with_context(|| format!("{place}: GetAtt takes a name and an attribute"))?;
        let resource = self
            .resources
            .get(logical)
            .with_context(|| format!("{place}: there is no {logical}"))?;
        match (name::kind(resource), attribute) {
            (_, "Arn") => name::arn(self, logical, resource),
            (name::TABLE, "StreamArn") => {
                name::name(self, logical, resource).map(|name| name::stream_arn(&name))
            }
            (name::QUEUE, "QueueName") => name::name(self, logical, resource),
            (name::BUCKET, "RegionalDomainName") => {
                name::name(self, logical, resource).map(|name| name::bucket_host(&name))
            }
            (name::DISTRIBUTION, "DomainName") => Ok(name::distribution_host(logical)),
            (name::API, "ApiEndpoint") => Ok(self.gateway.clone()),
            (_, other) => bail!("{place}: cannot resolve the attribute {other} of {logical}"),
        }
    }

    /// `Sub`: a text, or a text with a map of further values for its `${…}`.
    fn substitute(&self, argument: &Yaml, place: &str) -> Result<String> {
        let (pattern, own) = match argument {
            Yaml::Sequence(parts) => match parts.as_slice() {
                [pattern, own] => (scalar(pattern), self.resolve(own, place)?),
                _ => (None, Json::Null),
            },
            pattern => (scalar(pattern), Json::Null),
        };
        let pattern = pattern.with_context(|| format!("{place}: Sub takes a text"))?;

        let mut filled = String::new();
        let mut rest = pattern.as_str();
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after
                .split_once('}')
                .with_context(|| format!("{place}: Sub without an end"))?;
            filled.push_str(before);
            match (name.strip_prefix('!'), own.get(name)) {
                (Some(literal), _) => filled.push_str(&format!("${{{literal}}}")),
                (None, Some(value)) => filled.push_str(&text(value)),
                (None, None) if name.contains('.') => {
                    filled.push_str(&self.attribute(name, place)?)
                }
                (None, None) => filled.push_str(&self.reference(name, place)?),
            }
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    /// Whether the condition of this name holds.
    pub(super) fn holds(&self, condition: &str, place: &str) -> Result<bool> {
        let expression = self
            .conditions
            .get(condition)
            .with_context(|| format!("{place}: there is no condition {condition}"))?;
        self.truth(expression, &format!("Conditions.{condition}"))
    }

    fn truth(&self, expression: &Yaml, place: &str) -> Result<bool> {
        let (function, argument) =
            call(expression).with_context(|| format!("{place}: this is no condition"))?;
        let parts = || {
            argument
                .as_sequence()
                .with_context(|| format!("{place}: {function} takes a list"))
        };
        match function {
            "Equals" => self
                .arguments(argument, place)
                .map(|[left, right]| text(&left) == text(&right)),
            "Condition" => self.holds(argument.as_str().unwrap_or_default(), place),
            "Not" => match parts()?.as_slice() {
                [part] => self.truth(part, place).map(|truth| !truth),
                _ => bail!("{place}: Not takes one condition"),
            },
            "And" => parts()?
                .iter()
                .try_fold(true, |all, part| Ok(self.truth(part, place)? && all)),
            "Or" => parts()?
                .iter()
                .try_fold(false, |any, part| Ok(self.truth(part, place)? || any)),
            other => bail!("{place}: cannot resolve !{other}"),
        }
    }

    fn arguments<const N: usize>(&self, argument: &Yaml, place: &str) -> Result<[Json; N]> {
        let list = argument
            .as_sequence()
            .with_context(|| format!("{place}: a list is needed"))?;
        let resolved = list
            .iter()
            .map(|part| self.resolve(part, place))
            .collect::<Result<Vec<_>>>()?;
        resolved
            .try_into()
            .ok()
            .with_context(|| format!("{place}: {N} values are needed"))
    }
}

/// The function and the argument, where `value` is `!Name argument`, `Ref: argument`,
/// `Condition: argument` alone in its map, or `Fn::Name: argument`.
fn call(value: &Yaml) -> Option<(&str, &Yaml)> {
    if let Yaml::Tagged(tagged) = value {
        // A tag shows itself with its `!` only when printed, and compares without.
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

fn text(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}
