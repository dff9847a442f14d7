//! What is saved in a workspace, gathered until nothing comes for a moment.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::{sync::mpsc, time::timeout};

/// The folders that functions are built from.
const FOLDERS: [&str; 3] = ["functions", "shared", ".cargo"];

/// The files beside them that say how.
const FILES: [&str; 3] = ["Cargo.toml", "Cargo.lock", "rust-toolchain.toml"];

/// How long nothing is to come: an editor that saves all its files is quicker.
const QUIET: Duration = Duration::from_millis(50);

/// What was saved.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Changed {
    /// Something that functions are built from.
    pub(super) sources: bool,
    /// `template.yaml`.
    pub(super) template: bool,
}

/// A workspace under watch.
pub(super) struct Changes {
    _watcher: RecommendedWatcher,
    saved: mpsc::UnboundedReceiver<Changed>,
}

impl Changes {
    /// Only what matters is watched: folders, since editors put a new file in the place of an old
    /// one, and none in which a build or a running cloud writes.
    pub(super) fn of(root: &Path) -> Result<Changes> {
        // Some systems tell of files by their true path.
        let root = root.canonicalize().with_context(|| format!("watching {}", root.display()))?;
        let (save, saved) = mpsc::unbounded_channel();
        let own = root.clone();
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            let changed = event.map_or(Changed { sources: true, template: true }, |event| read(&event, &own));
            if changed != Changed::default() {
                let _ = save.send(changed);
            }
        })?;
        watcher.watch(&root, RecursiveMode::NonRecursive)?;
        for folder in FOLDERS.map(|folder| root.join(folder)).iter().filter(|folder| folder.is_dir()) {
            watcher.watch(folder, RecursiveMode::Recursive)?;
        }
        Ok(Changes { _watcher: watcher, saved })
    }

    /// What was saved since the last question; waits until there is something.
    pub(super) async fn next(&mut self) -> Result<Changed> {
        let mut changed = self.saved.recv().await.context("the watch has ended")?;
        while let Ok(Some(more)) = timeout(QUIET, self.saved.recv()).await {
            changed.sources |= more.sources;
            changed.template |= more.template;
        }
        Ok(changed)
    }
}

/// What an event tells. Whoever only reads, as a compiler does, changes nothing; where some
/// events were lost, anything may have changed.
fn read(event: &Event, root: &Path) -> Changed {
    if event.kind.is_access() {
        return Changed::default();
    }
    let is_source = |path: &PathBuf| {
        let path = path.strip_prefix(root).unwrap_or(path);
        FOLDERS.iter().any(|folder| path.starts_with(folder))
            || FILES.iter().any(|file| path == Path::new(file))
    };
    let is_template = |path: &PathBuf| *path == root.join("template.yaml");
    Changed {
        sources: event.need_rescan() || event.paths.iter().any(is_source),
        template: event.need_rescan() || event.paths.iter().any(is_template),
    }
}
