//! Limits: counts that end, each one item, raised by one conditional update.
//!
//! A try is counted before it is looked at. So however many run side by side, no more than the
//! limit are evaluated, and one that fails half-way stays counted.

use ring::digest::{SHA256, digest};
use uuid::Uuid;

use crate::database::{
    Conflict, Database, FailedCondition, Key, Reading, Update, Write, WriteOutcome, key, number,
};
use crate::env::{Env, Resource};
use crate::{Canonical, Error, Fault, Result, UserId, Users, clock};

const LOGIN_SECONDS: u64 = 15 * 60;
const SIGN_UP_SECONDS: u64 = 60 * 60;
const MAIL_SECONDS: u64 = 24 * 60 * 60;

/// How much of what is limited may be done.
pub struct Limits {
    login_tries: u64,
    sign_ups_per_hour: u64,
    mails_per_day: u64,
}

impl Resource for Limits {
    async fn open(env: &Env) -> Result<Self, Fault> {
        Ok(Self {
            login_tries: env.number("LOGIN_TRIES")?,
            sign_ups_per_hour: env.number("SIGN_UPS_PER_HOUR")?,
            mails_per_day: env.number("MAILS_PER_DAY")?,
        })
    }
}

impl Limits {
    /// Of passwords tried for an account. Where there is none, for the name that was given, in the
    /// form in which names are compared, so that the limit does not tell which names have an
    /// account. What it does tell is that a user name and an address are of one account, to whoever
    /// uses its limit up: counted apart, each would give as many guesses at one password.
    #[must_use]
    pub fn login(&self, account: Option<Uuid>, given: &str) -> Limit {
        let account = match account {
            Some(uuid) => uuid.to_string(),
            None => {
                let form = Canonical::of(given); // without one it is the name of nobody
                let name = form.as_ref().map_or(given, Canonical::as_str);
                format!("{:?}", digest(&SHA256, name.as_bytes()))
            }
        };
        Limit {
            key: key::login_tries(&account),
            most: self.login_tries,
            seconds: LOGIN_SECONDS,
        }
    }

    /// Of sign-ups from a source address.
    #[must_use]
    pub fn sign_up(&self, address: &str) -> Limit {
        Limit {
            key: key::sign_ups(address),
            most: self.sign_ups_per_hour,
            seconds: SIGN_UP_SECONDS,
        }
    }

    /// Of codes that a user asks for: what keeps new codes from giving new guesses for ever.
    #[must_use]
    pub fn captchas(&self, user: UserId) -> Limit {
        Limit {
            key: key::mails("captcha", user),
            most: self.mails_per_day,
            seconds: MAIL_SECONDS,
        }
    }

    /// Of verification mails that a user asks for.
    #[must_use]
    pub fn verification_mails(&self, user: UserId) -> Limit {
        Limit {
            key: key::mails("verify", user),
            most: self.mails_per_day,
            seconds: MAIL_SECONDS,
        }
    }
}

/// One thing that is counted.
pub struct Limit {
    key: Key,
    most: u64,
    seconds: u64,
}

impl Users {
    /// Counts a try. One write.
    ///
    /// # Errors
    /// [`Error::TooMany`] where the limit is used up.
    pub async fn count(&self, limit: &Limit) -> Result<()> {
        self.database.write_counted(Some(limit), Vec::new).await?;
        Ok(())
    }
}

impl Database {
    /// Makes the writes together with the count of one try, which is not counted where one of them
    /// is refused.
    ///
    /// # Errors
    /// [`Error::TooMany`] where the limit is used up, whatever else is refused: it must not tell
    /// what the writes would have met.
    pub(crate) async fn write_counted(
        &self,
        limit: Option<&Limit>,
        writes: impl Fn() -> Vec<Write>,
    ) -> Result<WriteOutcome> {
        let mut ended = None;
        loop {
            let mut all = writes();
            all.extend(limit.map(|limit| Write::Update(limit.count(ended), Conflict::Limit)));
            let failed = match self.write(all).await? {
                WriteOutcome::Committed(item) => return Ok(WriteOutcome::Committed(item)),
                WriteOutcome::ConditionFailed(failed) => failed,
            };
            let Some(counter) = failed
                .iter()
                .find(|failed| failed.conflict == Conflict::Limit)
            else {
                return Ok(WriteOutcome::ConditionFailed(failed));
            };
            ended = match ended {
                None => Limit::ended(counter)?,
                Some(_) => None, // another request has started the new window: this try counts in it
            };
        }
    }
}

impl Limit {
    /// The write that ends the count.
    pub(crate) fn end(&self) -> Write {
        Write::Delete(self.key.clone())
    }

    /// The update that counts one try: in the running window, or as the first of a new one
    /// where the running one was seen to have `ended`.
    fn count(&self, ended: Option<u64>) -> Update {
        let now = clock::seconds();
        let value = |name: &str, value: u64| (format!(":{name}"), number(value));
        let mut values = vec![
            value("one", 1),
            value("end", now.saturating_add(self.seconds)),
        ];
        let (expression, condition) = match ended {
            None => {
                values.extend([
                    value("none", 0),
                    value("most", self.most),
                    value("now", now),
                ]);
                (
                    "SET tries = if_not_exists(tries, :none) + :one, expires_at = if_not_exists(expires_at, :end)",
                    "attribute_not_exists(pk) OR (tries < :most AND expires_at > :now)",
                )
            }
            Some(ended) => {
                values.push(value("ended", ended));
                (
                    "SET tries = :one, expires_at = :end",
                    "attribute_not_exists(pk) OR expires_at = :ended",
                )
            }
        };
        Update {
            key: self.key.clone(),
            expression: expression.into(),
            condition: condition.into(),
            names: vec![],
            values,
        }
    }

    /// Why a try was not counted: the window had ended, and when; or the counter was gone.
    /// DynamoDB deletes late, so the end is always compared here.
    fn ended(failed: &FailedCondition) -> Result<Option<u64>> {
        let Some(counter) = &failed.item else {
            return Ok(None);
        };
        let (end, now) = (Reading(counter).number("expires_at")?, clock::seconds());
        if end <= now {
            Ok(Some(end))
        } else {
            Err(Error::TooMany {
                retry_after: end.saturating_sub(now),
            })
        }
    }
}
