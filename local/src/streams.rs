//! DynamoDB streams as event sources of functions.
//!
//! Each source has a poller. It delivers records in order and in batches. A failed batch is retried
//! and blocks all later records until it is delivered or discarded.

mod batch;
mod checkpoints;
mod dead_letter;
mod poller;

use std::{path::Path, sync::Arc};

use anyhow::{Context, Result};
use serde_json::Value as Json;
use tokio::{sync::watch, task::JoinSet};

use crate::{
    aws::{Aws, Stream},
    lambda::{Lambda, Log},
    template::{StreamSource, Template},
};
use checkpoints::Checkpoints;
use dead_letter::DeadLetters;
use poller::Poller;

/// All running event sources. Dropping it ends them.
pub(crate) struct Streams {
    running: Vec<RunningSource>,
    checkpoints: Arc<Checkpoints>,
    lambda: Arc<Lambda>,
    log: Arc<Log>,
    dead_letters: DeadLetters,
}

/// An event source with its poller.
struct RunningSource {
    function: String,
    source: StreamSource,
    stream: Stream,
    /// Sequence number of the last completed record.
    position: watch::Receiver<String>,
    /// Holds the poller's task only. Dropping it aborts the task.
    _poller: JoinSet<()>,
}

impl Streams {
    /// Loads the checkpoints in the directory `data`, if any. No source runs yet.
    pub(crate) fn new(
        lambda: &Arc<Lambda>,
        log: &Arc<Log>,
        data: Option<&Path>,
    ) -> Result<Streams> {
        Ok(Streams {
            running: Vec::new(),
            checkpoints: Arc::new(Checkpoints::load(data)?),
            lambda: lambda.clone(),
            log: log.clone(),
            dead_letters: DeadLetters::default(),
        })
    }

    /// Starts new sources of the template and ends removed ones.
    ///
    /// Fails before any change if a checkpoint cannot be read or written.
    pub(crate) fn apply(&mut self, template: &Template, aws: &Aws) -> Result<()> {
        let sources = || {
            let functions = template.functions.iter();
            functions.flat_map(|function| function.sources.iter().map(move |one| (function, one)))
        };
        let is_same = |running: &RunningSource, function: &str, source: &StreamSource| {
            running.function == function && running.source == *source
        };
        let mut started = Vec::new();
        for (function, source) in sources() {
            let name = &function.name;
            if !self.running.iter().any(|one| is_same(one, name, source)) {
                let stream = aws.stream(&source.table, &source.stream);
                let key = format!("{name}/{}", source.event);
                let position = self.checkpoints.resume(&key, source.from_oldest, &stream);
                let position = position.with_context(|| format!("reading {}", source.stream))?;
                started.push((name, source, stream, key, position));
            }
        }
        self.running.retain(|running| {
            sources().any(|(function, source)| is_same(running, &function.name, source))
        });
        for (function, source, stream, key, position) in started {
            let running = self.start(function, source, stream, key, position);
            self.running.push(running);
        }
        Ok(())
    }

    fn start(
        &self,
        function: &str,
        source: &StreamSource,
        stream: Stream,
        key: String,
        position: String,
    ) -> RunningSource {
        let sender = watch::Sender::new(position);
        let position = sender.subscribe();
        let poller = Poller {
            function: function.to_owned(),
            source: source.clone(),
            stream: stream.clone(),
            position: sender,
            key,
            checkpoints: self.checkpoints.clone(),
            lambda: self.lambda.clone(),
            dead_letters: self.dead_letters.clone(),
            log: self.log.clone(),
        };
        let mut task = JoinSet::new();
        task.spawn(poller.run());
        RunningSource {
            function: function.to_owned(),
            source: source.clone(),
            stream,
            position,
            _poller: task,
        }
    }

    /// Waits until every record is delivered or discarded, also those of what functions write on
    /// delivery.
    pub(crate) async fn settle(&self) {
        loop {
            let mut is_settled = true;
            for running in &self.running {
                // A stream that no longer exists has nothing to deliver.
                let Ok(end) = running.stream.end() else {
                    continue;
                };
                let mut position = running.position.clone();
                if *position.borrow() < end {
                    is_settled = false;
                    let _ = position.wait_for(|position| *position >= end).await;
                }
            }
            if is_settled {
                return;
            }
        }
    }

    /// All dead letters, oldest first.
    pub(crate) fn dead_letters(&self) -> Vec<Json> {
        self.dead_letters.to_vec()
    }
}

#[cfg(test)]
mod tests;
