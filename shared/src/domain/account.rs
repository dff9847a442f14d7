//! Accounts that requests refer to, which need not exist.

use ring::digest::{SHA256, digest};

use crate::domain::{
    Canonical, Email, Error, NewUser, Nickname, PasswordHash, Result, Role, User, UserId,
};

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
    pub(crate) fn unknown(name: &str) -> Result<Self> {
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
