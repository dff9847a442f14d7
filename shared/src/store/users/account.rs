//! Accounts that requests refer to, which need not exist.
//!
//! With `ENUMERATION=strict`, a request for an unknown account runs like one for a known account:
//! with the same calls and the same response. A placeholder user takes the user's place.

use ring::digest::{SHA256, digest};

use super::Users;
use crate::domain::{
    Canonical, Email, Error, InternalError, NewUser, Nickname, PasswordHash, Result, Role, User,
    UserId, UserRef,
};

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

/// The account that a request refers to.
pub struct Account {
    /// The user, or a placeholder that is never stored.
    pub(crate) user: User,
    exists: bool,
}

impl Account {
    /// The account of this user.
    #[must_use]
    pub fn of(user: User) -> Self {
        Self { user, exists: true }
    }

    /// A placeholder for the user of this name, which no account has. Its UUID is a function of the
    /// name's canonical form, so that repeated requests meet the same counters and mail codes.
    pub(super) fn unknown(name: &str) -> Result<Self> {
        let canonical = Canonical::parse(name); // `None` if the name is invalid
        let name = canonical.as_ref().map_or(name, Canonical::as_str);
        let hash = digest(&SHA256, format!("unknown account {name}").as_bytes());
        let bytes = hash.as_ref().first_chunk().copied().unwrap_or_default();
        let new = NewUser {
            username: None,
            nickname: Nickname::stored(String::new()),
            email: Email::stored(String::new()),
            password: PasswordHash::of_nobody(),
            role: Role::User,
        };
        let user = User {
            uuid: uuid::Builder::from_custom_bytes(bytes).into_uuid(),
            ..new.into_user()?
        };
        Ok(Self {
            user,
            exists: false,
        })
    }

    /// Whether the account exists.
    pub(crate) fn exists(&self) -> bool {
        self.exists
    }

    /// The id of the user, if the account exists.
    pub(crate) fn id(&self) -> Option<UserId> {
        self.exists.then(|| self.user.id())
    }

    /// The user.
    ///
    /// # Errors
    /// [`Error::NoSuchAccount`] if the account does not exist.
    pub fn into_user(self) -> Result<User> {
        self.exists.then_some(self.user).ok_or(Error::NoSuchAccount)
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
