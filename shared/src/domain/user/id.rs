//! User ids: a UUIDv7 (RFC 9562, section 5.7), and the integer derived from it.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, de};
use uuid::Uuid;

use crate::domain::{InternalError, random};

/// 2020-01-01T00:00:00Z in milliseconds since 1970: the epoch of the integer id.
const EPOCH: u64 = 1_577_836_800_000;
const RANDOM_BITS: u32 = 12;
/// The largest integer id: the largest integer that JavaScript represents exactly.
const MAX_ID: u64 = (1 << UserId::BITS) - 1;

/// The integer id: 41 bits of milliseconds since 2020, then the UUID's 12 bits of `rand_a`.
///
/// It is a function of the UUID, so both find the same item. Integers are ordered by time, and
/// their 53 bits are exact in JavaScript.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(u64);

impl UserId {
    /// The number of bits of an integer id.
    pub(crate) const BITS: u32 = 53;

    /// The id with the lowest 53 of these bits.
    pub(crate) fn at(bits: u64) -> Self {
        Self(bits & MAX_ID)
    }

    /// The integer.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }
}

impl From<Uuid> for UserId {
    fn from(uuid: Uuid) -> Self {
        let first = uuid.as_u64_pair().0; // 48 bits of milliseconds, 4 of version, 12 of rand_a
        let milliseconds = (first >> 16).saturating_sub(EPOCH);
        let random = first & ((1 << RANDOM_BITS) - 1);
        Self::at((milliseconds << RANDOM_BITS) | random)
    }
}

impl FromStr for UserId {
    type Err = ();

    /// Decimal digits, and nothing else.
    fn from_str(text: &str) -> Result<Self, ()> {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let id: u64 = text.parse().map_err(|_| ())?;
        (digits && id <= MAX_ID).then_some(Self(id)).ok_or(())
    }
}

impl<'de> Deserialize<'de> for UserId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u64::deserialize(deserializer)? {
            id @ 0..=MAX_ID => Ok(Self(id)),
            _ => Err(de::Error::custom("is out of range")),
        }
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A new UUIDv7, all of its 74 free bits random.
pub(crate) fn new_uuid(now: Timestamp) -> Result<Uuid, InternalError> {
    let milliseconds = now.as_millisecond().try_into().unwrap_or(EPOCH);
    Ok(uuid::Builder::from_unix_timestamp_millis(milliseconds, &random::bytes()?).into_uuid())
}

#[cfg(test)]
mod tests {
    use super::{MAX_ID, UserId};
    use uuid::Uuid;

    #[test]
    fn the_integer_is_derived_from_the_first_bits_of_the_uuid() {
        let uuid = Uuid::parse_str("01941234-5678-7abc-8def-0123456789ab").unwrap();
        assert_eq!(
            UserId::from(uuid).get(),
            ((0x0194_1234_5678 - super::EPOCH) << 12) | 0xabc
        );
    }

    #[test]
    fn every_integer_id_is_exact_in_javascript() {
        for uuid in [Uuid::nil(), Uuid::max()] {
            assert!(UserId::from(uuid).get() <= MAX_ID);
        }
    }
}
