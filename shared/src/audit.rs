//! The audit trail: what was done to an account, when, by whom, from where, and whether it came
//! to pass. An entry is written in the transaction that it tells of, and holds no secret.

use jiff::Timestamp;
use uuid::Uuid;

use crate::authority::Authority;
use crate::database::{Conflict, Item, Reading, Write, key, number, text, time};
use crate::env::Env;
use crate::{Fault, Language, User, UserId, clock, random};

/// Who makes a change: for the trail, and for the mails that tell of it.
#[derive(Debug, Clone)]
pub struct By {
    /// Whose token it was; `None` where nobody has shown who they are.
    pub actor: Option<Uuid>,
    /// The source address, as the gateway saw it.
    pub address: String,
    /// The language they would rather read.
    pub language: Language,
    /// What entitles them to the change.
    pub(crate) authority: Authority,
}

impl By {
    /// The operator, past the API.
    #[must_use]
    pub fn operator() -> Self {
        Self {
            actor: None,
            address: "operator".into(),
            language: Language::Zh,
            authority: Authority::Operator,
        }
    }
}

/// What is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The account was made.
    SignUp,
    /// A login came to pass.
    Login,
    /// A login did not.
    FailedLogin,
    /// The password was changed.
    Password,
    /// The address was changed.
    Email,
    /// The address was shown to be theirs.
    EmailVerified,
    /// What the user may do was changed.
    Access,
    /// The user was blocked.
    Blocked,
    /// A block was lifted.
    Unblocked,
    /// An OpenID was bound, or unbound.
    Wx,
    /// The user was recommended, or is no longer.
    Featured,
    /// The real name was saved.
    RealName,
    /// The real name was sent again, and not saved.
    RealNameAgain,
    /// The account was deleted.
    Deleted,
}

impl Event {
    /// Its name in the trail.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SignUp => "sign-up",
            Self::Login => "login",
            Self::FailedLogin => "failed-login",
            Self::Password => "password",
            Self::Email => "email",
            Self::EmailVerified => "email-verified",
            Self::Access => "access",
            Self::Blocked => "blocked",
            Self::Unblocked => "unblocked",
            Self::Wx => "wx",
            Self::Featured => "featured",
            Self::RealName => "real-name",
            Self::RealNameAgain => "real-name-again",
            Self::Deleted => "deleted",
        }
    }

    /// What the trail keeps of a change from one state of a user to another.
    pub(crate) fn between(from: &User, to: &User) -> Vec<Self> {
        let mut events = Vec::new();
        let mut note = |happened: bool, event| events.extend(happened.then_some(event));
        note(from.email.canonical() != to.email.canonical(), Self::Email);
        note(
            !from.email_verified && to.email_verified,
            Self::EmailVerified,
        );
        note(from.access != to.access, Self::Access);
        note(!from.blocked && to.blocked, Self::Blocked);
        note(from.blocked && !to.blocked, Self::Unblocked);
        note(from.token_version != to.token_version, Self::Password);
        note(from.wx != to.wx, Self::Wx);
        note(from.featured != to.featured, Self::Featured);
        note(
            from.real_name.is_none() && to.real_name.is_some(),
            Self::RealName,
        );
        events
    }
}

/// How long entries are kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trail {
    seconds: u64,
}

impl Trail {
    /// As the variable `AUDIT_DAYS` says.
    pub(crate) fn of(env: &Env) -> Result<Self, Fault> {
        Ok(Self {
            seconds: env.number("AUDIT_DAYS")?.saturating_mul(24 * 60 * 60),
        })
    }

    /// The write of an entry about `user`; about nobody where the account does not exist.
    ///
    /// # Errors
    /// Only a fault of ours.
    pub(crate) fn entry(self, user: Option<UserId>, event: Event, by: &By) -> Result<Write, Fault> {
        let now = clock::now();
        let mut item = Item::from([
            ("event".into(), text(event.name())),
            ("at".into(), time(now)),
            ("address".into(), text(&by.address)),
            (
                "expires_at".into(),
                number(clock::seconds().saturating_add(self.seconds)),
            ),
        ]);
        item.extend(by.actor.map(|actor| ("actor".into(), text(actor))));
        let key = key::trail(user, now, u64::from_le_bytes(random::bytes()?));
        Ok(Write::Create(key, item, Conflict::RandomId))
    }
}

/// An entry of the trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What was done, by its name.
    pub event: String,
    /// When.
    pub at: Timestamp,
    /// By whom, where they had shown who they are.
    pub actor: Option<String>,
    /// From where.
    pub address: String,
}

impl Entry {
    /// The entry of an item.
    pub(crate) fn of(item: &Item) -> Result<Self, Fault> {
        let reading = Reading(item);
        Ok(Self {
            event: reading.text("event")?,
            at: reading.time("at")?,
            actor: reading.maybe_text("actor"),
            address: reading.text("address")?,
        })
    }
}
