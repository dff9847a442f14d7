//! What a user may do, in one word: the same in the store, in commands and in answers.

use std::str::FromStr;

/// What a user may do. The lesser role comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Nothing yet.
    Unregistered,
    /// Anything, to themselves.
    User,
    /// Anything, to anyone.
    Admin,
}

impl Access {
    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::User => "user",
            Self::Unregistered => "unregistered",
        }
    }
}

impl FromStr for Access {
    type Err = &'static str;

    fn from_str(word: &str) -> Result<Self, &'static str> {
        let known = [Self::Admin, Self::User, Self::Unregistered];
        known
            .into_iter()
            .find(|access| access.as_str() == word)
            .ok_or("must be admin, user or unregistered")
    }
}
