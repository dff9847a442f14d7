//! The only clock of the service.

use jiff::{SignedDuration, Timestamp};

/// How far the clocks of two instances may differ.
pub const LEEWAY: SignedDuration = SignedDuration::from_secs(5);

/// The current time, truncated to milliseconds, the precision of stored times.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one clock")]
pub fn now() -> Timestamp {
    let now = Timestamp::now();
    #[cfg(debug_assertions)]
    let now = test_time().unwrap_or(now);
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}

/// The current time in seconds since 1970.
#[must_use]
pub fn seconds() -> u64 {
    now().as_second().try_into().unwrap_or(0)
}

/// The time that a test sets: the milliseconds since 1970 in the file that `CLOCK_FILE` names.
///
/// The file is read at each call, so a test can move the clock of a running function. Without it,
/// the system's clock is used. Release builds (without debug assertions) ignore the file.
#[cfg(debug_assertions)]
fn test_time() -> Option<Timestamp> {
    let file = std::env::var_os("CLOCK_FILE")?;
    let milliseconds = std::fs::read_to_string(file).ok()?.parse().ok()?;
    Timestamp::from_millisecond(milliseconds).ok()
}
