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
    StreamSource, Template,
    aws::{Aws, Stream},
    lambda::{Lambda, Log},
};
use checkpoint::Checkpoints;
use poller::Poller;

/// All event sources, at work. Dropping this ends them.
pub(crate) struct Streams {
    followed: Vec<Followed>,
    checkpoints: Arc<Checkpoints>,
    lambda: Arc<Lambda>,
    log: Arc<Log>,
    letters: Letters,
}

/// A source that is about to be followed.
pub(crate) struct Begun {
    function: String,
    source: StreamSource,
    stream: Stream,
    /// What it is called among the checkpoints.
    key: String,
    /// Where it begins.
    position: String,
}

/// A source at work.
struct Followed {
    function: String,
    source: StreamSource,
    stream: Stream,
    /// How far it is delivered.
    position: watch::Receiver<String>,
    /// Its poller, and nothing else.
    _poller: JoinSet<()>,
}

/// What functions failed to take, and what the template wants a queue to be told of.
type Letters = Arc<Mutex<Vec<Json>>>;

impl Streams {
    /// Follows nothing yet. With `data`, each source goes on from where it was.
    pub(crate) fn new(
        lambda: &Arc<Lambda>,
        log: &Arc<Log>,
        data: Option<&Path>,
    ) -> Result<Streams> {
        Ok(Streams {
            followed: Vec::new(),
            checkpoints: Arc::new(Checkpoints::open(data)?),
            lambda: lambda.clone(),
            log: log.clone(),
            letters: Letters::default(),
        })
    }

    /// Where every stream that a function of `template` has as a source, and that is not followed
    /// yet, is followed from.
    ///
    /// Fails where that cannot be known, or be kept.
    pub(crate) fn prepare(&self, template: &Template, aws: &Aws) -> Result<Vec<Begun>> {
        let new = sources(template).into_iter().filter(|(function, source)| {
            !self
                .followed
                .iter()
                .any(|one| (&one.function, &one.source) == (*function, *source))
        });
        let begin = |(function, source): (&String, &StreamSource)| {
            let stream = aws.stream(&source.table, &source.stream);
            let key = format!("{function}/{}", source.event);
            let position = self.checkpoints.begin(&key, source.oldest_first, &stream);
            let position = position.with_context(|| format!("following {}", source.stream))?;
            Ok(Begun {
                function: function.clone(),
                source: source.clone(),
                stream,
                key,
                position,
            })
        };
        new.map(begin).collect()
    }

    /// Follows these streams, too, and no longer those that no function of `template` has as a
    /// source. What is followed already goes on.
    pub(crate) fn adopt(&mut self, template: &Template, begun: Vec<Begun>) {
        let sources = sources(template);
        self.followed
            .retain(|one| sources.contains(&(&one.function, &one.source)));
        let followed: Vec<_> = begun.into_iter().map(|begun| self.follow(begun)).collect();
        self.followed.extend(followed);
    }

    fn follow(
        &self,
        Begun {
            function,
            source,
            stream,
            key,
            position,
        }: Begun,
    ) -> Followed {
        let position = watch::Sender::new(position);
        let followed = position.subscribe();
        let poller = Poller {
            function: function.clone(),
            source: source.clone(),
            stream: stream.clone(),
            position,
            key,
            checkpoints: self.checkpoints.clone(),
            lambda: self.lambda.clone(),
            letters: self.letters.clone(),
            log: self.log.clone(),
        };
        let mut task = JoinSet::new();
        task.spawn(poller.run());
        Followed {
            function,
            source,
            stream,
            position: followed,
            _poller: task,
        }
    }

    /// Returns when everything written so far is delivered or given up.
    pub(crate) async fn settle(&self) {
        let ends: Vec<_> = self
            .followed
            .iter()
            .map(|one| (one.stream.end(), one.position.clone()))
            .collect();
        for (end, mut position) in ends {
            // A stream that is gone has nothing to deliver.
            if let Ok(end) = end {
                let _ = position.wait_for(|position| *position >= end).await;
            }
        }
    }

    /// The letters so far, in order.
    pub(crate) fn letters(&self) -> Vec<Json> {
        self.letters
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Every source, with its function.
fn sources(template: &Template) -> Vec<(&String, &StreamSource)> {
    let functions = template.functions.iter();
    functions
        .flat_map(|function| {
            function
                .sources
                .iter()
                .map(|source| (&function.name, source))
        })
        .collect()
}

#[cfg(test)]
mod tests;
