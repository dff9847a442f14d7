//! State files: one JSON value each.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use anyhow::{Context, Result};
use serde::{Serialize, de::DeserializeOwned};

/// Loads the value in `file`; `None` if there is no file.
///
/// Fails if the file cannot be read or holds something else.
pub(crate) fn load<T: DeserializeOwned>(file: &Path) -> Result<Option<T>> {
    if !file.exists() {
        return Ok(None);
    }
    let text = fs::read_to_string(file).map_err(anyhow::Error::from);
    let value = text.and_then(|text| Ok(serde_json::from_str(&text)?));
    value
        .map(Some)
        .with_context(|| format!("reading {}", file.display()))
}

/// Replaces `file` atomically with `value`. Only the file's owner can read it.
pub(crate) fn save(file: &Path, value: &impl Serialize) -> Result<()> {
    let temporary = file.with_extension("json.new");
    let write = || -> Result<()> {
        let mut writer = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)?;
        writer.write_all(serde_json::to_string_pretty(value)?.as_bytes())?;
        Ok(fs::rename(&temporary, file)?)
    };
    write().with_context(|| format!("writing {}", file.display()))
}
