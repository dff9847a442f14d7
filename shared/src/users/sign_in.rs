//! Sign-in: a password for a user, with every try counted before it is looked at.

use uuid::Uuid;

use super::Users;
use crate::limits::Limits;
use crate::{By, Error, Event, Password, PasswordHash, Result, User};

impl Users {
    /// The user whose `account` and `password` these are, with the login noted: its time, a
    /// hash with today's parameters where one is due, and the end of the count of tries.
    /// `given` is the name that led to the account. Takes as long, and makes as many calls,
    /// whether or not there is such an account.
    ///
    /// # Errors
    /// [`Error::NoSuchAccount`], `WrongPassword`; `Blocked`, told after the right password
    /// only; `TooMany`.
    pub async fn sign_in(
        &self,
        limits: &Limits,
        account: Option<Uuid>,
        given: &str,
        password: &str,
        by: &By,
    ) -> Result<User> {
        let tries = limits.login(account, given);
        self.count(&tries).await?;

        let user = self.by_uuid(account.unwrap_or_default()).await?;
        let hash = user
            .as_ref()
            .map_or_else(PasswordHash::of_nobody, |user| user.password.clone());
        let right = hash.verify(password)?;
        let id = user.as_ref().map(User::id);
        let refused = match user {
            Some(user) if right && !user.blocked => {
                let renewed = hash
                    .is_outdated()
                    .then(|| Password::parse(password).ok())
                    .flatten();
                let renewed = renewed.map(|password| password.hash()).transpose()?;
                return self.record_login(user, renewed.as_ref(), &tries, by).await;
            }
            Some(_) if right => Error::Blocked,
            Some(_) => Error::WrongPassword,
            None => Error::NoSuchAccount,
        };
        self.database
            .write(vec![self.trail.entry(id, Event::FailedLogin, by)?])
            .await?;
        Err(refused)
    }
}
