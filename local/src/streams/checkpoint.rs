//! How far each source is delivered, kept in `streams.json`.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use anyhow::Result;

use crate::{aws::Stream, file};

/// The place of the last record that is done with, by source; empty before the first.
pub(super) struct Checkpoints {
    file: Option<PathBuf>,
    places: Mutex<BTreeMap<String, String>>,
}

impl Checkpoints {
    /// Those that `data` knows; they are kept in memory only if there is no `data`.
    pub(super) fn open(data: Option<&Path>) -> Result<Checkpoints> {
        let file = data.map(|data| data.join("streams.json"));
        let places = file
            .as_deref()
            .map(file::read)
            .transpose()?
            .flatten()
            .unwrap_or_default();
        Ok(Checkpoints {
            file,
            places: Mutex::new(places),
        })
    }

    /// Where the source goes on; or where it begins, if it never did.
    pub(super) fn begin(
        &self,
        source: &str,
        oldest_first: bool,
        stream: &Stream,
    ) -> Result<String> {
        let known = self
            .places
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(source)
            .cloned();
        if let Some(place) = known {
            return Ok(place);
        }
        let place = if oldest_first {
            String::new()
        } else {
            stream.end()?
        };
        self.reach(source, &place)?;
        Ok(place)
    }

    /// Everything up to `place` is done with.
    pub(super) fn reach(&self, source: &str, place: &str) -> Result<()> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.insert(source.to_owned(), place.to_owned());
        self.file
            .as_deref()
            .map_or(Ok(()), |file| file::write(file, &*places))
    }
}
