//! DynamoDB condition on an administrator's authority over another user.

use super::item;
use crate::domain::{AccessToken, Authority, Error, Role, User};
use crate::store::dynamodb::{Check, Item, flag, key, number, text};

/// The condition for a change of `user`. `None` unless the authority is another user's.
///
/// The lock on `user` is not enough then: an administrator's role can be revoked without a change
/// of `user`.
pub(super) fn condition(authority: &Authority, user: &User) -> Option<Check> {
    match authority {
        Authority::Token(token) if token.holder != user.uuid => Some(is_still_admin(token)),
        _ => None,
    }
}

/// The error of the failed condition. `item` is the administrator's item.
pub(super) fn failed_condition_error(authority: &Authority, item: Option<&Item>) -> Error {
    let Authority::Token(token) = authority else {
        return Error::Forbidden;
    };
    match item.map(item::to_user).transpose() {
        Ok(Some(holder)) if holder.uuid == token.holder => {
            token.check(&holder).err().unwrap_or(Error::Forbidden)
        }
        Ok(_) => Error::BadToken,
        Err(error) => error.into(),
    }
}

fn is_still_admin(token: &AccessToken) -> Check {
    const CONDITION: &str = "#uuid = :uuid AND #token_version = :token_version \
        AND #blocked = :no AND #role = :admin AND attribute_exists(#sessions.#session)";
    Check {
        key: key::user(token.holder.into()),
        condition: CONDITION.into(),
        names: ["uuid", "token_version", "blocked", "role", item::SESSIONS]
            .map(|name| (format!("#{name}"), name.to_owned()))
            .into_iter()
            .chain([("#session".to_owned(), token.session.to_string())])
            .collect(),
        values: vec![
            (":uuid".into(), text(token.holder)),
            (":token_version".into(), number(token.token_version)),
            (":no".into(), flag(false)),
            (":admin".into(), text(Role::Admin.as_str())),
        ],
    }
}
