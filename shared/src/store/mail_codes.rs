//! Mail codes, which prove that a person reads a user's e-mail.
//!
//! A code is derived and never stored: the first 40 bits of an HMAC of its random UUID, in
//! Crockford's base 32. So an e-mail that is sent twice holds the same code, and a leaked table
//! holds no codes.
//!
//! A user has at most one mail code per group. A request while it can be used sends it again. A new
//! e-mail address or password revokes it. The item is kept for a day after the expiry, to
//! distinguish an expired code from a missing one.
//!
//! Wrong tries are counted in the item, by source and for all sources. So a stranger cannot use up
//! the tries of the owner's source.

mod code_deriver;

use jiff::Timestamp;
use uuid::Uuid;

use crate::aws::{Connections, FromConfig};
use crate::domain::{
    Account, Actor, AuditEvent, Error, InternalError, Language, MailCode, MailCodeGroup, Result,
    User, UserId, clock, mail_code, new_uuid, random,
};
use crate::store::dynamodb::{
    AttributeValue, Check, Conflict, Database, Item, ItemReader, Key, Update, Write, WriteOutcome,
    flag, key, map, number, text, time,
};
use crate::store::{AuditLog, NotificationKind, RateLimit, RateLimits, outbox, rate_limits};

pub use code_deriver::CodeDeriver;

/// How long an item is kept after its code expires, in seconds.
const RETENTION_SECONDS: u64 = 24 * 60 * 60;
/// How many wrong tries a mail code allows from one source.
const MAX_TRIES_OF_SOURCE: u64 = 5;
/// How many wrong tries a mail code allows from all sources. Beyond it, only sources that the
/// account signed in from lately may try.
const MAX_TRIES: u64 = 50;
/// How often the current code is read again if it was replaced meanwhile.
const MAX_REPLACEMENTS: usize = 10;

/// The store of mail codes.
pub struct MailCodes {
    database: Database,
    audit_log: AuditLog,
}

impl FromConfig for MailCodes {
    async fn open(connections: &Connections) -> Result<Self, InternalError> {
        Ok(Self {
            database: connections.shared().await?,
            audit_log: AuditLog::from_config(&connections.config)?,
        })
    }
}

/// Proof that the right code was entered. It can be consumed once.
pub struct VerifiedCode {
    key: Key,
    uuid: Uuid,
    /// The key of the source's tries in the item.
    source: String,
    failures: RateLimit,
    /// Whether it went to the current address, and not to a held one.
    pub(crate) proves_address: bool,
}

impl MailCodes {
    /// Enqueues an e-mail with the mail code of `account`: the current one of the group, or else a new
    /// one. One read and one transaction.
    ///
    /// A request never voids a code that can still be used. So a stranger cannot, either.
    ///
    /// # Errors
    /// [`Error::RateLimited`].
    pub async fn send(
        &self,
        account: &Account,
        group: MailCodeGroup,
        limits: &RateLimits,
        actor: &Actor,
    ) -> Result<MailCode> {
        let user = &account.user;
        let requests = limits.mail_requests("mail-code", user, &actor.source());
        // Whoever signed up with another's address is a known source, too.
        let (_, is_verified) = user.recovery_email();
        let is_owner = is_verified && rate_limits::is_known_source(user, &actor.source());
        let key = key_of(account, group);
        for _ in 0..MAX_REPLACEMENTS {
            let stored = self.database.get(&key).await?;
            let code = StoredCode::current(stored.as_ref(), user)?;
            let (code, write) = match code {
                Some(code) => {
                    let check = code.still_current(&key, user);
                    (code, Write::Check(check, Conflict::Code))
                }
                None => {
                    let code = StoredCode::new()?;
                    let write = code.replace(&key, user, stored.as_ref())?;
                    (code, write)
                }
            };
            let kind = NotificationKind::ResetCode {
                mail_code: code.uuid,
                requested: !is_owner,
            };
            let message = match account.exists() {
                true => outbox::enqueue(&kind, user, actor.language)?,
                false => outbox::enqueue_nothing()?,
            };
            let event = AuditEvent::CodeRequested;
            let record = self.audit_log.record(account.id(), event, actor)?;
            let writes = || vec![write.clone(), message.clone(), record.clone()];
            let written = limits
                .limiter()
                .write(&requests, account.id(), actor, writes)
                .await?;
            if let WriteOutcome::Committed = written {
                return code.public(user.id(), group);
            }
            // Another request has replaced or used the code meanwhile.
        }
        Err(InternalError::new("a mail code is being replaced too often").into())
    }

