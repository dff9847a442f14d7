//! Lookup of the accounts that requests of anyone refer to.
//!
//! With `ENUMERATION=strict`, a request for an unknown account runs like one for a known account:
//! with the same calls and the same response.

use super::Users;
use crate::domain::{Account, Error, InternalError, Result, User, UserRef};

/// Whether responses reveal which accounts exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Enumeration {
    /// Yes, by the distinct codes of the documents.
    Contract,
    /// No.
    Strict,
}

impl Enumeration {
    /// The value of the environment variable `ENUMERATION`.
    pub(super) fn parse(text: &str) -> Result<Self, InternalError> {
        match text {
            "contract" => Ok(Self::Contract),
            "strict" => Ok(Self::Strict),
            _ => Err(InternalError::new(
                "ENUMERATION is neither contract nor strict",
            )),
        }
    }
}

impl Users {
    /// Whether responses must not reveal which accounts exist.
    #[must_use]
    pub fn is_strict(&self) -> bool {
        self.enumeration == Enumeration::Strict
    }

    /// The account of a request that anyone may send. At most two reads, and as many for an unknown
    /// account as for a known one.
    ///
    /// # Errors
    /// [`Error::NoSuchAccount`], unless responses must not reveal that.
    pub async fn account(&self, target: &UserRef) -> Result<Account> {
        self.or_placeholder(self.find(target).await, target)
    }

    /// As [`Users::account`], and by a held address, too: the owner may know no other.
    ///
    /// # Errors
    /// As [`Users::account`].
    pub async fn account_to_recover(&self, target: &UserRef) -> Result<Account> {
        self.or_placeholder(self.find_to_recover(target).await, target)
    }

    fn or_placeholder(&self, found: Result<User>, target: &UserRef) -> Result<Account> {
        match found {
            Err(Error::NoSuchAccount) if self.is_strict() => match target {
                UserRef::Email(email) => Account::unknown(&email.to_string()),
                other => Account::unknown(&format!("{other:?}")),
            },
            found => found.map(Account::of),
        }
    }
}
