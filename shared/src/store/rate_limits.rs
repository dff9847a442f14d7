//! Rate limits with fixed windows.
//!
//! A limit is one item with a count and the end of its window. One conditional update counts a
//! try. A try is counted before it is evaluated. So concurrent tries cannot exceed the limit, and a
//! try that fails halfway stays counted.

use ring::digest::{SHA256, digest};
use uuid::Uuid;

use crate::aws::{Connections, FromConfig};
use crate::domain::{Canonical, Error, InternalError, Result, UserId, clock};
use crate::store::dynamodb::{
    Conflict, Database, FailedCondition, ItemReader, Key, Update, Write, WriteOutcome, key, number,
};

/// The window of logins, in seconds.
const LOGIN_SECONDS: u64 = 15 * 60;
/// The window of sign-ups, in seconds.
const SIGN_UP_SECONDS: u64 = 60 * 60;
/// The window of requested e-mails, in seconds.
const MAIL_SECONDS: u64 = 24 * 60 * 60;

/// The configured rate limits.
pub struct RateLimits {
    database: Database,
    login_tries: u64,
    sign_ups_per_hour: u64,
    mails_per_day: u64,
}

impl FromConfig for RateLimits {
    async fn open(connections: &Connections) -> Result<Self, InternalError> {
        Ok(Self {
            database: connections.shared().await?,
            login_tries: connections.config.required_u64("LOGIN_TRIES")?,
            sign_ups_per_hour: connections.config.required_u64("SIGN_UPS_PER_HOUR")?,
            mails_per_day: connections.config.required_u64("MAILS_PER_DAY")?,
        })
    }
}

impl RateLimits {
    /// Limit of logins to an account, or with the canonical form of an unknown `name`.
    ///
    /// Unknown names are limited too, so the limit does not reveal which names exist. It does
    /// reveal that a user name and an e-mail share an account. Separate counts would double the
    /// guesses per password.
    #[must_use]
    pub fn login(&self, account: Option<Uuid>, name: &str) -> RateLimit {
        let account = match account {
            Some(uuid) => uuid.to_string(),
            None => {
                let canonical = Canonical::parse(name); // `None` if the name is invalid
                let name = canonical.as_ref().map_or(name, Canonical::as_str);
                format!("{:?}", digest(&SHA256, name.as_bytes()))
            }
        };
        RateLimit {
            key: key::login_tries(&account),
            max: self.login_tries,
            seconds: LOGIN_SECONDS,
        }
    }

    /// Limit of sign-ups from a client IP address.
    #[must_use]
    pub fn sign_up(&self, address: &str) -> RateLimit {
        RateLimit {
            key: key::sign_ups(address),
            max: self.sign_ups_per_hour,
            seconds: SIGN_UP_SECONDS,
        }
    }

    /// Limit of mail codes for a user. It also bounds the guesses, since each new code allows new
    /// tries.
    #[must_use]
    pub fn mail_codes(&self, user: UserId) -> RateLimit {
        RateLimit {
            key: key::mail_requests("mail-code", user),
            max: self.mails_per_day,
            seconds: MAIL_SECONDS,
        }
    }

    /// Counts one try against `limit`. One write.
    ///
    /// # Errors
    /// [`Error::RateLimited`] if the limit is used up.
    pub async fn consume(&self, limit: &RateLimit) -> Result<()> {
        consume(&self.database, limit).await
    }

    /// Limit of verification e-mails to a user.
    #[must_use]
    pub fn verification_mails(&self, user: UserId) -> RateLimit {
        RateLimit {
            key: key::mail_requests("verify", user),
            max: self.mails_per_day,
            seconds: MAIL_SECONDS,
        }
    }
}

/// One rate limit.
pub struct RateLimit {
    key: Key,
    max: u64,
    /// The length of the window.
    seconds: u64,
}

/// Counts one try against `limit`. One write.
///
/// # Errors
/// [`Error::RateLimited`] if the limit is used up.
pub(super) async fn consume(database: &Database, limit: &RateLimit) -> Result<()> {
    write_counted(database, Some(limit), Vec::new).await?;
    Ok(())
}

/// Applies `writes` and counts one try in the same transaction. If a condition of `writes` fails,
/// the try is not counted.
///
/// # Errors
/// [`Error::RateLimited`] if the limit is used up, even if a condition of `writes` fails too: the
/// response must not reveal the outcome of a try beyond the limit.
pub(super) async fn write_counted(
    database: &Database,
    limit: Option<&RateLimit>,
    writes: impl Fn() -> Vec<Write>,
) -> Result<WriteOutcome> {
    let mut ended = None;
    loop {
        let mut all = writes();
        all.extend(limit.map(|limit| Write::Update(limit.increment(ended), Conflict::RateLimit)));
        let failed = match database.write(all).await? {
            WriteOutcome::Committed(item) => return Ok(WriteOutcome::Committed(item)),
            WriteOutcome::ConditionFailed(failed) => failed,
        };
        let Some(counter) = failed
            .iter()
            .find(|failed| failed.conflict == Conflict::RateLimit)
        else {
            return Ok(WriteOutcome::ConditionFailed(failed));
        };
        ended = match ended {
            None => RateLimit::ended(counter)?,
            Some(_) => None, // another request has started the new window, so count in it
        };
    }
}

impl RateLimit {
    /// The write that resets the count to 0.
    pub(crate) fn reset(&self) -> Write {
        Write::Delete(self.key.clone())
    }

    /// The update that counts one try: in the current window, or as the first of a new window if
    /// the former one had `ended` at that time.
    fn increment(&self, ended: Option<u64>) -> Update {
        let now = clock::seconds();
        let value = |name: &str, value: u64| (format!(":{name}"), number(value));
        let mut values = vec![
            value("one", 1),
            value("end", now.saturating_add(self.seconds)),
        ];
        let (expression, condition) = match ended {
            None => {
                values.extend([value("none", 0), value("max", self.max), value("now", now)]);
                (
                    "SET tries = if_not_exists(tries, :none) + :one, expires_at = if_not_exists(expires_at, :end)",
                    "attribute_not_exists(pk) OR (tries < :max AND expires_at > :now)",
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

    /// When the window of a failed update had ended. `None` if the item was deleted meanwhile.
    ///
    /// DynamoDB's TTL deletes items late, so the time is compared here.
    ///
    /// # Errors
    /// [`Error::RateLimited`] if the window has not ended.
    fn ended(failed: &FailedCondition) -> Result<Option<u64>> {
        let Some(counter) = &failed.item else {
            return Ok(None);
        };
        let (end, now) = (ItemReader(counter).number("expires_at")?, clock::seconds());
        if end <= now {
            Ok(Some(end))
        } else {
            Err(Error::RateLimited {
                retry_after: end.saturating_sub(now),
            })
        }
    }
}