    /// Counts a try, then compares `code`. One read, one transaction, and one write of an audit
    /// record if the code is wrong.
    ///
    /// # Errors
    /// [`Error::BadCode`] if the code is wrong, used, revoked or tried too often, or if there is no
    /// mail code; [`Error::ExpiredCode`]; [`Error::RateLimited`] if the source has failed too often.
    pub async fn verify(
        &self,
        account: &Account,
        group: MailCodeGroup,
        (code, codes): (&str, &CodeDeriver),
        limits: &RateLimits,
        actor: &Actor,
    ) -> Result<VerifiedCode> {
        let (user, source) = (&account.user, actor.source());
        let tried = VerifiedCode {
            key: key_of(account, group),
            uuid: Uuid::nil(),
            source: source.hash(&user.uuid.to_string()),
            failures: limits.failures(&source),
            proves_address: user.held_email().is_none(),
        };
        let is_trusted = rate_limits::is_known_source(user, &source);
        let outcome = self
            .count_try(tried, account, is_trusted, limits, actor)
            .await?;
        let error = match outcome {
            Ok(tried) => {
                let is_right = codes.is_code(code, tried.uuid).await?;
                if is_right && account.exists() {
                    return Ok(tried);
                }
                Error::BadCode
            }
            Err(error) => {
                let failures = [limits.failures(&source)];
                let user = account.id();
                limits.limiter().consume(&failures, user, actor).await?;
                error
            }
        };
        let event = AuditEvent::WrongCode;
        let record = self.audit_log.record(account.id(), event, actor)?;
        self.database.write(vec![record]).await?;
        Err(error)
    }

    /// Counts a try of the current code, and a failure of the source. Returns the code's UUID,
    /// or the error if it accepts no more tries. Nothing is counted then.
    async fn count_try(
        &self,
        tried: VerifiedCode,
        account: &Account,
        is_trusted: bool,
        limits: &RateLimits,
        actor: &Actor,
    ) -> Result<Result<VerifiedCode>> {
        let user = &account.user;
        let Some(stored) = self.database.get(&tried.key).await? else {
            return Ok(Err(Error::BadCode));
        };
        if let Some(error) = rejection(&ItemReader(&stored), user)? {
            return Ok(Err(error));
        }
        let StoredCode { uuid, ends_at, .. } = StoredCode::from_item(&stored)?;
        let tried = VerifiedCode { uuid, ..tried };
        let count = tried.count(user, is_trusted);
        let writes = || vec![Write::Update(count.clone(), Conflict::Code)];
        let failures = [tried.failures.clone()];
        let written = limits
            .limiter()
            .write(&failures, account.id(), actor, writes)
            .await?;
        Ok(match written {
            WriteOutcome::Committed => Ok(tried),
            WriteOutcome::ConditionFailed(_) if ends_at <= clock::seconds() => {
                Err(Error::ExpiredCode)
            }
            WriteOutcome::ConditionFailed(_) => Err(Error::BadCode),
        })
    }

    /// Takes back the try of a right code, which stays valid. One transaction.
    ///
    /// # Errors
    /// Only an internal error.
    pub async fn give_back(&self, code: &VerifiedCode) -> Result<()> {
        let refund = Update {
            key: code.key.clone(),
            expression: "SET tries = tries - :one, sources.#source = sources.#source - :one".into(),
            // Without the source's count, an operator has cleared the tries meanwhile.
            condition: "#uuid = :uuid AND attribute_exists(sources.#source)".into(),
            names: vec![
                ("#source".into(), code.source.clone()),
                ("#uuid".into(), "uuid".into()),
            ],
            values: vec![
                (":one".into(), number(1)),
                (":uuid".into(), text(code.uuid)),
            ],
        };
        // The condition fails if the code was replaced meanwhile. Its tries no longer matter then.
        let refunds = vec![
            Write::Update(refund, Conflict::Code),
            code.failures.refund(),
        ];
        self.database.write(refunds).await?;
        Ok(())
    }
}

