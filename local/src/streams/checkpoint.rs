//! How far each source is delivered, kept in `streams.json`.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use anyhow::{Context, Result};

use crate::aws::Stream;

/// The place of the last record that is done with, by source; empty before the first.
pub(super) struct Checkpoints {
    file: Option<PathBuf>,
    places: Mutex<BTreeMap<String, String>>,
}

impl Checkpoints {
    /// Those that `data` knows; they are kept in memory only if there is no `data`.
    pub(super) fn open(data: Option<&Path>) -> Result<Checkpoints> {
        let file = data.map(|data| data.join("streams.json"));
        let places = match &file {
            Some(file) if file.exists() => serde_json::from_str(&fs::read_to_string(file)?)
                .with_context(|| format!("reading {}", file.display()))?,
            _ => BTreeMap::new(),
        };
        Ok(Checkpoints { file, places: Mutex::new(places) })
    }

    /// Where the source goes on; or where it begins, if it never did.
    pub(super) fn begin(&self, source: &str, oldest_first: bool, stream: &Stream) -> Result<String> {
        let known = self.places.lock().unwrap_or_else(PoisonError::into_inner).get(source).cloned();
        if let Some(place) = known {
            return Ok(place);
        }
        let place = if oldest_first { String::new() } else { stream.end()? };
        self.reach(source, &place)?;
        Ok(place)
    }

    /// Everything up to `place` is done with.
    pub(super) fn reach(&self, source: &str, place: &str) -> Result<()> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.insert(source.to_owned(), place.to_owned());
        let Some(file) = &self.file else { return Ok(()) };
        // A half-written file would have everything delivered again.
        let new = file.with_extension("json.new");
        fs::write(&new, serde_json::to_string_pretty(&*places)?)
            .and_then(|()| fs::rename(&new, file))
            .with_context(|| format!("writing {}", file.display()))
    }
}
