//! Items: attribute values by name, and their types.
//!
//! Times are milliseconds since 1970, as numbers; where an item ends (`expires_at`, which
//! DynamoDB's TTL reads), seconds. An attribute that has no value is absent.

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
pub(crate) use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use uuid::Uuid;

use crate::Fault;

/// An item: attribute values by name.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// A text.
pub(crate) fn text(text: impl ToString) -> AttributeValue {
    AttributeValue::S(text.to_string())
}

/// A number.
pub(crate) fn number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// A number that may be negative.
pub(crate) fn integer(number: i64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// A time.
pub(crate) fn time(at: Timestamp) -> AttributeValue {
    AttributeValue::N(at.as_millisecond().to_string())
}

/// Yes or no.
pub(crate) fn flag(flag: bool) -> AttributeValue {
    AttributeValue::Bool(flag)
}

/// Bytes.
pub(crate) fn bytes(bytes: &[u8]) -> AttributeValue {
    AttributeValue::B(Blob::new(bytes))
}

/// Typed access to an item's attributes. What is missing or of another type is a fault: items
/// are written here and nowhere else.
pub(crate) struct Reading<'a>(pub &'a Item);

impl Reading<'_> {
    pub(crate) fn text(&self, name: &str) -> Result<String, Fault> {
        self.maybe_text(name).ok_or_else(|| unreadable(name))
    }

    pub(crate) fn maybe_text(&self, name: &str) -> Option<String> {
        self.0.get(name)?.as_s().ok().cloned()
    }

    pub(crate) fn maybe_bytes(&self, name: &str) -> Option<Vec<u8>> {
        Some(self.0.get(name)?.as_b().ok()?.as_ref().to_vec())
    }

    pub(crate) fn flag(&self, name: &str) -> Result<bool, Fault> {
        let value = self.0.get(name).and_then(|value| value.as_bool().ok());
        value.copied().ok_or_else(|| unreadable(name))
    }

    pub(crate) fn number(&self, name: &str) -> Result<u64, Fault> {
        let value = self
            .0
            .get(name)
            .and_then(|value| value.as_n().ok()?.parse().ok());
        value.ok_or_else(|| unreadable(name))
    }

    /// As [`Reading::number`], which may also be negative.
    pub(crate) fn integer(&self, name: &str) -> Result<i64, Fault> {
        let value = self
            .0
            .get(name)
            .and_then(|value| value.as_n().ok()?.parse().ok());
        value.ok_or_else(|| unreadable(name))
    }

    pub(crate) fn uuid(&self, name: &str) -> Result<Uuid, Fault> {
        self.text(name)?.parse().map_err(|_| unreadable(name))
    }

    pub(crate) fn time(&self, name: &str) -> Result<Timestamp, Fault> {
        let milliseconds = self
            .number(name)?
            .try_into()
            .map_err(|_| unreadable(name))?;
        Timestamp::from_millisecond(milliseconds).map_err(|_| unreadable(name))
    }

    pub(crate) fn maybe_time(&self, name: &str) -> Result<Option<Timestamp>, Fault> {
        self.0
            .contains_key(name)
            .then(|| self.time(name))
            .transpose()
    }
}

/// The fault of an attribute that cannot be read.
pub(crate) fn unreadable(attribute: &str) -> Fault {
    Fault::new(format!(
        "the attribute {attribute} of an item is missing or malformed"
    ))
}
