//! Rate limits with fixed windows.
//!
//! A limit is one item with a count and the end of its window. A try is counted before it is
//! evaluated, in one transaction for all its limits. So concurrent tries cannot exceed a limit, and
//! a try that fails halfway stays counted. A failed condition returns no counter, so each counter
//! whose condition failed is read. Only a request that may be refused reads any.
//!
//! Tries of a secret have three limits: by account and source, by source, and by account. A
//! stranger can use up the first two of their own source only. They can use up the third one, but
//! it does not bind the sources that the account signed in from lately. So nobody can lock the
//! owner out.

use uuid::Uuid;

use crate::aws::{Connections, FromConfig};
use crate::domain::{
    Account, Actor, AuditEvent, Error, InternalError, Result, Source, User, UserId, clock,
};
use crate::store::AuditLog;
use crate::store::dynamodb::{
    Check, Conflict, Database, Item, ItemReader, Key, Update, Write, WriteOutcome, flag, key,
    number,
};

/// The attributes of a counter: the tries, the end of their window, and whether a refusal is recorded.
pub(super) const ATTRIBUTES: [&str; 3] = ["tries", "expires_at", "refused"];
/// Those that a check of a limit names.
pub(super) const CHECKED_ATTRIBUTES: [&str; 2] = ["tries", "expires_at"];

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// How many requests for mails to an account are allowed for each one from a single source.
const SOURCES_PER_ACCOUNT: u64 = 3;
/// How many refusals that reveal another account a signed-in user gets in an hour.
const CONFLICTS_PER_HOUR: u64 = 20;
/// How often a user may change the e-mail address in a day. The notices to a former address must not
/// use up what an address gets in a day: a later link to undo a change must reach it.
const EMAIL_CHANGES_PER_DAY: u64 = 6;

/// The configured rate limits.
pub struct RateLimits {
    limiter: RateLimiter,
    login_tries: u64,
    source_tries: u64,
    account_tries: u64,
    sign_ups_per_hour: u64,
    mails_per_day: u64,
}

impl FromConfig for RateLimits {
    async fn open(connections: &Connections) -> Result<Self, InternalError> {
        let config = &connections.config;
        Ok(Self {
            limiter: RateLimiter {
                database: connections.shared().await?,
                audit_log: AuditLog::from_config(config)?,
            },
            login_tries: config.required_u64("LOGIN_TRIES")?,
            source_tries: config.required_u64("SOURCE_TRIES")?,
            account_tries: config.required_u64("ACCOUNT_TRIES")?,
            sign_ups_per_hour: config.required_u64("SIGN_UPS_PER_HOUR")?,
            mails_per_day: config.required_u64("MAILS_PER_DAY")?,
        })
    }
}

impl RateLimits {
    /// The limits of password tries for `account`.
    ///
    /// Unknown accounts are limited too, so a limit does not reveal which ones exist. It does reveal
    /// that a user name and an e-mail share an account. Separate counts would double the guesses per
    /// password.
    ///
    /// `token_holder` is the user of an access token in the request, and their token version. It may
    /// have expired, but not be older than the password.
    #[must_use]
    pub fn password_tries(
        &self,
        account: &Account,
        actor: &Actor,
        token_holder: Option<(Uuid, u64)>,
    ) -> PasswordTries {
        let (source, user) = (actor.source(), account.id());
        let holder = (account.user.uuid, account.user.token_version);
        let is_trusted = token_holder == Some(holder) || is_known_source(&account.user, &source);
        let account = subject(&account.user);
        let by_account = if is_trusted {
            u64::MAX
        } else {
            self.account_tries
        };
        PasswordTries {
            by_account_and_source: RateLimit::new(
                "login",
                &of_source(&account, &source),
                self.login_tries,
                15 * MINUTE,
            ),
            by_source: self.failures(&source),
            by_account: RateLimit::new("account", &account, by_account, DAY),
            user,
        }
    }

    /// The limit of failures from a source, over all accounts and routes.
    pub(super) fn failures(&self, source: &Source) -> RateLimit {
        RateLimit::new("source", source.as_str(), self.source_tries, 15 * MINUTE)
    }

