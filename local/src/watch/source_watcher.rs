//! File system watcher for sources and the template, with debouncing.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::{sync::mpsc, time::timeout};

/// Debounce interval. An editor saves all its files in less.
const DEBOUNCE: Duration = Duration::from_millis(50);

/// What changed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct ChangeSet {
    /// A source of the functions.
    pub(super) sources: bool,
    /// `template.yaml`.
    pub(super) template: bool,
    /// One of the source folders itself was replaced.
    source_folder: bool,
}

impl ChangeSet {
    /// What changed in either.
    pub(super) fn union(self, other: ChangeSet) -> ChangeSet {
        ChangeSet {
            sources: self.sources | other.sources,
            template: self.template | other.template,
            source_folder: self.source_folder | other.source_folder,
        }
    }
}

/// The watcher of one workspace.
pub(super) struct SourceWatcher {
    root: PathBuf,
    /// Files and folders relative to `root`.
    sources: Vec<PathBuf>,
    watcher: RecommendedWatcher,
    changes: mpsc::UnboundedReceiver<ChangeSet>,
}

impl SourceWatcher {
    /// Starts to watch the template and `sources`.
    ///
    /// Folders are watched rather than files, because editors replace a file when they save it.
    /// Folders in which a build or a running cloud writes are not watched.
    pub(super) fn start(root: &Path, sources: &[PathBuf]) -> Result<SourceWatcher> {
        // Some systems report the canonical path of a file.
        let root = root
            .canonicalize()
            .with_context(|| format!("watching {}", root.display()))?;
        let (sender, changes) = mpsc::unbounded_channel();
        let (event_root, event_sources) = (root.clone(), sources.to_vec());
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            let everything = ChangeSet {
                sources: true,
                template: true,
                source_folder: true,
            };
            let changes = event.map_or(everything, |event| {
                classify(&event, &event_root, &event_sources)
            });
            if changes != ChangeSet::default() {
                let _ = sender.send(changes);
            }
        })?;
        watcher.watch(&root, RecursiveMode::NonRecursive)?;
        let mut own = SourceWatcher {
            root,
            sources: sources.to_vec(),
            watcher,
            changes,
        };
        own.watch_source_folders()?;
        Ok(own)
    }

    /// Watches every source folder that exists. One that appears later is watched then.
    fn watch_source_folders(&mut self) -> Result<()> {
        for folder in self.sources.iter().map(|source| self.root.join(source)) {
            if !folder.is_dir() {
                continue;
            }
            let watched = self.watcher.watch(&folder, RecursiveMode::Recursive);
            // The folder may have been removed since the check.
            if let (Err(error), true) = (watched, folder.is_dir()) {
                return Err(error).with_context(|| format!("watching {}", folder.display()));
            }
        }
        Ok(())
    }

    /// Waits for a change and returns all changes since the last call.
    pub(super) async fn next(&mut self) -> Result<ChangeSet> {
        let changes = debounce(&mut self.changes).await?;
        // The system watches the former folder, not the one that replaced it.
        if changes.source_folder {
            self.watch_source_folders()?;
        }
        Ok(changes)
    }
}

async fn debounce(receiver: &mut mpsc::UnboundedReceiver<ChangeSet>) -> Result<ChangeSet> {
    let mut changes = receiver.recv().await.context("the file watcher stopped")?;
    while let Ok(Some(more)) = timeout(DEBOUNCE, receiver.recv()).await {
        changes = changes.union(more);
    }
    Ok(changes)
}

/// What an event changed. Read access changes nothing. If the system lost events, everything may
/// have changed.
fn classify(event: &Event, root: &Path, sources: &[PathBuf]) -> ChangeSet {
    if event.kind.is_access() {
        return ChangeSet::default();
    }
    let relative = |path: &PathBuf| path.strip_prefix(root).unwrap_or(path).to_owned();
    let paths: Vec<_> = event.paths.iter().map(relative).collect();
    let any =
        |test: &dyn Fn(&Path) -> bool| event.need_rescan() || paths.iter().any(|path| test(path));
    ChangeSet {
        sources: any(&|path| is_source(path, sources)),
        template: any(&|path| path == Path::new("template.yaml")),
        source_folder: any(&|path| sources.iter().any(|source| path == source)),
    }
}

/// True for sources and files below them, except temporary files of editors.
fn is_source(path: &Path, sources: &[PathBuf]) -> bool {
    if sources.iter().any(|source| path == source) {
        return true;
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    sources.iter().any(|source| path.starts_with(source))
        && !name.starts_with(['.', '#'])
        && !name.ends_with('~')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temporary_files_of_editors_are_no_sources() {
        let sources = ["functions", "shared", ".cargo", "Cargo.toml"].map(PathBuf::from);
        let is_source = |path: &str| is_source(Path::new(path), &sources);
        for path in [
            "Cargo.toml",
            "functions/docs.rs",
            "functions/center/login.rs",
            "shared/src",
            ".cargo/config.toml",
        ] {
            assert!(is_source(path), "{path}");
        }
        for path in [
            "functions/.login.rs.swp",
            "functions/center/.#login.rs",
            "functions/#docs.rs#",
            "shared/src/lib.rs~",
            "README.md",
            "target/debug/docs",
            "template.yaml",
        ] {
            assert!(!is_source(path), "{path}");
        }
    }

    #[tokio::test]
    async fn changes_within_the_debounce_interval_are_one() {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let sources = ChangeSet {
            sources: true,
            ..ChangeSet::default()
        };
        let template = ChangeSet {
            template: true,
            ..ChangeSet::default()
        };
        [sources, template, sources]
            .into_iter()
            .for_each(|changes| sender.send(changes).unwrap());
        assert_eq!(
            debounce(&mut receiver).await.unwrap(),
            sources.union(template)
        );
        assert!(receiver.is_empty());
    }
}
