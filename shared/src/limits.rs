//! Limits: counts that end, each one item, raised by one conditional update.
//!
//! A try is counted before it is looked at. So however many run side by side, no more than the
//! limit are evaluated, and one that fails half-way stays counted.

use aws_sdk_dynamodb::types::AttributeValue;
use ring::digest::{SHA256, digest};
use uuid::Uuid;

use crate::env::{Env, Resource};
use crate::users::item::{Item, Reading};
use crate::users::key;
use crate::users::table::{Change, Refusal, Written};
use crate::{Error, Fault, Result, Users, clock};

const LOGIN_SECONDS: u64 = 15 * 60;
const SIGN_UP_SECONDS: u64 = 60 * 60;

/// How much of what is limited may be done.
pub struct Limits {
    login_tries: u64,
    sign_ups_per_hour: u64,
}

impl Resource for Limits {
    async fn open(env: &Env) -> Result<Self, Fault> {
        Ok(Self {
            login_tries: env.number("LOGIN_TRIES")?,
            sign_ups_per_hour: env.number("SIGN_UPS_PER_HOUR")?,
        })
    }
}

impl Limits {
    /// Of passwords tried for an account. Where there is none, for the name that was given, so
    /// that the limit does not tell which names have an account.
    #[must_use]
    pub fn login(&self, account: Option<Uuid>, given: &str) -> Limit {
        let account = match account {
            Some(uuid) => uuid.to_string(),
            None => format!("{:?}", digest(&SHA256, given.as_bytes())),
        };
        Limit { key: key::login_tries(&account), most: self.login_tries, seconds: LOGIN_SECONDS }
    }

    /// Of sign-ups from a source address.
    #[must_use]
    pub fn sign_up(&self, address: &str) -> Limit {
        Limit { key: key::sign_ups(address), most: self.sign_ups_per_hour, seconds: SIGN_UP_SECONDS }
    }
}

/// One thing that is counted.
pub struct Limit {
    key: String,
    most: u64,
    seconds: u64,
}

impl Users {
    /// Counts a try. One write.
    ///
    /// # Errors
    /// [`Error::TooMany`] where the limit is used up.
    pub async fn count(&self, limit: &Limit) -> Result<()> {
        let mut ended = None;
        loop {
            match self.table.write(vec![limit.count(ended).into()]).await? {
                Written::Done => return Ok(()),
                Written::Refused(refusals) => ended = Limit::ended(refusals.into_iter().next().flatten())?,
            }
        }
    }
}

impl Limit {
    /// The counter's key.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// The update that counts one try: in the running window, or as the first of a new one
    /// where the running one was seen to have `ended`.
    pub(crate) fn count(&self, ended: Option<u64>) -> Change {
        let now = now();
        let number = |name: &str, value: u64| (format!(":{name}"), AttributeValue::N(value.to_string()));
        let mut values = vec![number("one", 1), number("end", now.saturating_add(self.seconds))];
        let (expression, condition) = match ended {
            None => {
                values.extend([number("none", 0), number("most", self.most), number("now", now)]);
                (
                    "SET tries = if_not_exists(tries, :none) + :one, expires_at = if_not_exists(expires_at, :end)",
                    "attribute_not_exists(pk) OR (tries < :most AND expires_at > :now)",
                )
            }
            Some(ended) => {
                values.push(number("ended", ended));
                ("SET tries = :one, expires_at = :end", "attribute_not_exists(pk) OR expires_at = :ended")
            }
        };
        Change {
            key: self.key.clone(),
            expression: expression.into(),
            condition: condition.into(),
            names: vec![],
            values,
        }
    }

    /// Why a try was not counted: the window had ended, and when; or the counter was gone.
    /// DynamoDB deletes late, so the end is always compared here.
    ///
    /// # Errors
    /// [`Error::TooMany`] where the limit is used up.
    pub(crate) fn ended(refused: Option<Refusal>) -> Result<Option<u64>> {
        let Some(counter): Option<Item> = refused.flatten() else { return Ok(None) };
        let (end, now) = (Reading(&counter).number("expires_at")?, now());
        if end <= now { Ok(Some(end)) } else { Err(Error::TooMany { retry_after: end.saturating_sub(now) }) }
    }
}

fn now() -> u64 {
    clock::now().as_second().try_into().unwrap_or(0)
}
