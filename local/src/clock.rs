//! The cloud's clock. Each function reads its own, as on AWS.

use jiff::Timestamp;

/// The current time.
#[expect(clippy::disallowed_methods, reason = "this is the cloud's only clock")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}
