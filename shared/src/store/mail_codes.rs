//! Mail codes, which prove that a person reads a user's e-mail.
//!
//! A code is derived and never stored: the first 40 bits of an HMAC of its random UUID, in
//! Crockford's base 32. So an e-mail that is sent twice holds the same code, and a leaked table
//! holds no codes.
//!
//! A user has at most one mail code per group: a new one replaces it. A new e-mail address or
//! password revokes it. The item is kept for a day after the expiry, to distinguish an expired code
//! from a missing one.

mod code_deriver;

use jiff::Timestamp;
use uuid::Uuid;

use crate::aws::{Connections, FromConfig};
use crate::domain::{
    Error, InternalError, Language, MailCode, MailCodeGroup, Result, User, clock, mail_code,
    new_uuid,
};
use crate::store::dynamodb::{
    Conflict, Database, Item, ItemReader, Key, Update, Write, WriteOutcome, flag, key, number,
    text, time,
};
use crate::store::{NotificationKind, RateLimit, outbox, rate_limits};

pub use code_deriver::CodeDeriver;

/// How long an item is kept after its code expires, in seconds.
const RETENTION_SECONDS: u64 = 24 * 60 * 60;
/// How many tries a mail code allows.
const MAX_TRIES: u64 = 5;

/// The store of mail codes.
pub struct MailCodes {
    database: Database,
    codes: CodeDeriver,
}

impl FromConfig for MailCodes {
    async fn open(connections: &Connections) -> Result<Self, InternalError> {
        let (database, codes) = tokio::try_join!(
            connections.shared::<Database>(),
            CodeDeriver::open(connections)
        )?;
        Ok(Self { database, codes })
    }
}

/// Proof that the right code was entered. It can be consumed once.
pub struct VerifiedCode {
    key: Key,
    uuid: Uuid,
    /// Whether it went to the current address, and not to a held one.
    pub(crate) proves_address: bool,
}

impl MailCodes {
    /// Creates a mail code for `user`, which replaces any former one of the group, and enqueues its
    /// e-mail. One transaction.
    ///
    /// # Errors
    /// [`Error::RateLimited`] if the limit is used up.
    pub async fn send(
        &self,
        user: &User,
        group: MailCodeGroup,
        limit: &RateLimit,
        language: Language,
    ) -> Result<MailCode> {
        let (mail_code, writes) = draft(user, group, &self.key_id().await, true, language)?;
        rate_limits::write_counted(&self.database, Some(limit), || writes.clone())
            .await?
            .committed()?;
        Ok(mail_code)
    }

    /// The id of the key version that derives new codes.
    pub(crate) async fn key_id(&self) -> String {
        self.codes.key_id().await
    }

    /// Counts a try, then compares `code`. One write.
    ///
    /// # Errors
    /// [`Error::BadCode`] if the code is wrong, used, revoked or tried too often, or if there is no
    /// mail code; [`Error::ExpiredCode`].
    pub async fn verify(
        &self,
        user: &User,
        group: MailCodeGroup,
        code: &str,
    ) -> Result<VerifiedCode> {
        let key = key::mail_code(user.id(), group.number());
        let now = clock::seconds();
        let count_try = Update {
            key: key.clone(),
            expression: "SET tries = tries + :one".into(),
            condition: "tries < :max AND ends_at > :now AND used = :no AND binding = :binding"
                .into(),
            names: vec![],
            values: vec![
                (":one".into(), number(1)),
                (":max".into(), number(MAX_TRIES)),
                (":now".into(), number(now)),
                (":no".into(), flag(false)),
                (":binding".into(), text(binding(user))),
            ],
        };
        match self
            .database
            .write(vec![Write::Update(count_try, Conflict::Code)])
            .await?
        {
            WriteOutcome::Committed(stored) => {
                let stored = ItemReader(&stored);
                let uuid = stored.uuid("uuid")?;
                if !self
                    .codes
                    .is_code(code, uuid, &stored.text("key_id")?)
                    .await?
                {
                    return Err(Error::BadCode);
                }
                Ok(VerifiedCode {
                    key,
                    uuid,
                    proves_address: user.held_email().is_none(),
                })
            }
            WriteOutcome::ConditionFailed(failed) => {
                match failed.into_iter().find_map(|failed| failed.item) {
                    None => Err(Error::BadCode),
                    Some(stored) => Err(rejection(&ItemReader(&stored), user, now)?),
                }
            }
        }
    }
}

/// A new mail code for `user`, derived with the key version `key_id`, and the writes that store it
/// and enqueue its e-mail. It is `requested` if somebody asked for it.
///
/// # Errors
/// Only an internal error.
pub(crate) fn draft(
    user: &User,
    group: MailCodeGroup,
    key_id: &str,
    requested: bool,
    language: Language,
) -> Result<(MailCode, Vec<Write>), InternalError> {
    let now = clock::now();
    let uuid = new_uuid(now)?;
    let expires_at = clock::seconds().saturating_add(mail_code::VALID_SECONDS);
    let message = outbox::enqueue(
        &NotificationKind::ResetCode {
            mail_code: uuid,
            key_id: key_id.to_owned(),
            requested,
        },
        user,
        language,
    )?;
    let item = Item::from([
        ("uuid".into(), text(uuid)),
        ("key_id".into(), text(key_id)),
        ("binding".into(), text(binding(user))),
        ("tries".into(), number(0)),
        ("used".into(), flag(false)),
        ("created_at".into(), time(now)),
        ("ends_at".into(), number(expires_at)),
        (
            "expires_at".into(),
            number(expires_at.saturating_add(RETENTION_SECONDS)),
        ),
    ]);
    let key = key::mail_code(user.id(), group.number());
    let mail_code = MailCode {
        uuid,
        user: user.id(),
        group,
        created_at: now,
        expires_at: timestamp(expires_at)?,
    };
    Ok((mail_code, vec![Write::Put(key, item), message]))
}

/// The error of a mail code that accepts no more tries.
fn rejection(stored: &ItemReader<'_>, user: &User, now: u64) -> Result<Error, InternalError> {
    let revoked = stored.flag("used")? || stored.maybe_text("binding") != Some(binding(user));
    let expired = !revoked && stored.number("ends_at")? <= now;
    Ok(if expired {
        Error::ExpiredCode
    } else {
        Error::BadCode
    })
}

/// What must be unchanged while a mail code is valid: the versions of the user's address and tokens,
/// and the mailbox that the code goes to. A new address or password, and the end of a hold, revoke
/// the code. So a code mailed to the former address never proves the new one.
fn binding(user: &User) -> String {
    let mailbox = match user.held_email() {
        Some(_) => "former",
        None => "current",
    };
    format!("{}.{}.{mailbox}", user.email_version, user.token_version)
}

impl VerifiedCode {
    /// The write that marks the code as used. Its condition fails if the code was used, replaced or
    /// revoked meanwhile.
    pub(crate) fn consume(&self, user: &User) -> Write {
        let update = Update {
            key: self.key.clone(),
            expression: "SET used = :yes".into(),
            condition: "#uuid = :uuid AND used = :no AND binding = :binding".into(),
            names: vec![("#uuid".into(), "uuid".into())],
            values: vec![
                (":yes".into(), flag(true)),
                (":no".into(), flag(false)),
                (":uuid".into(), text(self.uuid)),
                (":binding".into(), text(binding(user))),
            ],
        };
        Write::Update(update, Conflict::Code)
    }
}

fn timestamp(seconds: u64) -> Result<Timestamp, InternalError> {
    let seconds = seconds
        .try_into()
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds).ok());
    seconds.ok_or_else(|| InternalError::new("a time is out of range"))
}
