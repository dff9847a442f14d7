//! The audit log of account changes and login attempts.
//!
//! A record holds the event, its time, the actor and the client's IP address, and no secret.
//! The record of a change is written in the change's transaction. So it exists if and only if the
//! change was committed.

use jiff::Timestamp;

use crate::aws::Config;
use crate::domain::{Actor, AuditEvent, InternalError, UserId, clock, random};
use crate::store::dynamodb::{Conflict, Item, ItemReader, Write, key, number, text, time};

/// The writer of audit records, with their retention.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AuditLog {
    /// Retention in seconds. DynamoDB's TTL deletes the records after it.
    retention: u64,
}

impl AuditLog {
    /// The audit log with a retention of `AUDIT_DAYS` days.
    pub(crate) fn from_config(config: &Config) -> Result<Self, InternalError> {
        Ok(Self {
            retention: config
                .required_u64("AUDIT_DAYS")?
                .saturating_mul(24 * 60 * 60),
        })
    }

    /// The write of a record about `user`. `None` if no account exists, as after a login with an
    /// unknown name.
    ///
    /// # Errors
    /// Only an internal error.
    pub(crate) fn record(
        self,
        user: Option<UserId>,
        event: AuditEvent,
        actor: &Actor,
    ) -> Result<Write, InternalError> {
        let now = clock::now();
        let mut item = Item::from([
            ("event".into(), text(event.name())),
            ("at".into(), time(now)),
            ("address".into(), text(&actor.client_ip)),
            (
                "expires_at".into(),
                number(clock::seconds().saturating_add(self.retention)),
            ),
        ]);
        item.extend(actor.user.map(|user| ("actor".into(), text(user))));
        let key = key::audit_record(user, now, u64::from_le_bytes(random::bytes()?));
        Ok(Write::Create(key, item, Conflict::RandomId))
    }
}

/// A record of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// The name of the event.
    pub event: String,
    /// The time of the event.
    pub at: Timestamp,
    /// The UUID of the user who acted. `None` if they were not authenticated.
    pub actor: Option<String>,
    /// The IP address of the client.
    pub address: String,
}

impl AuditRecord {
    /// The record of an item.
    pub(crate) fn from_item(item: &Item) -> Result<Self, InternalError> {
        let reader = ItemReader(item);
        Ok(Self {
            event: reader.text("event")?,
            at: reader.time("at")?,
            actor: reader.maybe_text("actor"),
            address: reader.text("address")?,
        })
    }
}
