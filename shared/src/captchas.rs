//! Captchas: codes sent by mail, which prove that someone reads a user's mail.
//!
//! A code is derived from its captcha, never stored: the first 40 bits of an HMAC of the
//! captcha's random id, in Crockford's base 32. So a mail sent twice holds the same code, and a
//! leaked table holds none. A user has at most one captcha of a group; a new one takes its
//! place, and a new address or password makes it void. Its item outlives it by a day, to tell an
//! expired code from one that never was.

mod code;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, de};
use uuid::Uuid;

use crate::database::{
    Conflict, Database, Item, Key, Reading, Update, Write, WriteOutcome, flag, key, number, text,
    time,
};
use crate::env::{Env, Resource};
use crate::limits::Limit;
use crate::outbox::{self, Matter};
use crate::{Error, Fault, Language, Result, User, UserId, clock, user};

pub use code::Codes;

/// What a code is for, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaptchaGroup {
    /// 1: a forgotten password.
    Password,
}

impl CaptchaGroup {
    /// The number.
    #[must_use]
    pub fn number(self) -> u64 {
        match self {
            Self::Password => 1,
        }
    }
}

impl<'de> Deserialize<'de> for CaptchaGroup {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u64::deserialize(deserializer)? {
            1 => Ok(Self::Password),
            _ => Err(de::Error::custom("is not a group")),
        }
    }
}

/// How long a code is good.
pub(crate) const SECONDS: u64 = 10 * 60;
const KEPT_SECONDS: u64 = 24 * 60 * 60;
const MOST_TRIES: u64 = 5;

/// A code as everyone may know it: everything but the code.
#[derive(Debug)]
pub struct Captcha {
    /// Its random identity.
    pub uuid: Uuid,
    /// Whose mail it went to.
    pub user: UserId,
    /// What it is for.
    pub group: CaptchaGroup,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it is good.
    pub ends_at: Timestamp,
}

/// The captchas.
pub struct Captchas {
    database: Database,
    codes: Codes,
}

impl Resource for Captchas {
    async fn open(env: &Env) -> Result<Self, Fault> {
        let (database, codes) = tokio::try_join!(env.database(), Codes::open(env))?;
        Ok(Self { database, codes })
    }
}

/// A right code, good for one use.
pub struct Claim {
    key: Key,
    uuid: Uuid,
}

impl Captchas {
    /// Makes a new code for `user` in the place of any before, and has it mailed. One
    /// transaction.
    ///
    /// # Errors
    /// [`Error::TooMany`] where the limit is used up.
    pub async fn send(
        &self,
        to: &User,
        group: CaptchaGroup,
        limit: &Limit,
        language: Language,
    ) -> Result<Captcha> {
        let now = clock::now();
        let uuid = user::new_uuid(now)?;
        let ends = clock::seconds().saturating_add(SECONDS);
        let key_id = &self.codes.key_id().await;
        let mail = outbox::post(
            &Matter::ResetCode {
                captcha: uuid,
                key_id: key_id.clone(),
            },
            to,
            language,
        )?;
        let item = Item::from([
            ("uuid".into(), text(uuid)),
            ("key_id".into(), text(key_id)),
            ("made_for".into(), text(state(to))),
            ("tries".into(), number(0)),
            ("used".into(), flag(false)),
            ("created_at".into(), time(now)),
            ("ends_at".into(), number(ends)),
            (
                "expires_at".into(),
                number(ends.saturating_add(KEPT_SECONDS)),
            ),
        ]);
        let key = key::captcha(to.id(), group.number());
        let writes = || vec![Write::Put(key.clone(), item.clone()), mail.clone()];
        self.database
            .write_counted(Some(limit), writes)
            .await?
            .committed()?;
        Ok(Captcha {
            uuid,
            user: to.id(),
            group,
            created_at: now,
            ends_at: at(ends)?,
        })
    }

    /// Counts a try of `code`, then looks at it. One write.
    ///
    /// # Errors
    /// [`Error::BadCode`] where it is wrong, was used or tried too often, where the address or the
    /// password is another since, or where there is none; [`Error::ExpiredCode`] where its time is
    /// over.
    pub async fn evaluate(&self, user: &User, group: CaptchaGroup, code: &str) -> Result<Claim> {
        let key = key::captcha(user.id(), group.number());
        let now = clock::seconds();
        let count = Update {
            key: key.clone(),
            expression: "SET tries = tries + :one".into(),
            condition: "tries < :most AND ends_at > :now AND used = :no AND made_for = :state"
                .into(),
            names: vec![],
            values: vec![
                (":one".into(), number(1)),
                (":most".into(), number(MOST_TRIES)),
                (":now".into(), number(now)),
                (":no".into(), flag(false)),
                (":state".into(), text(state(user))),
            ],
        };
        match self
            .database
            .write(vec![Write::Update(count, Conflict::Code)])
            .await?
        {
            WriteOutcome::Committed(captcha) => {
                let captcha = Reading(&captcha);
                let uuid = captcha.uuid("uuid")?;
                if !self.codes.is(code, uuid, &captcha.text("key_id")?).await? {
                    return Err(Error::BadCode);
                }
                Ok(Claim { key, uuid })
            }
            WriteOutcome::ConditionFailed(failed) => {
                match failed.into_iter().find_map(|failed| failed.item) {
                    None => Err(Error::BadCode),
                    Some(captcha) => Err(over(&Reading(&captcha), user, now)?),
                }
            }
        }
    }
}

/// Why a captcha takes no more tries.
fn over(captcha: &Reading<'_>, user: &User, now: u64) -> Result<Error, Fault> {
    let void = captcha.flag("used")? || captcha.maybe_text("made_for") != Some(state(user));
    let expired = !void && captcha.number("ends_at")? <= now;
    Ok(if expired {
        Error::ExpiredCode
    } else {
        Error::BadCode
    })
}

/// What a code is made for, which neither a new address nor a new password leaves as it is.
fn state(user: &User) -> String {
    format!("{}.{}", user.email_version, user.token_version)
}

impl Claim {
    /// The write that uses the code up, for `user` as stored; refused where it was used, replaced or
    /// made void meanwhile.
    pub(crate) fn consume(&self, user: &User) -> Write {
        let update = Update {
            key: self.key.clone(),
            expression: "SET used = :yes".into(),
            condition: "#uuid = :uuid AND used = :no AND made_for = :state".into(),
            names: vec![("#uuid".into(), "uuid".into())],
            values: vec![
                (":yes".into(), flag(true)),
                (":no".into(), flag(false)),
                (":uuid".into(), text(self.uuid)),
                (":state".into(), text(state(user))),
            ],
        };
        Write::Update(update, Conflict::Code)
    }
}

fn at(seconds: u64) -> Result<Timestamp, Fault> {
    let seconds = seconds
        .try_into()
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds).ok());
    seconds.ok_or_else(|| Fault::new("a time is out of range"))
}
