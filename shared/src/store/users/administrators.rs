//! Administrators, and the invariant that at least one is left.
//!
//! The count of administrators is an item of its own. It changes in the transaction that adds or
//! removes an administrator. So two concurrent changes cannot remove the last two.

use super::Users;
use crate::domain::{
    Actor, Email, Error, InvalidField, NewUser, Nickname, Password, Result, Role, User, Username,
};
use crate::store::dynamodb::{Conflict, Update, Write, key, number};

/// The minimum length of an administrator's password, in characters. It is longer than a user's,
/// because an administrator can change every account.
const MIN_CHARACTERS: usize = 12;

/// The write that updates the count if a change adds or removes an administrator. Its condition
/// fails if no administrator would be left.
pub(super) fn update_count(before: bool, after: bool) -> Option<Write> {
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
    /// Creates an administrator.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the password is too short for an administrator; `UsernameTaken`,
    /// `EmailTaken`.
    pub async fn create_administrator(&self, new: NewAdministrator, actor: &Actor) -> Result<User> {
        check_admin_password(&new.password)?;
        let new = NewUser {
            username: Some(new.username),
            nickname: new.nickname,
            email: new.email,
            password: new.password.hash()?,
            role: Role::Admin,
        };
        self.sign_up(new, None, actor).await
    }
}

/// Fails if the password is too short for an administrator.
pub(super) fn check_admin_password(password: &Password) -> Result<()> {
    let is_long_enough = password.expose().chars().count() >= MIN_CHARACTERS;
    let too_short = || {
        Error::Invalid(InvalidField::new(
            "password",
            "must be 12 to 100 characters for an administrator",
        ))
    };
    is_long_enough.then_some(()).ok_or_else(too_short)
}

/// The data of a new administrator.
pub struct NewAdministrator {
    /// The user name.
    pub username: Username,
    /// The display name.
    pub nickname: Nickname,
    /// The e-mail address.
    pub email: Email,
    /// The password.
    pub password: Password,
}
