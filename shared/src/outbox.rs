//! The outbox: a mail is an item, written in the transaction that it tells of. The table's
//! stream starts the mailer, which sends it. So a mail is lost only with its cause, an answer
//! waits for no mail server, and its timing tells nothing. The deletion of a picture goes the
//! same way, to the sweeper: it comes to pass once the change has that nobody points to it.

use serde_json::Value;
use uuid::Uuid;

use crate::captchas;
use crate::database::{Conflict, Database, Item, Key, Reading, Table, Write, key, number, text};
use crate::limits::Limit;
use crate::{Email, Fault, Language, User, Users, clock, user};

/// How long an item stays: longer than the mailer tries.
const KEPT_SECONDS: u64 = 24 * 60 * 60;

/// A transaction takes 100 writes, of which some are others.
const MOST_ENDED: usize = 80;

/// What a mail is about. It holds no secret: what must be in the mail is derived when it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Matter {
    /// The link that shows that the address is theirs.
    VerifyEmail {
        /// The version of the address.
        version: u64,
    },
    /// The code for a forgotten password.
    ResetCode {
        /// The captcha.
        captcha: Uuid,
        /// The id of the key that the code is derived with.
        key_id: String,
    },
    /// The password was changed.
    PasswordChanged,
    /// The account has another address now; told to the one before.
    EmailChanged,
}

/// A mail to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Post {
    /// What it is about.
    pub matter: Matter,
    /// To whom.
    pub user: Uuid,
    /// Where to: an address as it was stored.
    pub to: Email,
    /// What to call them.
    pub nickname: String,
    /// What they read.
    pub language: Language,
}

/// The write that has a mail sent to `to`, at the address it has there.
///
/// # Errors
/// Only a fault of ours.
pub(crate) fn post(matter: &Matter, to: &User, language: Language) -> Result<Write, Fault> {
    let id = user::new_uuid(clock::now())?;
    let mut item = Item::from([
        ("matter".into(), text(word(matter))),
        ("user".into(), text(to.uuid)),
        ("to".into(), text(&to.email)),
        ("nickname".into(), text(&to.nickname)),
        ("language".into(), text(language.as_str())),
        (
            "expires_at".into(),
            number(clock::seconds().saturating_add(KEPT_SECONDS)),
        ),
    ]);
    match matter {
        Matter::VerifyEmail { version } => item.extend([("email_version".into(), text(version))]),
        Matter::ResetCode { captcha, key_id } => {
            item.extend([
                ("captcha".into(), text(captcha)),
                ("key_id".into(), text(key_id)),
            ]);
        }
        Matter::PasswordChanged | Matter::EmailChanged => {}
    }
    Ok(Write::Create(key::mail(id), item, Conflict::RandomId))
}

/// The write that has the sweeper delete the picture at `key`, which nobody points to any more.
///
/// # Errors
/// Only a fault of ours.
pub(crate) fn discard(key: &str) -> Result<Write, Fault> {
    let item = Item::from([
        ("matter".into(), text("discard")),
        ("key".into(), text(key)),
        (
            "expires_at".into(),
            number(clock::seconds().saturating_add(KEPT_SECONDS)),
        ),
    ]);
    Ok(Write::Create(
        key::mail(user::new_uuid(clock::now())?),
        item,
        Conflict::RandomId,
    ))
}

/// The key of the picture that a stream record of the outbox has deleted.
///
/// # Errors
/// Where the record is of another matter, which lasts.
pub fn discarded(record: &Value) -> Result<&str, Fault> {
    match attribute(record, "matter")? {
        "discard" => attribute(record, "key"),
        _ => Err(Fault::lasting("an item of the outbox that deletes nothing")),
    }
}

/// A text of the item that a stream record holds, as the Lambda event does.
fn attribute<'a>(record: &'a Value, name: &str) -> Result<&'a str, Fault> {
    let image = record
        .get("dynamodb")
        .and_then(|change| change.get("NewImage"));
    let value = image.and_then(|image| image.get(name)?.get("S")?.as_str());
    value.ok_or_else(|| Fault::lasting(format!("an item of the outbox without {name}")))
}

impl Users {
    /// Has `user` mailed the link that verifies the address. One transaction.
    ///
    /// # Errors
    /// [`Error::TooMany`](crate::Error) where the limit is used up.
    pub async fn send_verification(
        &self,
        user: &User,
        limit: &Limit,
        language: Language,
    ) -> crate::Result<()> {
        let mail = post(
            &Matter::VerifyEmail {
                version: user.email_version,
            },
            user,
            language,
        )?;
        self.database
            .write_counted(Some(limit), || vec![mail.clone()])
            .await?
            .committed()?;
        Ok(())
    }
}

/// The keys of the mails to `to` that the outbox holds, sent or not. As many as one transaction
/// can end; the rest ends by itself, in a day.
pub(crate) async fn mails_to(database: &Database, to: &User) -> Result<Vec<Key>, Fault> {
    let found = database
        .search(Table::Outbox, "user", &to.uuid.to_string())
        .await?;
    let ids = found
        .iter()
        .take(MOST_ENDED)
        .map(|mail| Reading(mail).uuid("pk").map(key::mail));
    ids.collect()
}

fn word(matter: &Matter) -> &'static str {
    match matter {
        Matter::VerifyEmail { .. } => "verify-email",
        Matter::ResetCode { .. } => "reset-code",
        Matter::PasswordChanged => "password-changed",
        Matter::EmailChanged => "email-changed",
    }
}

impl Matter {
    /// Whether it is about a code whose time is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let Self::ResetCode { captcha, .. } = self else {
            return false;
        };
        let made = captcha
            .get_timestamp()
            .map(|at| at.to_unix().0)
            .unwrap_or_default();
        made.saturating_add(captchas::SECONDS) <= clock::seconds()
    }
}

impl Post {
    /// The mail of a stream record of the outbox, as the Lambda event holds it.
    ///
    /// # Errors
    /// Where the record is not one of a new mail, which lasts.
    pub fn of_record(record: &Value) -> Result<Self, Fault> {
        let field = |name: &str| attribute(record, name);
        let uuid = |name: &str| {
            field(name)?
                .parse()
                .map_err(|_| Fault::lasting(format!("a mail whose {name} is no UUID")))
        };
        let matter = match field("matter")? {
            "verify-email" => {
                let unreadable = |_| Fault::new("a mail whose email_version is no number");
                Matter::VerifyEmail {
                    version: field("email_version")?.parse().map_err(unreadable)?,
                }
            }
            "reset-code" => Matter::ResetCode {
                captcha: uuid("captcha")?,
                key_id: field("key_id")?.into(),
            },
            "password-changed" => Matter::PasswordChanged,
            "email-changed" => Matter::EmailChanged,
            _ => return Err(Fault::lasting("a mail of an unknown matter")),
        };
        Ok(Self {
            matter,
            user: uuid("user")?,
            to: Email::stored(field("to")?.into()),
            nickname: field("nickname")?.into(),
            language: field("language")?
                .parse()
                .map_err(|_| Fault::lasting("a mail in an unknown language"))?,
        })
    }
}
