//! Small files of state.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use anyhow::{Context, Result};
use serde::{Serialize, de::DeserializeOwned};

/// What `file` holds as JSON; nothing where there is none.
///
/// Fails where it holds something else.
pub(crate) fn read<T: DeserializeOwned>(file: &Path) -> Result<Option<T>> {
    if !file.exists() {
        return Ok(None);
    }
    let text = fs::read_to_string(file).map_err(anyhow::Error::from);
    let value = text.and_then(|text| Ok(serde_json::from_str(&text)?));
    value
        .map(Some)
        .with_context(|| format!("reading {}", file.display()))
}

/// Puts `value` in the place of `file` as JSON, whole or not at all, for its owner's eyes only.
pub(crate) fn write(file: &Path, value: &impl Serialize) -> Result<()> {
    let new = file.with_extension("json.new");
    let write = || -> Result<()> {
        let mut aside = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new)?;
        aside.write_all(serde_json::to_string_pretty(value)?.as_bytes())?;
        Ok(fs::rename(&new, file)?)
    };
    write().with_context(|| format!("writing {}", file.display()))
}
