//! DynamoDB condition on an administrator's authority over another user.

use super::{Users, item};
use crate::domain::{AccessToken, Authority, Error, Result, Role, User};
use crate::store::dynamodb::{Check, flag, key, number, text};

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

impl Users {
    /// `Ok` if the holder of the token has the authority now. One read, after the condition failed.
    ///
    /// # Errors
    /// [`Error::BadToken`] if the holder was deleted; the error that a new request would get.
    pub(super) async fn check_holder(&self, authority: &Authority) -> Result<()> {
        let Authority::Token(token) = authority else {
            return Err(Error::Forbidden);
        };
        let holder = self.by_uuid(token.holder).await?.ok_or(Error::BadToken)?;
        token.check(&holder)
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
