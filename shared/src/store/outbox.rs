//! The transactional outbox: e-mails to send, and objects to delete.
//!
//! A message is written in the transaction that causes it, so it exists if and only if that
//! transaction was committed. The table's stream then invokes the mailer, or the avatar cleanup for
//! an object. So no response waits for a mail server, and its duration does not reveal whether an
//! e-mail is sent.
//!
//! A processed message is deleted. So the outbox holds the messages that are not processed yet, and
//! [`Outbox::redrive`] has a new stream record written for each that no function retries any more.

use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::aws::{Connections, FromConfig};
use crate::domain::{Email, InternalError, Language, User, clock, mail_code, new_uuid};
use crate::store::dynamodb::{
    Conflict, Database, Item, ItemReader, Key, Table, Update, Write, WriteOutcome, key, number,
    text,
};
use crate::telemetry::log;

/// How long Lambda retries a record, in seconds: `MaximumRecordAgeInSeconds` in `template.yaml`.
const RETRY_SECONDS: u64 = 6 * 60 * 60;

/// How long a dead letter is kept, in seconds: `MessageRetentionPeriod` in `template.yaml`.
const DEAD_LETTER_SECONDS: u64 = 14 * 24 * 60 * 60;

/// The time for the last attempt of a record, in seconds. It is much longer than a function runs.
const LAST_ATTEMPT_SECONDS: u64 = 10 * 60;

/// How long a message is kept, in seconds: longer than the dead letter of its record.
pub(super) const RETENTION_SECONDS: u64 =
    RETRY_SECONDS + LAST_ATTEMPT_SECONDS + DEAD_LETTER_SECONDS + 24 * 60 * 60;

/// How many messages the deletion of a user deletes at most. A transaction has at most 100 writes
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>).
const MAX_DELETED: usize = 80;

/// The attribute that the table's TTL reads.
const EXPIRES_AT: &str = "expires_at";

/// The attribute of a code that somebody asked for.
const REQUESTED: &str = "requested";

/// The kind of a message that requests the deletion of an object.
const DELETE_OBJECT: &str = "delete-object";

/// The kind of a message that requests nothing.
const NOTHING: &str = "nothing";

/// The subject of an e-mail. It holds no secret: the mailer derives codes and tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotificationKind {
    /// The link that verifies the address.
    VerifyEmail {
        /// The version of the user's address.
        version: u64,
    },
    /// The code for a forgotten password.
    ResetCode {
        /// The mail code.
        mail_code: Uuid,
        /// Whether a stranger can have asked for it. Otherwise it follows from a change, or the
        /// owner of a verified address asked from a source that they signed in from lately.
        requested: bool,
    },
    /// Somebody signed up with the address, which has an account.
    AddressInUse,
    /// The password was changed.
    PasswordChanged,
    /// The account's address was changed. Sent to the former address, if it was verified.
    EmailChanged {
        /// The hold on the former address, which allows to undo the change. `None` if an earlier
        /// address is held.
        hold: Option<EmailHold>,
    },
}

/// A hold on a former address, as its link needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EmailHold {
    /// The version of the address that replaced the former one.
    pub version: u64,
    /// The end of the hold, in seconds since 1970.
    pub until: u64,
}

impl NotificationKind {
    fn as_str(&self) -> &'static str {
        match self {
            Self::VerifyEmail { .. } => "verify-email",
            Self::ResetCode { .. } => "reset-code",
            Self::AddressInUse => "address-in-use",
            Self::PasswordChanged => "password-changed",
            Self::EmailChanged { .. } => "email-changed",
        }
    }

    /// Whether anybody can have it sent: codes, verification links, and e-mails after a sign-up.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        match self {
            Self::VerifyEmail { .. } => true,
            Self::ResetCode { requested, .. } => *requested,
            Self::AddressInUse => true,
            Self::PasswordChanged | Self::EmailChanged { .. } => false,
        }
    }

    /// Whether it is about a code that has expired.
    #[must_use]
    pub fn is_expired(&self) -> bool {
        let Self::ResetCode { mail_code, .. } = self else {
            return false;
        };
        let created = mail_code.get_timestamp();
        let created = created.map(|at| at.to_unix().0).unwrap_or_default();
        created.saturating_add(mail_code::VALID_SECONDS) <= clock::seconds()
    }
}

/// An e-mail to send.
#[derive(Debug, Clone, PartialEq)]
pub struct OutboxMessage {
    /// The random id.
    pub id: String,
    /// The subject.
    pub kind: NotificationKind,
    /// The UUID of the recipient.
    pub user: Uuid,
    /// The address, as it was when the message was written.
    pub to: Email,
    /// The name in the greeting. Empty if the address is not verified: whoever reads it may never
    /// have signed up, and must not get a stranger's text.
    pub nickname: String,
    /// The language of the e-mail.
    pub language: Language,
}

