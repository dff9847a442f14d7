//! Sign-in: a password for a user, with every try counted before it is looked at.

use uuid::Uuid;

use super::Users;
use crate::limits::{Limit, Limits};
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
        let hash = user.as_ref().map_or_else(PasswordHash::of_nobody, |user| user.password.clone());
        let right = hash.verify(password)?;
        let id = user.as_ref().map(User::id);
        let refused = match user {
            Some(user) if right && !user.blocked => {
                let rehash = hash.is_outdated().then(|| Password::parse(password).ok()).flatten();
                let rehash = rehash.map(|password| password.hash()).transpose()?;
                return self.note_login(user, rehash, &tries, by).await;
            }
            Some(_) if right => Error::Blocked,
            Some(_) => Error::WrongPassword,
            None => Error::NoSuchAccount,
        };
        self.database.write(vec![self.trail.entry(id, Event::FailedLogin, by)?]).await?;
        Err(refused)
    }

    async fn note_login(
        &self,
        user: User,
        rehash: Option<PasswordHash>,
        tries: &Limit,
        by: &By,
    ) -> Result<User> {
        let now = crate::clock::now();
        let change = |user: &mut User| {
            user.last_login = Some(now);
            if let Some(hash) = &rehash {
                user.password = hash.clone();
            }
        };
        let actor = By { actor: Some(user.uuid), ..by.clone() };
        let also = |_: &User, after: &User| {
            Ok(vec![tries.end(), self.trail.entry(Some(after.id()), Event::Login, &actor)?])
        };
        self.write(user, by, change, also, || Error::WrongPassword).await
    }
}
