//! The two identities of a user, which are one: a UUIDv7 (RFC 9562, section 5.7), and the
//! integer that its first bits spell.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, de};
use uuid::Uuid;

use crate::{Fault, random};

/// 2020-01-01T00:00:00Z in milliseconds: the zero of the integer's clock.
const EPOCH: u64 = 1_577_836_800_000;
const RANDOM_BITS: u32 = 12;
/// The largest integer that JavaScript holds exactly.
const MOST: u64 = (1 << UserId::BITS) - 1;

/// 53 bits: 41 of milliseconds since 2020, then the UUID's 12 bits of `rand_a`. So either
/// identity leads to the same key, integers follow time, and JavaScript can hold them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(u64);

impl UserId {
    /// How many bits an integer has.
    pub(crate) const BITS: u32 = 53;

    /// The integer of these bits; higher ones are left out.
    pub(crate) fn at(bits: u64) -> Self {
        Self(bits & MOST)
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
        (digits && id <= MOST).then_some(Self(id)).ok_or(())
    }
}

impl<'de> Deserialize<'de> for UserId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u64::deserialize(deserializer)? {
            id @ 0..=MOST => Ok(Self(id)),
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
pub(crate) fn new_uuid(now: Timestamp) -> Result<Uuid, Fault> {
    let milliseconds = now.as_millisecond().try_into().unwrap_or(EPOCH);
    Ok(uuid::Builder::from_unix_timestamp_millis(milliseconds, &random::bytes()?).into_uuid())
}

#[cfg(test)]
mod tests {
    use super::{MOST, UserId};
    use uuid::Uuid;

    #[test]
    fn the_integer_is_the_first_bits_of_the_uuid() {
        let uuid = Uuid::parse_str("01941234-5678-7abc-8def-0123456789ab").unwrap();
        assert_eq!(
            UserId::from(uuid).get(),
            ((0x0194_1234_5678 - super::EPOCH) << 12) | 0xabc
        );
    }

    #[test]
    fn every_uuid_has_an_integer_that_javascript_holds() {
        for uuid in [Uuid::nil(), Uuid::max()] {
            assert!(UserId::from(uuid).get() <= MOST);
        }
    }
}
