//! The hold on a user's former e-mail address.

use crate::domain::clock;
use crate::domain::user::values::Email;

/// How long a former address is held, in seconds.
const HOLD_SECONDS: u64 = 7 * 24 * 60 * 60;

/// A former address, verified when it was replaced.
///
/// During its hold nobody else can have it. It recovers the account, and can undo the change. So
/// whoever steals a session cannot lock the owner out with a new address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormerEmail {
    /// The address.
    pub email: Email,
    /// The end of the hold, in seconds since 1970.
    pub until: u64,
    /// The version of the address that replaced it. It identifies the hold.
    pub version: u64,
}

impl FormerEmail {
    /// A hold on `email` that begins now.
    pub(super) fn hold(email: Email, version: u64) -> Self {
        Self {
            email,
            until: clock::seconds().saturating_add(HOLD_SECONDS),
            version,
        }
    }

    /// Whether the hold has not ended.
    #[must_use]
    pub fn is_held(&self) -> bool {
        clock::seconds() < self.until
    }
}
