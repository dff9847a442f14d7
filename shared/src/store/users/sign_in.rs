//! Sign-in with a password, rate-limited.
//!
//! Each try is counted before the password is verified, so concurrent tries cannot exceed a limit.

use uuid::Uuid;

use super::UsersWithPasswords;
use crate::domain::{Account, Actor, AuditEvent, Error, NewSession, Password, Result, User};
use crate::store::RateLimits;

/// A try to sign in.
pub struct SignIn<'a> {
    /// The name that was looked up.
    pub name: &'a str,
    /// Its owner, if there is one.
    pub account: Option<Uuid>,
    /// The password.
    pub password: &'a str,
    /// The holder of an access token in the request, and their token version. It may have expired.
    pub token_holder: Option<(Uuid, u64)>,
    /// The session to start.
    pub session: &'a NewSession,
}

impl UsersWithPasswords {
    /// Verifies the password of an account, records the login, starts the session, and returns the
    /// user. Resets the rate limit, and replaces a password hash with outdated parameters.
    ///
    /// An unknown account takes as long, and as many calls, as a wrong password, so that the
    /// duration does not reveal which accounts exist.
    ///
    /// # Errors
    /// [`Error::NoSuchAccount`], unless responses must not reveal that; `WrongPassword`; `Blocked`,
    /// only after the right password; `RateLimited`.
    pub async fn sign_in(
        &self,
        limits: &RateLimits,
        attempt: &SignIn<'_>,
        actor: &Actor,
    ) -> Result<User> {
        let account = match self.by_uuid(attempt.account.unwrap_or_default()).await? {
            Some(user) => Account::of(user),
            None => Account::unknown(attempt.name)?,
        };
        let tries = limits.password_tries(&account, actor, attempt.token_holder);
        limits.consume_password_try(&tries, actor).await?;

        let id = account.id();
        let hash = account.user.password_hash()?.clone();
        let is_right = hash.verify(attempt.password)?;
        let error = match account.into_user() {
            Ok(user) if is_right && !user.blocked => {
                let renewed = hash
                    .is_outdated()
                    .then(|| Password::parse(attempt.password).ok())
                    .flatten();
                let renewed = renewed.map(|password| hash.renew(&password)).transpose()?;
                return self
                    .record_login(user, attempt.session, renewed.as_ref(), &tries, actor)
                    .await;
            }
            Ok(_) if is_right => Error::Blocked,
            Ok(_) => Error::WrongPassword,
            Err(_) if self.is_strict() => Error::WrongPassword,
            Err(error) => error,
        };
        self.record(id, AuditEvent::FailedLogin, actor).await?;
        Err(error)
    }
}
