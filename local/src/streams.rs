//! Streams as event sources: what is written to a table goes to the functions that follow
//! its stream, in order, in batches, and again when they fail.
//!
//! Each source has a poller of its own. A batch that fails holds up whatever comes after it,
//! until it is delivered or given up.

mod answer;
mod batch;
mod checkpoint;
mod letter;
mod poller;

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context, Result};
use serde_json::Value as Json;
use tokio::{sync::watch, task::JoinSet};

use crate::{
    Template,
    aws::{Aws, Stream},
    lambda::{Lambda, Log},
};
use checkpoint::Checkpoints;
use poller::Poller;

/// All event sources, at work. Dropping this ends them.
pub(crate) struct Streams {
    /// The stream of each source, and how far it is delivered.
    sources: Vec<(Stream, watch::Receiver<String>)>,
    letters: Letters,
    _pollers: JoinSet<()>,
}

/// What functions failed to take, and what the template wants a queue to be told of.
type Letters = Arc<Mutex<Vec<Json>>>;

impl Streams {
    /// Follows every stream that a function of `template` has as a source. With `data`, each
    /// goes on from where it was.
    pub(crate) fn start(
        template: &Template,
        lambda: &Arc<Lambda>,
        aws: &Aws,
        log: &Arc<Log>,
        data: Option<&Path>,
    ) -> Result<Streams> {
        let checkpoints = Arc::new(Checkpoints::open(data)?);
        let mut streams =
            Streams { sources: Vec::new(), letters: Letters::default(), _pollers: JoinSet::new() };
        for function in &template.functions {
            for source in &function.sources {
                let stream = aws.stream(&source.table, &source.stream);
                let key = format!("{}/{}", function.name, source.event);
                let position = checkpoints.begin(&key, source.oldest_first, &stream);
                let position = position.with_context(|| format!("following {}", source.stream))?;
                let position = watch::Sender::new(position);
                streams.sources.push((stream.clone(), position.subscribe()));
                let poller = Poller {
                    function: function.name.clone(),
                    source: source.clone(),
                    stream,
                    position,
                    key,
                    checkpoints: checkpoints.clone(),
                    lambda: lambda.clone(),
                    letters: streams.letters.clone(),
                    log: log.clone(),
                };
                streams._pollers.spawn(poller.run());
            }
        }
        Ok(streams)
    }

    /// No source at all.
    pub(crate) fn none() -> Streams {
        Streams { sources: Vec::new(), letters: Letters::default(), _pollers: JoinSet::new() }
    }

    /// Returns when everything written so far is delivered or given up.
    pub(crate) async fn settle(&self) {
        let ends: Vec<_> =
            self.sources.iter().map(|(stream, position)| (stream.end(), position.clone())).collect();
        for (end, mut position) in ends {
            // A stream that is gone has nothing to deliver.
            if let Ok(end) = end {
                let _ = position.wait_for(|position| *position >= end).await;
            }
        }
    }

    /// The letters so far, in order.
    pub(crate) fn letters(&self) -> Vec<Json> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests;
