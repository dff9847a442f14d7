//! Administrators: how many there are stands in an item of its own, which changes in the
//! transaction that makes or unmakes one. So the last cannot go, not even beside another.

use super::Users;
use crate::database::{Conflict, Update, Write, key, number};
use crate::{Access, By, Email, Error, Flaw, NewUser, Nickname, Password, Result, User, Username};

/// The fewest characters of an administrator's password: whoever guesses it has everyone.
const FEWEST_CHARACTERS: usize = 12;

/// The write that keeps count where a change makes or unmakes an administrator; refused where
/// it would leave none.
pub(super) fn counted(before: bool, after: bool) -> Option<Write> {
    let (expression, condition, values) = match (before, after) {
        (false, true) => (
            "SET #count = if_not_exists(#count, :none) + :one",
            "attribute_not_exists(pk) OR #count >= :none",
            vec![(":none".into(), number(0)), (":one".into(), number(1))],
        ),
        (true, false) => (
            "SET #count = #count - :one",
            "#count > :one",
            vec![(":one".into(), number(1))],
        ),
        (true, true) | (false, false) => return None,
    };
    let update = Update {
        key: key::administrators(),
        expression: expression.into(),
        condition: condition.into(),
        names: vec![("#count".into(), "count".into())],
        values,
    };
    Some(Write::Update(update, Conflict::LastAdministrator))
}

impl Users {
    /// Makes an administrator.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the password is shorter than an administrator's may be;
    /// `UsernameTaken`, `EmailTaken`.
    pub async fn make_administrator(&self, new: Administrator, by: &By) -> Result<User> {
        strong(&new.password)?;
        let new = NewUser {
            username: Some(new.username),
            nickname: new.nickname,
            email: new.email,
            password: new.password.hash()?,
            access: Access::Admin,
        };
        self.sign_up(new, None, by).await
    }
}

/// Fails where the password is too short for someone who may do anything.
pub(super) fn strong(password: &Password) -> Result<()> {
    let long = password.expose().chars().count() >= FEWEST_CHARACTERS;
    let flaw = || {
        Error::Invalid(Flaw::of(
            "password",
            "must be 12 to 100 characters for an administrator",
        ))
    };
    long.then_some(()).ok_or_else(flaw)
}

/// What a new administrator brings.
pub struct Administrator {
    /// The name to log in with.
    pub username: Username,
    /// The name to be shown.
    pub nickname: Nickname,
    /// The address.
    pub email: Email,
    /// The password.
    pub password: Password,
}