    /// The limits of mails of one `kind` that a source requests for `user`: for both, for the source,
    /// and for the user, unless the user signed in from it lately. A source with too many failures may
    /// not request any.
    pub(super) fn mail_requests(&self, kind: &str, user: &User, source: &Source) -> [RateLimit; 4] {
        let account = subject(user);
        let by_account = match is_known_source(user, source) {
            true => u64::MAX,
            false => self.mails_per_day.saturating_mul(SOURCES_PER_ACCOUNT),
        };
        [
            RateLimit::new(kind, &of_source(&account, source), self.mails_per_day, DAY),
            RateLimit::new(kind, &account, by_account, DAY),
            RateLimit::new("mails", source.as_str(), self.source_tries, DAY),
            self.failures(source).only_checked(),
        ]
    }

    /// Counts one sign-up from the actor's source, before its password is hashed. One write.
    ///
    /// # Errors
    /// [`Error::RateLimited`].
    pub async fn consume_sign_up(&self, actor: &Actor) -> Result<()> {
        let source = actor.source();
        let max = self.sign_ups_per_hour;
        let limit = RateLimit::new("sign-up", source.as_str(), max, HOUR);
        self.limiter.consume(&[limit], None, actor).await
    }

    /// Counts one try of a password. One write.
    ///
    /// # Errors
    /// [`Error::RateLimited`].
    pub async fn consume_password_try(&self, tries: &PasswordTries, actor: &Actor) -> Result<()> {
        self.limiter
            .consume(&tries.limits(), tries.user, actor)
            .await
    }

    /// Takes a try back, after the right password. One transaction.
    ///
    /// # Errors
    /// Only an internal error.
    pub async fn give_back(&self, tries: &PasswordTries) -> Result<()> {
        self.limiter.database.write(tries.succeed()).await?;
        Ok(())
    }

    /// Counts an `outcome` that reveals whether an account exists as a failure of the actor's
    /// source.
    ///
    /// # Errors
    /// The error of `outcome`; [`Error::RateLimited`] instead if the limit is used up.
    pub async fn count_failure<T>(&self, outcome: Result<T>, actor: &Actor) -> Result<T> {
        if let Err(Error::NoSuchAccount | Error::AlreadyVerified) = outcome {
            let limit = self.failures(&actor.source());
            self.limiter.consume(&[limit], None, actor).await?;
        }
        outcome
    }

    /// The limiter, for limits that other stores define.
    pub(super) fn limiter(&self) -> &RateLimiter {
        &self.limiter
    }
}

/// The limits of one user's changes of unique names, by refusals that reveal another account.
pub(super) fn name_conflicts(user: Uuid) -> RateLimit {
    RateLimit::new("conflicts", &user.to_string(), CONFLICTS_PER_HOUR, HOUR)
}

/// The limit of one user's changes of the e-mail address.
pub(super) fn email_changes(user: &User) -> RateLimit {
    RateLimit::new("email", &subject(user), EMAIL_CHANGES_PER_DAY, DAY)
}

/// The write that resets the limit of [`name_conflicts`].
pub(super) fn clear_name_conflicts(user: Uuid) -> Write {
    Write::Delete(name_conflicts(user).key)
}

/// The keys of a user's counters without a source. The others expire within a day.
pub(super) fn keys_of(user: &User) -> [Key; 5] {
    let account = subject(user);
    [
        key::rate_limit("account", &account),
        key::rate_limit("mail-code", &account),
        key::rate_limit("verify", &account),
        key::rate_limit("email", &account),
        key::rate_limit("conflicts", &user.uuid.to_string()),
    ]
}

/// Whether `user` signed in from the source during the last 30 days.
pub(super) fn is_known_source(user: &User, source: &Source) -> bool {
    let hash = source.hash(&user.uuid.to_string());
    user.known_sources.contains(&hash, clock::seconds())
}

/// The account in the keys of its counters. An operator resets them by a new epoch.
fn subject(user: &User) -> String {
    format!("{}.{}", user.uuid, user.limit_epoch)
}

/// The account and the source in the keys of their counters, as a hash. They name neither.
fn of_source(account: &str, source: &Source) -> String {
    source.hash(account)
}

