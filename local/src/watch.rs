//! Continuous update of a running cloud from its workspace.
//!
//! If a build fails or a template is invalid, the cloud keeps its previous state until both are
//! fixed.

mod source_watcher;

use std::{path::PathBuf, time::Instant};

use anyhow::Result;

use crate::{cloud::Cloud, workspace::Workspace};
use source_watcher::{ChangeSet, SourceWatcher};

/// If more functions are rebuilt, only their number is reported.
const MAX_NAMED_FUNCTIONS: usize = 5;

/// A watched workspace.
pub struct Watch {
    workspace: Workspace,
    sources: SourceWatcher,
}

impl Watch {
    /// Starts to watch the workspace, and builds it once.
    ///
    /// Fails if the workspace cannot be watched or does not build.
    pub async fn start(workspace: Workspace) -> Result<Watch> {
        let sources = SourceWatcher::start(&workspace.root, &workspace.sources)?;
        workspace.stage(&workspace.build().await?)?;
        Ok(Watch { workspace, sources })
    }

    /// Directory of the binaries that the cloud must run.
    pub fn binaries(&self) -> PathBuf {
        self.workspace.staging()
    }

    /// Applies every change to `cloud`; never returns `Ok`. Progress goes to `report`, line by
    /// line.
    ///
    /// Fails if the workspace cannot be watched any more.
    pub async fn run(mut self, cloud: &mut Cloud, report: impl Fn(String)) -> Result<()> {
        let mut pending = ChangeSet::default();
        loop {
            pending = pending.union(self.sources.next().await?);
            match self.apply(pending, cloud).await {
                Ok(lines) => {
                    pending = ChangeSet::default();
                    lines.into_iter().for_each(&report);
                }
                Err(error) => report(format!("error: {error:#}; the previous version still runs")),
            }
        }
    }

    /// Builds and validates what changed, then applies all of it. Returns the lines to report.
    async fn apply(&self, changes: ChangeSet, cloud: &mut Cloud) -> Result<Vec<String>> {
        let started = Instant::now();
        let template = changes.template.then(|| cloud.plan()).transpose()?;
        let binaries = match changes.sources {
            true => self.workspace.build().await?,
            false => Vec::new(),
        };
        let mut lines = Vec::new();
        if let Some(template) = template {
            let differences = cloud.apply(template)?;
            lines.push("reloaded template.yaml".to_owned());
            lines.extend(differences.into_iter().map(|line| format!("  {line}")));
        }
        let mut functions = self.workspace.stage(&binaries)?;
        functions.retain(|name| cloud.template().function(name).is_some());
        cloud.restart(&functions);
        if !functions.is_empty() {
            let names = match functions.len() > MAX_NAMED_FUNCTIONS {
                true => format!("{} functions", functions.len()),
                false => functions.join(", "),
            };
            let seconds = started.elapsed().as_secs_f64();
            lines.push(format!("rebuilt in {seconds:.1} s: {names}"));
        }
        Ok(lines)
    }
}
