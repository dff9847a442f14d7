//! Roles of users.

use std::str::FromStr;

/// A role. Ordered by rights, fewest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// No rights yet.
    Unregistered,
    /// May change their own account.
    User,
    /// May change all accounts.
    Admin,
}

impl Role {
    /// The name, the same in the store, in commands and in responses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::User => "user",
            Self::Unregistered => "unregistered",
        }
    }
}

impl FromStr for Role {
    type Err = &'static str;

    fn from_str(word: &str) -> Result<Self, &'static str> {
        let known = [Self::Admin, Self::User, Self::Unregistered];
        known
            .into_iter()
            .find(|role| role.as_str() == word)
            .ok_or("must be admin, user or unregistered")
    }
}
