//! Checkpoints of event sources, persisted in `streams.json`.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use anyhow::Result;

use crate::{aws::Stream, json_file};

/// Sequence number of each source's last completed record.
///
/// It is empty before the first record.
pub(super) struct Checkpoints {
    file: Option<PathBuf>,
    positions: Mutex<BTreeMap<String, String>>,
}

impl Checkpoints {
    /// Loads the file in the directory `data`. Without one, checkpoints are in memory only.
    pub(super) fn load(data: Option<&Path>) -> Result<Checkpoints> {
        let file = data.map(|data| data.join("streams.json"));
        let positions = file.as_deref().map(json_file::load).transpose()?.flatten();
        Ok(Checkpoints {
            file,
            positions: Mutex::new(positions.unwrap_or_default()),
        })
    }

    /// The checkpoint of a source. A new source starts at the oldest or after the newest record.
    pub(super) fn resume(
        &self,
        source: &str,
        from_oldest: bool,
        stream: &Stream,
    ) -> Result<String> {
        if let Some(position) = self.positions().get(source) {
            return Ok(position.clone());
        }
        let position = match from_oldest {
            true => String::new(),
            false => stream.end()?,
        };
        self.advance(source, &position)?;
        Ok(position)
    }

    /// Marks all records up to `position` as completed.
    pub(super) fn advance(&self, source: &str, position: &str) -> Result<()> {
        let mut positions = self.positions();
        positions.insert(source.to_owned(), position.to_owned());
        match &self.file {
            Some(file) => json_file::save(file, &*positions),
            None => Ok(()),
        }
    }

    fn positions(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.positions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
