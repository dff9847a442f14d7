//! Mail codes: one-time codes that prove access to a user's mailbox.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, de};
use uuid::Uuid;

use crate::domain::UserId;

/// How long a code is valid, in seconds.
pub(crate) const VALID_SECONDS: u64 = 10 * 60;

/// The purpose of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailCodeGroup {
    /// 1: password reset.
    Password,
}

impl MailCodeGroup {
    /// The number on the wire.
    #[must_use]
    pub fn number(self) -> u64 {
        match self {
            Self::Password => 1,
        }
    }
}

impl<'de> Deserialize<'de> for MailCodeGroup {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u64::deserialize(deserializer)? {
            1 => Ok(Self::Password),
            _ => Err(de::Error::custom("is not a group")),
        }
    }
}

/// The public attributes of a mail code, without the code.
#[derive(Debug)]
pub struct MailCode {
    /// The random id.
    pub uuid: Uuid,
    /// The recipient.
    pub user: UserId,
    /// The purpose.
    pub group: MailCodeGroup,
    /// The time of creation.
    pub created_at: Timestamp,
    /// The time of expiry.
    pub expires_at: Timestamp,
}
