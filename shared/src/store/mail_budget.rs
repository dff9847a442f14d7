//! The daily budget of e-mails: for one address, and for the whole stack.
//!
//! Anybody can request e-mails. So a part of each budget is for notices alone: 5 of 20 e-mails to an
//! address, and a tenth of the stack's.
//!
//! It is enforced where an e-mail is sent, so it holds for all accounts and reasons together.
//! Counters are items of a day in UTC. An e-mail is counted once, in one transaction with an item
//! of its own. So a retry after a failure of SES uses up nothing.

use ring::digest::{SHA256, digest};

use crate::aws::{Connections, FromConfig};
use crate::domain::{InternalError, clock};
use crate::store::OutboxMessage;
use crate::store::dynamodb::{
    Conflict, Database, Item, ItemReader, Key, Update, Write, WriteOutcome, key, number,
};
use crate::store::outbox::RETENTION_SECONDS;
use crate::telemetry::request_metrics;

const DAY_SECONDS: u64 = 24 * 60 * 60;
/// How many e-mails a day one address gets at most.
const MAX_TO_ADDRESS: u64 = 20;
/// How many of them anybody can request. The rest is for notices, which nobody can starve.
const MAX_REQUESTED: u64 = 15;

/// The budget of e-mails.
pub struct MailBudget {
    database: Database,
    /// How many e-mails a day the stack sends at most.
    max: u64,
}

impl FromConfig for MailBudget {
    async fn open(connections: &Connections) -> Result<Self, InternalError> {
        Ok(Self {
            database: connections.shared().await?,
            max: connections.config.required_u64("MAIL_BUDGET")?,
        })
    }
}

impl MailBudget {
    /// Counts `message`, unless it is counted already. Returns whether it may be sent: not if a
    /// budget of the day is used up. The log line of the record then names that budget.
    ///
    /// One transaction, and one read.
    ///
    /// # Errors
    /// Only an internal error.
    pub async fn admit(&self, message: &OutboxMessage) -> Result<bool, InternalError> {
        let now = clock::seconds();
        let day = now / DAY_SECONDS;
        let expires_at = now.saturating_add(2 * DAY_SECONDS);
        let address = message.to.canonical();
        let address = format!("{:?}", digest(&SHA256, address.as_str().as_bytes()));
        let stack = key::mails_of_stack(day);
        let requested = message.kind.is_requested();
        let to_address = Counter {
            key: key::mails_to(day, &address),
            max: MAX_TO_ADDRESS,
            max_requested: requested.then_some(MAX_REQUESTED),
        };
        let of_stack = Counter {
            key: stack.clone(),
            max: self.max,
            max_requested: requested.then_some(self.max.saturating_sub(self.max / 10)),
        };
        // It lasts as long as the message, so that a redrive does not count it again.
        let counted_until = now.saturating_add(RETENTION_SECONDS);
        let counted = Item::from([("expires_at".into(), number(counted_until))]);
        let writes = vec![
            Write::Create(key::mail(&message.id), counted, Conflict::MailCounted),
            Write::Update(to_address.increment(expires_at), Conflict::AddressBudget),
            Write::Update(of_stack.increment(expires_at), Conflict::StackBudget),
        ];
        let failed = match self.database.write(writes).await? {
            WriteOutcome::Committed => {
                self.record_use(&stack).await;
                return Ok(true);
            }
            WriteOutcome::ConditionFailed(failed) => failed,
        };
        if failed.contains(&Conflict::MailCounted) {
            return Ok(true);
        }
        let budget = if failed.contains(&Conflict::StackBudget) {
            self.record_use(&stack).await;
            "stack"
        } else {
            "address"
        };
        request_metrics::record(|metrics| metrics.dropped_mail = Some(budget));
        Ok(false)
    }

    /// Records in the metrics how much of the stack's budget is used. Its failure delays no e-mail.
    async fn record_use(&self, stack: &Key) {
        if let Ok(Some(item)) = self.database.get(stack).await
            && let Ok(sent) = ItemReader(&item).number("sent")
        {
            let percent = sent.saturating_mul(100) / self.max.max(1);
            request_metrics::record(|metrics| metrics.mail_budget_used = Some(percent));
        }
    }
}

/// A counter of e-mails.
struct Counter {
    key: Key,
    max: u64,
    /// The maximum of requested ones, for a requested e-mail.
    max_requested: Option<u64>,
}

impl Counter {
    /// The update that counts one e-mail. Its condition fails if a maximum is reached.
    fn increment(self, expires_at: u64) -> Update {
        let mut expression =
            "SET sent = if_not_exists(sent, :none) + :one, expires_at = :end".to_owned();
        let mut condition = "(attribute_not_exists(sent) OR sent < :max)".to_owned();
        let mut values = vec![
            (":none".to_owned(), number(0)),
            (":one".to_owned(), number(1)),
            (":end".to_owned(), number(expires_at)),
            (":max".to_owned(), number(self.max)),
        ];
        if let Some(max) = self.max_requested {
            expression.push_str(", requested = if_not_exists(requested, :none) + :one");
            condition
                .push_str(" AND (attribute_not_exists(requested) OR requested < :max_requested)");
            values.push((":max_requested".to_owned(), number(max)));
        }
        Update {
            key: self.key,
            expression,
            condition,
            names: vec![],
            values,
        }
    }
}
