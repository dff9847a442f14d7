//! What is kept of the secrets, in `secrets.json`: of each the version before, if there is one, and
//! the current one. So what they signed and encrypted outlives a restart, under the same ids.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::file;

/// A version of a secret: its id, and its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Version(pub(super) String, pub(super) String);

impl Version {
    /// A version that is new.
    pub(super) fn of(value: String) -> Version {
        Version(uuid::Uuid::new_v4().to_string(), value)
    }
}

/// The versions of each secret, by its name; the current one is the last.
pub(crate) type Versions = BTreeMap<String, Vec<Version>>;

/// What an older file may say of a secret: its value, and no more.
#[derive(Deserialize)]
#[serde(untagged)]
enum Told {
    Versions(Vec<Version>),
    Value(String),
}

/// The file, and what it says.
pub(super) struct Kept {
    file: Option<PathBuf>,
    versions: Mutex<Versions>,
}

impl Kept {
    /// What `data` knows; without `data`, all of it is in memory only.
    pub(super) fn open(data: Option<&Path>) -> Result<Kept> {
        let file = data.map(|data| data.join("secrets.json"));
        let told = file
            .as_deref()
            .map(file::read::<BTreeMap<String, Told>>)
            .transpose()?
            .flatten();
        let versions = told.into_iter().flatten().map(|(name, told)| match told {
            Told::Versions(versions) => (name, versions),
            Told::Value(value) => (name, vec![Version::of(value)]),
        });
        Ok(Kept {
            file,
            versions: Mutex::new(versions.collect()),
        })
    }

    /// The versions of all secrets.
    pub(super) fn versions(&self) -> Versions {
        self.versions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Keeps the versions that `change` gives from now on, in the place of those of the same name.
    pub(super) fn change(&self, change: impl FnOnce() -> Versions) -> Result<()> {
        let mut versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        versions.extend(change());
        self.file
            .as_deref()
            .map_or(Ok(()), |file| file::write(file, &*versions))
    }
}