/// The write that resets the tries of the mail code of `user`. Its condition fails if there is none.
pub(super) fn clear_tries(user: &User) -> Write {
    let clear = Update {
        key: key::mail_code(user.id(), MailCodeGroup::Password.number()),
        expression: "SET tries = :none, sources = :empty".into(),
        condition: "attribute_exists(pk)".into(),
        names: vec![],
        values: vec![
            (":none".into(), number(0)),
            (":empty".into(), map(Item::new())),
        ],
    };
    Write::Update(clear, Conflict::Code)
}

/// The writes that replace the mail code of `user` and enqueue its e-mail, which nobody asked for.
///
/// # Errors
/// Only an internal error.
pub(super) fn issue(
    user: &User,
    group: MailCodeGroup,
    language: Language,
) -> Result<Vec<Write>, InternalError> {
    let code = StoredCode::new()?;
    let kind = NotificationKind::ResetCode {
        mail_code: code.uuid,
        requested: false,
    };
    let key = key::mail_code(user.id(), group.number());
    Ok(vec![
        Write::Put(key, code.to_item(user)),
        outbox::enqueue(&kind, user, language)?,
    ])
}

/// A mail code as stored, without its tries.
struct StoredCode {
    uuid: Uuid,
    created_at: Timestamp,
    ends_at: u64,
    /// Differs from that of the code which this one replaces.
    version: u64,
}

impl StoredCode {
    /// A new code.
    fn new() -> Result<Self, InternalError> {
        let created_at = clock::now();
        let version = u64::from_le_bytes(random::bytes()?);
        Ok(Self {
            version,
            uuid: new_uuid(created_at)?,
            created_at,
            ends_at: clock::seconds().saturating_add(mail_code::VALID_SECONDS),
        })
    }

    fn from_item(item: &Item) -> Result<Self, InternalError> {
        let reader = ItemReader(item);
        Ok(Self {
            uuid: reader.uuid("uuid")?,
            created_at: reader.time("created_at")?,
            ends_at: reader.number("ends_at")?,
            version: reader.number("version")?,
        })
    }

    /// The code of an item, if it can still be used.
    fn current(item: Option<&Item>, user: &User) -> Result<Option<Self>, InternalError> {
        let Some(item) = item else {
            return Ok(None);
        };
        let is_current = rejection(&ItemReader(item), user)?.is_none();
        is_current.then(|| Self::from_item(item)).transpose()
    }

    /// The condition that the code can still be used.
    fn still_current(&self, key: &Key, user: &User) -> Check {
        Check {
            key: key.clone(),
            condition: format!("#uuid = :uuid AND {USABLE}"),
            names: vec![("#uuid".into(), "uuid".into())],
            values: usable_values(user)
                .into_iter()
                .chain([(":uuid".into(), text(self.uuid))])
                .collect(),
        }
    }

    /// The write that creates the code, or replaces the `former` one as read.
    fn replace(
        &self,
        key: &Key,
        user: &User,
        former: Option<&Item>,
    ) -> Result<Write, InternalError> {
        let item = self.to_item(user);
        let key = key.clone();
        Ok(match former {
            Some(former) => {
                let version = ItemReader(former).number("version")?;
                Write::ReplaceIfVersion(key, item, version, Conflict::Code)
            }
            None => Write::Create(key, item, Conflict::Code),
        })
    }

