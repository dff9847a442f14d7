//! Sign-in with a password, rate-limited per account.
//!
//! Each try is counted before the password is verified, so concurrent tries cannot exceed the
//! limit.

use uuid::Uuid;

use super::Users;
use crate::domain::{Actor, AuditEvent, Error, NewSession, Password, PasswordHash, Result, User};
use crate::store::{RateLimits, rate_limits};

impl Users {
    /// Verifies the `password` of `account`, records the login, starts the `session`, and returns the
    /// user. Resets the rate limit, and replaces a password hash with outdated parameters.
    ///
    /// `name` is the name that was looked up. An unknown account takes as long, and as many calls,
    /// as a wrong password, so that the duration does not reveal which accounts exist.
    ///
    /// # Errors
    /// [`Error::NoSuchAccount`], `WrongPassword`; `Blocked`, only after the right password;
    /// `RateLimited`.
    pub async fn sign_in(
        &self,
        limits: &RateLimits,
        account: Option<Uuid>,
        name: &str,
        password: &str,
        session: &NewSession,
        actor: &Actor,
    ) -> Result<User> {
        let tries = limits.login(account, name);
        rate_limits::consume(&self.database, &tries).await?;

        let user = self.by_uuid(account.unwrap_or_default()).await?;
        let hash = user
            .as_ref()
            .map_or_else(PasswordHash::of_nobody, |user| user.password.clone());
        let is_right = hash.verify(password)?;
        let id = user.as_ref().map(User::id);
        let error = match user {
            Some(user) if is_right && !user.blocked => {
                let renewed = hash
                    .is_outdated()
                    .then(|| Password::parse(password).ok())
                    .flatten();
                let renewed = renewed.map(|password| password.hash()).transpose()?;
                return self
                    .record_login(user, session, renewed.as_ref(), &tries, actor)
                    .await;
            }
            Some(_) if is_right => Error::Blocked,
            Some(_) => Error::WrongPassword,
            None => Error::NoSuchAccount,
        };
        self.database
            .write(vec![self.audit_log.record(
                id,
                AuditEvent::FailedLogin,
                actor,
            )?])
            .await?;
        Err(error)
    }
}