/// The limits of password tries for one account from one source.
pub struct PasswordTries {
    by_account_and_source: RateLimit,
    by_source: RateLimit,
    by_account: RateLimit,
    /// The account, if it exists.
    user: Option<UserId>,
}

impl PasswordTries {
    fn limits(&self) -> [RateLimit; 3] {
        [
            self.by_account_and_source.clone(),
            self.by_source.clone(),
            self.by_account.clone(),
        ]
    }

    /// The writes after a right password: the count by account and source starts again, and the
    /// try was no failure.
    pub(crate) fn succeed(&self) -> Vec<Write> {
        vec![
            Write::Delete(self.by_account_and_source.key.clone()),
            self.by_source.refund(),
            self.by_account.refund(),
        ]
    }
}

/// One rate limit.
#[derive(Debug, Clone)]
pub struct RateLimit {
    key: Key,
    max: u64,
    /// The length of the window.
    seconds: u64,
    /// Whether a try is counted. Otherwise it only fails if the limit is used up.
    counts: bool,
}

impl RateLimit {
    fn new(kind: &str, subject: &str, max: u64, seconds: u64) -> Self {
        Self {
            key: key::rate_limit(kind, subject),
            max,
            seconds,
            counts: true,
        }
    }

    /// The limit for tries that it does not count. They fail if it is used up.
    pub(super) fn only_checked(self) -> Self {
        Self {
            counts: false,
            ..self
        }
    }

    /// The write that takes one try back.
    ///
    /// It has no condition. If the window has ended meanwhile, the next window allows one more try.
    pub(crate) fn refund(&self) -> Write {
        Write::Increment(self.key.clone(), vec![("tries".into(), -1)])
    }

    /// The write for one try. Its `position` among the limits identifies it if it fails. `ended`
    /// is the end of a former window.
    pub(super) fn write(&self, position: usize, ended: Option<u64>) -> Write {
        let conflict = Conflict::RateLimit(position);
        match self.counts {
            true => Write::Update(self.increment(ended), conflict),
            false => Write::Check(self.check(), conflict),
        }
    }