    /// The item, without tries.
    fn to_item(&self, user: &User) -> Item {
        Item::from([
            ("uuid".into(), text(self.uuid)),
            ("binding".into(), text(binding(user))),
            ("tries".into(), number(0)),
            ("sources".into(), map(Item::new())),
            ("used".into(), flag(false)),
            ("version".into(), number(self.version)),
            ("created_at".into(), time(self.created_at)),
            ("ends_at".into(), number(self.ends_at)),
            (
                "expires_at".into(),
                number(self.ends_at.saturating_add(RETENTION_SECONDS)),
            ),
        ])
    }

    /// The public attributes.
    fn public(self, user: UserId, group: MailCodeGroup) -> Result<MailCode> {
        Ok(MailCode {
            uuid: self.uuid,
            user,
            group,
            created_at: self.created_at,
            expires_at: timestamp(self.ends_at)?,
        })
    }
}

/// The key of the account's mail code. An unknown account has one too, apart from all users'.
fn key_of(account: &Account, group: MailCodeGroup) -> Key {
    match account.id() {
        Some(id) => key::mail_code(id, group.number()),
        None => key::mail_code_of_unknown(account.user.uuid, group.number()),
    }
}

/// The condition that a code can be used.
const USABLE: &str = "ends_at > :now AND used = :no AND binding = :binding";

/// The values in [`USABLE`].
fn usable_values(user: &User) -> Vec<(String, AttributeValue)> {
    vec![
        (":now".into(), number(clock::seconds())),
        (":no".into(), flag(false)),
        (":binding".into(), text(binding(user))),
    ]
}

/// The error of a mail code that cannot be used. `None` if it can.
fn rejection(stored: &ItemReader<'_>, user: &User) -> Result<Option<Error>, InternalError> {
    let revoked = stored.flag("used")? || stored.maybe_text("binding") != Some(binding(user));
    let expired = stored.number("ends_at")? <= clock::seconds();
    Ok(match (revoked, expired) {
        (true, _) => Some(Error::BadCode),
        (false, true) => Some(Error::ExpiredCode),
        (false, false) => None,
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
    /// The update that counts a try of the code: by its source, and by all sources. A trusted source
    /// is not bound by the latter, so that others cannot use the code up.
    fn count(&self, user: &User, is_trusted: bool) -> Update {
        let by_account = if is_trusted { "" } else { " AND tries < :max" };
        let by_source =
            "(attribute_not_exists(sources.#source) OR sources.#source < :max_of_source)";
        let mut values = usable_values(user);
        values.extend([
            (":one".into(), number(1)),
            (":none".into(), number(0)),
            (":uuid".into(), text(self.uuid)),
            (":max_of_source".into(), number(MAX_TRIES_OF_SOURCE)),
        ]);
        if !is_trusted {
            values.push((":max".into(), number(MAX_TRIES)));
        }
        Update {
            key: self.key.clone(),
            expression: "SET tries = tries + :one, \
                sources.#source = if_not_exists(sources.#source, :none) + :one"
                .into(),
            condition: format!("#uuid = :uuid AND {USABLE} AND {by_source}{by_account}"),
            names: vec![
                ("#source".into(), self.source.clone()),
                ("#uuid".into(), "uuid".into()),
            ],
            values,
        }
    }

    /// The writes that mark the code as used, and take its try back. The condition fails if the
    /// code was used, replaced or revoked meanwhile, or has expired.
    pub(crate) fn consume(&self, user: &User) -> Vec<Write> {
        let mut values = usable_values(user);
        values.extend([
            (":yes".into(), flag(true)),
            (":uuid".into(), text(self.uuid)),
        ]);
        let update = Update {
            key: self.key.clone(),
            expression: "SET used = :yes".into(),
            condition: format!("#uuid = :uuid AND {USABLE}"),
            names: vec![("#uuid".into(), "uuid".into())],
            values,
        };
        vec![
            Write::Update(update, Conflict::Code),
            self.failures.refund(),
        ]
    }
}

fn timestamp(seconds: u64) -> Result<Timestamp, InternalError> {
    let seconds = seconds
        .try_into()
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds).ok());
    seconds.ok_or_else(|| InternalError::new("a time is out of range"))
}
