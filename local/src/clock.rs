//! The cloud's clock. The functions have their own, as they do on AWS.

use jiff::Timestamp;

/// Now.
#[expect(clippy::disallowed_methods, reason = "this is the cloud's one clock")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}