impl OutboxMessage {
    /// The message of a stream record.
    ///
    /// # Errors
    /// A permanent error if the record is not a new message.
    pub fn from_record(record: &Value) -> Result<Self, InternalError> {
        let field = |name: &str| attribute(record, name);
        let uuid = |name: &str| {
            let malformed =
                |_| InternalError::permanent(format!("an outbox message whose {name} is no UUID"));
            field(name)?.parse().map_err(malformed)
        };
        let number = |name: &str| {
            let malformed = |_| {
                InternalError::permanent(format!("an outbox message whose {name} is no number"))
            };
            field(name)?.parse().map_err(malformed)
        };
        let kind = match field("kind")? {
            "verify-email" => NotificationKind::VerifyEmail {
                version: number("email_version")?,
            },
            "reset-code" => NotificationKind::ResetCode {
                mail_code: uuid("mail_code")?,
                requested: field(REQUESTED).is_ok(),
            },
            "address-in-use" => NotificationKind::AddressInUse,
            "password-changed" => NotificationKind::PasswordChanged,
            "email-changed" => NotificationKind::EmailChanged {
                hold: match field("held_until") {
                    Ok(_) => Some(EmailHold {
                        version: number("email_version")?,
                        until: number("held_until")?,
                    }),
                    Err(_) => None,
                },
            },
            _ => {
                return Err(InternalError::permanent(
                    "an outbox message of an unknown kind",
                ));
            }
        };
        let language = field("language")?
            .parse()
            .map_err(|_| InternalError::permanent("an outbox message in an unknown language"))?;
        Ok(Self {
            id: field("pk")?.into(),
            kind,
            user: uuid("user")?,
            to: Email::stored(field("to")?.into()),
            nickname: field("nickname").unwrap_or_default().into(),
            language,
        })
    }
}

/// The write that enqueues an e-mail to `to`. During a hold, whatever is about the password goes to
/// the former address.
///
/// # Errors
/// Only an internal error.
pub(crate) fn enqueue(
    kind: &NotificationKind,
    to: &User,
    language: Language,
) -> Result<Write, InternalError> {
    let (address, verified) = match kind {
        NotificationKind::ResetCode { .. } | NotificationKind::PasswordChanged => {
            to.recovery_email()
        }
        NotificationKind::VerifyEmail { .. }
        | NotificationKind::AddressInUse
        | NotificationKind::EmailChanged { .. } => (&to.email, to.email_verified),
    };
    let mut item = Item::from([
        ("user".into(), text(to.uuid)),
        ("to".into(), text(address)),
        ("language".into(), text(language.as_str())),
    ]);
    if verified {
        item.extend([("nickname".into(), text(&to.nickname))]);
    }
    match kind {
        NotificationKind::VerifyEmail { version } => {
            item.extend([("email_version".into(), text(version))]);
        }
        NotificationKind::ResetCode {
            mail_code,
            requested,
        } => {
            item.extend([("mail_code".into(), text(mail_code))]);
            item.extend(requested.then(|| (REQUESTED.into(), text("yes"))));
        }
        NotificationKind::EmailChanged { hold: Some(hold) } => {
            item.extend([
                ("email_version".into(), text(hold.version)),
                ("held_until".into(), text(hold.until)),
            ]);
        }
        NotificationKind::AddressInUse
        | NotificationKind::PasswordChanged
        | NotificationKind::EmailChanged { hold: None } => {}
    }
    create(kind.as_str(), item)
}

/// A write like the others that no function processes.
///
/// A request that must not reveal whether an account exists writes it instead of an e-mail.
///
/// # Errors
/// Only an internal error.
pub(crate) fn enqueue_nothing() -> Result<Write, InternalError> {
    create(NOTHING, Item::new())
}

/// The write that enqueues the deletion of the object at `key`, which no user refers to any more.
///
/// # Errors
/// Only an internal error.
pub(crate) fn enqueue_object_deletion(key: &str) -> Result<Write, InternalError> {
    create(DELETE_OBJECT, Item::from([("key".into(), text(key))]))
}

fn create(kind: &str, mut item: Item) -> Result<Write, InternalError> {
    let id = new_uuid(clock::now())?;
    let expires_at = clock::seconds().saturating_add(RETENTION_SECONDS);
    item.extend([
        ("kind".into(), text(kind)),
        (EXPIRES_AT.into(), number(expires_at)),
    ]);
    Ok(Write::Create(
        key::outbox_message(id),
        item,
        Conflict::RandomId,
    ))
}

