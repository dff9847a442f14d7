//! Administrators, and the invariant that at least one is left.
//!
//! The count of administrators is an item of its own. It changes in the transaction that adds or
//! removes an administrator. So two concurrent changes cannot remove the last two.
//!
//! An administrator's password has at least 12 characters. Each write that sets a password or a role
//! checks it, on the condition that the other of the two is as read.

use crate::domain::{AuditEvent, Error, InvalidField, Result, Role, User};
use crate::store::dynamodb::{Conflict, Update, Write, key, number};

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

/// Fails if `user` is an administrator whose password is too short for one. `because` is what the
/// change set: the password, or else the role.
pub(super) fn check_password(user: &User, because: AuditEvent) -> Result<()> {
    if user.role != Role::Admin || user.password_hash()?.fits_admin() {
        return Ok(());
    }
    let (field, reason) = match because {
        AuditEvent::Role => (
            "user",
            "has a password of fewer than 12 characters, and must change it before becoming an administrator",
        ),
        _ => (
            "password",
            "must be 12 to 100 characters for an administrator",
        ),
    };
    Err(Error::Invalid(InvalidField::new(field, reason)))
}