    /// The condition that the limit is not used up.
    fn check(&self) -> Check {
        Check {
            key: self.key.clone(),
            condition: "attribute_not_exists(expires_at) OR tries < :max OR expires_at <= :now"
                .into(),
            names: vec![],
            values: vec![
                (":max".into(), number(self.max)),
                (":now".into(), number(clock::seconds())),
            ],
        }
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
                    "attribute_not_exists(expires_at) OR (tries < :max AND expires_at > :now)",
                )
            }
            Some(ended) => {
                values.push(value("ended", ended));
                (
                    "SET tries = :one, expires_at = :end REMOVE refused",
                    "attribute_not_exists(expires_at) OR expires_at = :ended",
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
}

/// The window of a counter, read after the condition of its write failed.
enum Window {
    /// It has ended at this time. `None` if the counter was deleted meanwhile.
    Past(Option<u64>),
    /// The limit is not used up any more, because another request has started a window or taken a
    /// try back.
    Open,
    /// The limit is used up.
    UsedUp {
        /// When it ends.
        end: u64,
        /// Whether a refusal in this window is in the audit log.
        is_recorded: bool,
    },
}

impl Window {
    /// DynamoDB's TTL deletes items late, so the time is compared here.
    fn of(counter: Option<&Item>, max: u64) -> Result<Self, InternalError> {
        let Some(counter) = counter.filter(|counter| counter.contains_key("expires_at")) else {
            return Ok(Self::Past(None));
        };
        let reader = ItemReader(counter);
        let end = reader.number("expires_at")?;
        // Tries taken back from a deleted counter can make the next count negative.
        let is_used_up = reader.number("tries").is_ok_and(|tries| tries >= max);
        Ok(if end <= clock::seconds() {
            Self::Past(Some(end))
        } else if is_used_up {
            let is_recorded = counter.contains_key("refused");
            Self::UsedUp { end, is_recorded }
        } else {
            Self::Open
        })
    }
}

/// The counters of rate limits.
#[derive(Clone)]
pub(super) struct RateLimiter {
    pub(super) database: Database,
    pub(super) audit_log: AuditLog,
}

impl RateLimiter {
    /// Counts one try against all `limits`, or against none. One write. A refusal also reads the
    /// used-up counters, and is recorded in the audit log of `user` once per window.
    ///
    /// # Errors
    /// [`Error::RateLimited`] if a limit is used up.
    pub(super) async fn consume(
        &self,
        limits: &[RateLimit],
        user: Option<UserId>,
        actor: &Actor,
    ) -> Result<()> {
        self.write(limits, user, actor, Vec::new).await?;
        Ok(())
    }

    /// Applies `writes` and counts one try in the same transaction. If a condition of `writes`
    /// fails, the try is not counted.
    ///
    /// # Errors
    /// [`Error::RateLimited`] if a limit is used up, even if a condition of `writes` fails too: the
    /// response must not reveal the outcome of a try beyond the limit.
    pub(super) async fn write(
        &self,
        limits: &[RateLimit],
        user: Option<UserId>,
        actor: &Actor,
        writes: impl Fn() -> Vec<Write>,
    ) -> Result<WriteOutcome> {
        let mut ended = vec![None; limits.len()];
        loop {
            let counted = limits.iter().zip(&ended).enumerate();
            let counted = counted.map(|(position, (limit, ended))| limit.write(position, *ended));
            let mut all = writes();
            all.extend(counted);
            let failed = match self.database.write(all).await? {
                WriteOutcome::Committed => return Ok(WriteOutcome::Committed),
                WriteOutcome::ConditionFailed(failed) => failed,
            };
            let (mut counters, mut last) = (0, None);
            for conflict in &failed {
                let Conflict::RateLimit(position) = *conflict else {
                    continue;
                };
                let (Some(limit), Some(ended)) = (limits.get(position), ended.get_mut(position))
                else {
                    continue;
                };
                counters += 1;
                if ended.take().is_some() {
                    continue; // another request has started the new window, so count in it
                }
                match self.window(limit).await? {
                    Window::Past(end) => *ended = end,
                    Window::Open => {}
                    Window::UsedUp { end, is_recorded } => {
                        if !is_recorded {
                            self.record_refusal(limit, end, user, actor).await?;
                        }
                        last = last.max(Some(end));
                    }
                }
            }
            if let Some(end) = last {
                return Err(refusal(end));
            }
            if counters == 0 {
                return Ok(WriteOutcome::ConditionFailed(failed));
            }
        }
    }

    /// Fails if the limit is used up. Records the first refusal of a window. One read.
    ///
    /// # Errors
    /// [`Error::RateLimited`].
    pub(super) async fn refuse_if_used_up(
        &self,
        limit: &RateLimit,
        user: Option<UserId>,
        actor: &Actor,
    ) -> Result<()> {
        let Window::UsedUp { end, is_recorded } = self.window(limit).await? else {
            return Ok(());
        };
        if !is_recorded {
            self.record_refusal(limit, end, user, actor).await?;
        }
        Err(refusal(end))
    }

    async fn window(&self, limit: &RateLimit) -> Result<Window, InternalError> {
        let counter = self.database.get(&limit.key).await?;
        Window::of(counter.as_ref(), limit.max)
    }

    /// Records a refusal, unless another request recorded one in the window that ends at `end`.
    async fn record_refusal(
        &self,
        limit: &RateLimit,
        end: u64,
        user: Option<UserId>,
        actor: &Actor,
    ) -> Result<()> {
        let mark = Update {
            key: limit.key.clone(),
            expression: "SET refused = :yes".into(),
            condition: "attribute_not_exists(refused) AND expires_at = :end".into(),
            names: vec![],
            values: vec![(":yes".into(), flag(true)), (":end".into(), number(end))],
        };
        let record = self
            .audit_log
            .record(user, AuditEvent::RateLimited, actor)?;
        self.database
            .write(vec![Write::Update(mark, Conflict::RateLimit(0)), record])
            .await?;
        Ok(())
    }
}

/// The error of a request until the window ends.
fn refusal(end: u64) -> Error {
    Error::RateLimited {
        retry_after: end.saturating_sub(clock::seconds()),
    }
}
