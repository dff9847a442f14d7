//! DynamoDB items, and the types of their attributes.
//!
//! A time is a number: milliseconds since 1970. Only `expires_at`, which DynamoDB's TTL reads, is
//! in seconds. An absent value has no attribute.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::primitives::Blob;
pub(crate) use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::InternalError;

/// An item: attribute values by name.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// A string attribute.
pub(crate) fn text(text: impl ToString) -> AttributeValue {
    AttributeValue::S(text.to_string())
}

/// A number attribute that is not negative.
pub(crate) fn number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// A set attribute of numbers that are not negative. DynamoDB stores no empty set.
pub(crate) fn numbers(numbers: &[u64]) -> AttributeValue {
    AttributeValue::Ns(numbers.iter().map(u64::to_string).collect())
}

/// A number attribute that may be negative.
pub(crate) fn integer(number: i64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// A time attribute, in milliseconds since 1970.
pub(crate) fn time(at: Timestamp) -> AttributeValue {
    AttributeValue::N(at.as_millisecond().to_string())
}

/// A Boolean attribute.
pub(crate) fn flag(flag: bool) -> AttributeValue {
    AttributeValue::Bool(flag)
}

/// A binary attribute.
pub(crate) fn bytes(bytes: &[u8]) -> AttributeValue {
    AttributeValue::B(Blob::new(bytes))
}

/// A map attribute.
pub(crate) fn map(members: Item) -> AttributeValue {
    AttributeValue::M(members)
}

/// Typed access to an item's attributes. A missing or malformed attribute is an internal error,
/// because only this crate writes items.
pub(crate) struct ItemReader<'a>(pub &'a Item);

impl ItemReader<'_> {
    pub(crate) fn text(&self, name: &str) -> Result<String, InternalError> {
        self.maybe_text(name).ok_or_else(|| unreadable(name))
    }

    pub(crate) fn maybe_text(&self, name: &str) -> Option<String> {
        self.0.get(name)?.as_s().ok().cloned()
    }

    pub(crate) fn maybe_bytes(&self, name: &str) -> Option<Vec<u8>> {
        Some(self.0.get(name)?.as_b().ok()?.as_ref().to_vec())
    }

    /// The members of a map attribute.
    pub(crate) fn maybe_map(&self, name: &str) -> Option<&Item> {
        self.0.get(name)?.as_m().ok()
    }

    pub(crate) fn bytes(&self, name: &str) -> Result<Vec<u8>, InternalError> {
        self.maybe_bytes(name).ok_or_else(|| unreadable(name))
    }

    pub(crate) fn flag(&self, name: &str) -> Result<bool, InternalError> {
        let value = self.0.get(name).and_then(|value| value.as_bool().ok());
        value.copied().ok_or_else(|| unreadable(name))
    }

    pub(crate) fn number(&self, name: &str) -> Result<u64, InternalError> {
        let value = self
            .0
            .get(name)
            .and_then(|value| value.as_n().ok()?.parse().ok());
        value.ok_or_else(|| unreadable(name))
    }

    /// The numbers of a map attribute, by name. Empty if the attribute is missing.
    pub(crate) fn numbers(&self, name: &str) -> Result<BTreeMap<String, u64>, InternalError> {
        let Some(map) = self.0.get(name) else {
            return Ok(BTreeMap::new());
        };
        let map = map.as_m().map_err(|_| unreadable(name))?;
        let entry = |key: &String| Ok((key.clone(), ItemReader(map).number(key)?));
        map.keys().map(entry).collect()
    }

    pub(crate) fn uuid(&self, name: &str) -> Result<Uuid, InternalError> {
        self.text(name)?.parse().map_err(|_| unreadable(name))
    }

    pub(crate) fn time(&self, name: &str) -> Result<Timestamp, InternalError> {
        let milliseconds = self
            .number(name)?
            .try_into()
            .map_err(|_| unreadable(name))?;
        Timestamp::from_millisecond(milliseconds).map_err(|_| unreadable(name))
    }

    pub(crate) fn maybe_time(&self, name: &str) -> Result<Option<Timestamp>, InternalError> {
        self.0
            .contains_key(name)
            .then(|| self.time(name))
            .transpose()
    }
}

/// The internal error of a missing or malformed attribute.
pub(crate) fn unreadable(attribute: &str) -> InternalError {
    InternalError::new(format!(
        "the attribute {attribute} of an item is missing or malformed"
    ))
}

/// The pairs as a map, or `None` if there are none: DynamoDB rejects an empty map of names or
/// values.
pub(super) fn non_empty<V>(pairs: Vec<(String, V)>) -> Option<HashMap<String, V>> {
    (!pairs.is_empty()).then(|| pairs.into_iter().collect())
}
