//! The one clock.

use jiff::Timestamp;

/// Now, to the millisecond: what the store keeps of a time.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one clock")]
pub fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}

/// Now, in seconds since 1970.
#[must_use]
pub fn seconds() -> u64 {
    now().as_second().try_into().unwrap_or(0)
}
