//! One source at work: reads its stream and hands the records to its function.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use super::{
    Letters, answer,
    batch::{Batch, Loss},
    checkpoint::Checkpoints,
    letter,
};
use crate::{
    StreamSource,
    aws::{Record, Stream},
    clock,
    lambda::{Failure, Lambda, Log},
};

/// How long to wait for word of a write before a look without.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// How long to wait where the function is busy.
const BUSY: Duration = Duration::from_millis(100);

/// One source and its function.
pub(super) struct Poller {
    /// The name of the function's binary.
    pub(super) function: String,
    pub(super) source: StreamSource,
    pub(super) stream: Stream,
    /// The place of the last record that is done with.
    pub(super) position: watch::Sender<String>,
    /// What the source is called among the checkpoints.
    pub(super) key: String,
    pub(super) checkpoints: Arc<Checkpoints>,
    pub(super) lambda: Arc<Lambda>,
    pub(super) letters: Letters,
    pub(super) log: Arc<Log>,
}

impl Poller {
    /// Hands on what is written, for ever.
    pub(super) async fn run(mut self) {
        loop {
            self.stream.written.mark_unchanged();
            let position = self.position.borrow().clone();
            match self.stream.read(&position, self.source.batch_size) {
                Ok(records) if records.is_empty() => {
                    let written = timeout(LONGEST_WAIT, self.stream.written.changed());
                    if let Ok(Err(_)) = written.await {
                        return; // the tables are gone
                    }
                }
                Ok(records) => self.deliver(records).await,
                Err(error) => {
                    self.log.write(format!(
                        "{}: reading {}: {error:#}",
                        self.function, self.source.stream
                    ));
                    sleep(LONGEST_WAIT).await;
                }
            }
        }
    }

    async fn deliver(&self, records: Vec<Record>) {
        let end = records
            .last()
            .map(|record| record.sequence.clone())
            .unwrap_or_default();
        let mut batch = Batch::new(
            records
                .into_iter()
                .filter(|record| self.wants(record))
                .collect(),
        );
        loop {
            sleep(batch.pause()).await;
            if let Some(longest) = self.source.longest {
                let oldest = clock::now()
                    .as_second()
                    .saturating_sub_unsigned(longest.as_secs());
                while let Some(loss) = batch.expire(oldest) {
                    self.give_up(&loss);
                }
            }
            let Some(records) = batch.next() else { break };
            let Some(done) = self.invoke(records).await else {
                sleep(BUSY).await;
                continue;
            };
            if let Some(last) = done.checked_sub(1).and_then(|last| records.get(last)) {
                self.reach(&last.sequence);
            }
            if let Some(loss) = batch.invoked(done, &self.source) {
                self.give_up(&loss);
            }
        }
        self.reach(&end);
    }

    fn wants(&self, record: &Record) -> bool {
        let filters = &self.source.filters;
        filters.is_empty() || filters.iter().any(|filter| filter.matches(&record.shown))
    }

    /// How many of `records` the function took, from the first on. Nothing if it did not get
    /// to see them.
    async fn invoke(&self, records: &[Record]) -> Option<usize> {
        let event = answer::event(records).to_string();
        match self.lambda.invoke(&self.function, event.into()).await {
            Ok(answer) if self.source.reports_failures => Some(answer::delivered(&answer, records)),
            Ok(_) => Some(records.len()),
            Err(Failure::Throttled) => None,
            Err(_) => Some(0),
        }
    }

    fn give_up(&self, loss: &Loss) {
        let (count, reason) = (loss.records.len(), loss.reason.name());
        self.log.write(format!(
            "{}: gave up {count} of {}: {reason}",
            self.function, self.source.stream
        ));
        if self.source.on_failure.is_some() {
            let letter = letter::of(loss, &self.function, &self.source, &self.stream);
            self.letters
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(letter);
        }
        if let Some(last) = loss.records.last() {
            self.reach(&last.sequence);
        }
    }

    fn reach(&self, place: &str) {
        if *self.position.borrow() == place {
            return;
        }
        if let Err(error) = self.checkpoints.reach(&self.key, place) {
            self.log.write(format!("{}: {error:#}", self.function));
        }
        self.position.send_replace(place.to_owned());
    }
}
