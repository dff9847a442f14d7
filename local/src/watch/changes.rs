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
    /// A folder that is watched, as a whole.
    folder: bool,
}

impl Changed {
    /// One change and another.
    pub(super) fn and(self, other: Changed) -> Changed {
        Changed {
            sources: self.sources | other.sources,
            template: self.template | other.template,
            folder: self.folder | other.folder,
        }
    }
}

/// A workspace under watch.
pub(super) struct Changes {
    root: PathBuf,
    watcher: RecommendedWatcher,
    saved: mpsc::UnboundedReceiver<Changed>,
}

impl Changes {
    /// Only what matters is watched: folders, since editors put a new file in the place of an old
    /// one, and none in which a build or a running cloud writes.
    pub(super) fn of(root: &Path) -> Result<Changes> {
        // Some systems tell of files by their true path.
        let root = root
            .canonicalize()
            .with_context(|| format!("watching {}", root.display()))?;
        let (save, saved) = mpsc::unbounded_channel();
        let own = root.clone();
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            let anything = Changed {
                sources: true,
                template: true,
                folder: true,
            };
            let changed = event.map_or(anything, |event| read(&event, &own));
            if changed != Changed::default() {
                let _ = save.send(changed);
            }
        })?;
        watcher.watch(&root, RecursiveMode::NonRecursive)?;
        let mut changes = Changes {
            root,
            watcher,
            saved,
        };
        changes.watch_folders()?;
        Ok(changes)
    }

    fn watch_folders(&mut self) -> Result<()> {
        for folder in FOLDERS.map(|folder| self.root.join(folder)) {
            let watched = self.watcher.watch(&folder, RecursiveMode::Recursive);
            // One that is not there is watched when it comes.
            if let (Err(error), true) = (watched, folder.is_dir()) {
                return Err(error).with_context(|| format!("watching {}", folder.display()));
            }
        }
        Ok(())
    }

    /// What was saved since the last question; waits until there is something.
    pub(super) async fn next(&mut self) -> Result<Changed> {
        let changed = gather(&mut self.saved).await?;
        // One that was put in the place of another is watched by nobody yet.
        if changed.folder {
            self.watch_folders()?;
        }
        Ok(changed)
    }
}

async fn gather(saved: &mut mpsc::UnboundedReceiver<Changed>) -> Result<Changed> {
    let mut changed = saved.recv().await.context("the watch has ended")?;
    while let Ok(Some(more)) = timeout(QUIET, saved.recv()).await {
        changed = changed.and(more);
    }
    Ok(changed)
}

/// What an event tells. Whoever only reads, as a compiler does, changes nothing; where some
/// events were lost, anything may have changed.
fn read(event: &Event, root: &Path) -> Changed {
    if event.kind.is_access() {
        return Changed::default();
    }
    let within = |path: &PathBuf| path.strip_prefix(root).unwrap_or(path).to_owned();
    let paths: Vec<_> = event.paths.iter().map(within).collect();
    let changed = |is: fn(&Path) -> bool| event.need_rescan() || paths.iter().any(|path| is(path));
    Changed {
        sources: changed(is_source),
        template: changed(|path| path == Path::new("template.yaml")),
        folder: changed(|path| FOLDERS.iter().any(|folder| path == Path::new(folder))),
    }
}

/// Whether functions are built from this: not from what an editor has for itself.
fn is_source(path: &Path) -> bool {
    if FILES
        .iter()
        .chain(&FOLDERS)
        .any(|name| path == Path::new(name))
    {
        return true;
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    FOLDERS.iter().any(|folder| path.starts_with(folder))
        && !name.starts_with(['.', '#'])
        && !name.ends_with('~')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_editor_has_for_itself_is_no_source() {
        let sources = [
            "Cargo.toml",
            "functions/docs.rs",
            "functions/center/login.rs",
            "shared/src",
            ".cargo/config.toml",
        ];
        assert!(sources.iter().all(|path| is_source(Path::new(path))));
        let none = [
            "functions/.login.rs.swp",
            "functions/center/.#login.rs",
            "functions/#docs.rs#",
            "shared/src/lib.rs~",
            "README.md",
            "target/debug/docs",
            "template.yaml",
        ];
        assert!(!none.iter().any(|path| is_source(Path::new(path))));
    }

    #[tokio::test]
    async fn what_is_saved_within_a_moment_is_one_change() {
        let (save, mut saved) = mpsc::unbounded_channel();
        let sources = Changed {
            sources: true,
            ..Changed::default()
        };
        let template = Changed {
            template: true,
            ..Changed::default()
        };
        [sources, template, sources]
            .into_iter()
            .for_each(|changed| save.send(changed).unwrap());
        assert_eq!(gather(&mut saved).await.unwrap(), sources.and(template));
        assert!(saved.is_empty());
    }
}