/// The messages in the outbox, for the functions that process them.
pub struct Outbox {
    database: Database,
}

impl FromConfig for Outbox {
    async fn open(connections: &Connections) -> Result<Self, InternalError> {
        Ok(Self {
            database: connections.shared().await?,
        })
    }
}

/// The result of a redrive.
#[derive(Debug, Default, Serialize)]
pub struct RedriveReport {
    /// How many e-mails have a new stream record.
    pub mails: u64,
    /// How many deletions of objects have a new stream record.
    pub objects: u64,
    /// Whether the time ran out before the last message.
    pub more: bool,
}

impl Outbox {
    /// Deletes the processed message of a stream record.
    ///
    /// A failure is logged and ignored: a retry of the record would process the message again. The
    /// message then stays until it expires, and a redrive would repeat it.
    pub async fn complete(&self, record: &Value) {
        let deleted = match attribute(record, "pk").map(str::parse) {
            Ok(Ok(id)) => {
                let delete = Write::Delete(key::outbox_message(id));
                self.database.write(vec![delete]).await.map(drop)
            }
            _ => Err(InternalError::new("an outbox message whose pk is no UUID")),
        };
        if let Err(error) = deleted {
            log::warning("a processed message stays in the outbox", &error);
        }
    }

    /// Writes each message again that no function retries any more, for at most `budget`. Its new
    /// stream record lets its function process it, and it is kept as long as a new message.
    ///
    /// A message that is processed or deleted meanwhile is not written.
    ///
    /// # Errors
    /// Only an internal error. A second redrive continues with the remaining messages.
    pub async fn redrive(&self, budget: Duration) -> Result<RedriveReport, InternalError> {
        let deadline = Instant::now() + budget;
        let now = clock::seconds();
        let expires_at = now.saturating_add(RETENTION_SECONDS);
        let retried = RETRY_SECONDS + LAST_ATTEMPT_SECONDS;
        let mut report = RedriveReport::default();
        let (last, names) = (expires_at - retried, ["pk", "kind", EXPIRES_AT]);
        for item in self.database.expiring(Table::Outbox, last, &names).await? {
            let item = ItemReader(&item);
            let kind = item.text("kind")?;
            if kind == NOTHING {
                continue;
            }
            if Instant::now() >= deadline {
                report.more = true;
                break;
            }
            let update = Update {
                key: key::outbox_message(item.uuid("pk")?),
                expression: format!("SET {EXPIRES_AT} = :end"),
                condition: format!("{EXPIRES_AT} = :was"),
                names: vec![],
                values: vec![
                    (":end".into(), number(expires_at)),
                    (":was".into(), number(item.number(EXPIRES_AT)?)),
                ],
            };
            let update = Write::Update(update, Conflict::Message);
            if let WriteOutcome::Committed = self.database.write(vec![update]).await? {
                let counter = if kind == DELETE_OBJECT {
                    &mut report.objects
                } else {
                    &mut report.mails
                };
                *counter += 1;
            }
        }
        Ok(report)
    }
}

/// The key of the object that a stream record requests to delete.
///
/// # Errors
/// A permanent error if the record is of another kind.
pub fn object_to_delete(record: &Value) -> Result<&str, InternalError> {
    if attribute(record, "kind")? == DELETE_OBJECT {
        attribute(record, "key")
    } else {
        Err(InternalError::permanent(
            "an outbox message that deletes no object",
        ))
    }
}

/// A string attribute of the new item in a stream record
/// (<https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html>).
fn attribute<'a>(record: &'a Value, name: &str) -> Result<&'a str, InternalError> {
    let image = record
        .get("dynamodb")
        .and_then(|change| change.get("NewImage"));
    let value = image.and_then(|image| image.get(name)?.get("S")?.as_str());
    let missing = || InternalError::permanent(format!("an outbox message without {name}"));
    value.ok_or_else(missing)
}

/// The keys of the messages to `to` in the outbox: at most [`MAX_DELETED`]. The others are deleted
/// when they are sent.
pub(crate) async fn messages_to(database: &Database, to: &User) -> Result<Vec<Key>, InternalError> {
    let found = database
        .search(Table::Outbox, "user", &to.uuid.to_string())
        .await?;
    let keys = found
        .iter()
        .take(MAX_DELETED)
        .map(|message| ItemReader(message).uuid("pk").map(key::outbox_message));
    keys.collect()
}
