//! The poller of one event source: reads the stream and invokes the function.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use super::{
    batch::{self, Batch, Discarded},
    checkpoints::Checkpoints,
    dead_letter::{self, DeadLetters},
};
use crate::{
    aws::{Record, Stream},
    clock,
    lambda::{Failure, Lambda, Log},
    template::StreamSource,
};

/// Maximum interval between reads, for a write without a notification.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Pause after a throttled invocation.
const THROTTLE_PAUSE: Duration = Duration::from_millis(100);

/// The poller of one source.
pub(super) struct Poller {
    /// Name of the function.
    pub(super) function: String,
    pub(super) source: StreamSource,
    pub(super) stream: Stream,
    /// Sequence number of the last completed record.
    pub(super) position: watch::Sender<String>,
    /// Key of the source's checkpoint.
    pub(super) key: String,
    pub(super) checkpoints: Arc<Checkpoints>,
    pub(super) lambda: Arc<Lambda>,
    pub(super) dead_letters: DeadLetters,
    pub(super) log: Arc<Log>,
}

impl Poller {
    /// Delivers records until the database ends.
    pub(super) async fn run(mut self) {
        loop {
            self.stream.written.mark_unchanged();
            let position = self.position.borrow().clone();
            match self.stream.read(&position, self.source.batch_size) {
                Ok(records) if records.is_empty() => {
                    let written = timeout(POLL_INTERVAL, self.stream.written.changed());
                    if let Ok(Err(_)) = written.await {
                        return; // the database has ended
                    }
                }
                Ok(records) => self.deliver(records).await,
                Err(error) => {
                    self.log.write(format!(
                        "{}: reading {}: {error:#}",
                        self.function, self.source.stream
                    ));
                    sleep(POLL_INTERVAL).await;
                }
            }
        }
    }

    /// Delivers one batch: returns when each of its records is delivered, filtered or discarded.
    async fn deliver(&self, records: Vec<Record>) {
        let end = records
            .last()
            .map(|record| record.sequence.clone())
            .unwrap_or_default();
        let matching = records.into_iter().filter(|record| self.matches(record));
        let mut batch = Batch::new(matching.collect());
        loop {
            sleep(batch.pause()).await;
            if let Some(max_age) = self.source.max_record_age {
                let oldest = clock::now()
                    .as_second()
                    .saturating_sub_unsigned(max_age.as_secs());
                while let Some(discarded) = batch.expire(oldest) {
                    self.discard(&discarded);
                }
            }
            let Some(records) = batch.next() else { break };
            let Some(delivered) = self.invoke(records).await else {
                sleep(THROTTLE_PAUSE).await;
                continue;
            };
            if let Some(last) = delivered.checked_sub(1).and_then(|last| records.get(last)) {
                self.advance(&last.sequence);
            }
            if let Some(discarded) = batch.invoked(delivered, &self.source) {
                self.discard(&discarded);
            }
        }
        self.advance(&end);
    }

    fn matches(&self, record: &Record) -> bool {
        let filters = &self.source.filters;
        filters.is_empty() || filters.iter().any(|filter| filter.matches(&record.event))
    }

    /// Invokes the function. Returns the number of leading records that it accepted, or `None` if
    /// the invocation was throttled.
    async fn invoke(&self, records: &[Record]) -> Option<usize> {
        let event = batch::event(records).to_string();
        match self.lambda.invoke(&self.function, event.into()).await {
            Ok(response) if self.source.reports_failures => {
                Some(batch::delivered_count(&response, records))
            }
            Ok(_) => Some(records.len()),
            Err(Failure::Throttled) => None,
            Err(_) => Some(0),
        }
    }

    fn discard(&self, discarded: &Discarded) {
        let (count, reason) = (discarded.records.len(), discarded.reason.name());
        self.log.write(format!(
            "{}: discarded {count} records of {}: {reason}",
            self.function, self.source.stream
        ));
        if self.source.on_failure.is_some() {
            let message =
                dead_letter::message(discarded, &self.function, &self.source, &self.stream);
            self.dead_letters.push(message);
        }
        if let Some(last) = discarded.records.last() {
            self.advance(&last.sequence);
        }
    }

    fn advance(&self, position: &str) {
        if *self.position.borrow() == position {
            return;
        }
        if let Err(error) = self.checkpoints.advance(&self.key, position) {
            self.log.write(format!("{}: {error:#}", self.function));
        }
        self.position.send_replace(position.to_owned());
    }
}
