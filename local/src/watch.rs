//! `--watch`: what is saved is served. A build that fails, or a template that does not read,
//! changes nothing.

mod changes;

use std::{path::PathBuf, time::Instant};

use anyhow::Result;

use crate::{Cloud, Workspace};
use changes::Changes;

/// More functions than these are not named one by one.
const NAMED: usize = 5;

/// A workspace that is watched.
pub struct Watch {
    workspace: Workspace,
    changes: Changes,
}

impl Watch {
    /// Watches from now on, and builds once.
    ///
    /// Fails where the workspace cannot be watched, and where it does not build.
    pub async fn begin(workspace: Workspace) -> Result<Watch> {
        let changes = Changes::of(&workspace.root)?;
        workspace.take(&workspace.build().await?)?;
        Ok(Watch { workspace, changes })
    }

    /// Where the cloud is to find the binaries.
    pub fn binaries(&self) -> PathBuf {
        self.workspace.taken()
    }

    /// Keeps `cloud` up with the workspace, for ever. What happens goes to `tell`, in words.
    ///
    /// Fails where the workspace cannot be watched any more.
    pub async fn follow(mut self, cloud: &mut Cloud, tell: impl Fn(String)) -> Result<()> {
        loop {
            let changed = self.changes.next().await?;
            if changed.sources {
                match self.rebuild(cloud).await {
                    Ok(Some(told)) => tell(told),
                    Ok(None) => {}
                    Err(error) => tell(format!("error: {error:#}; those from before go on")),
                }
            }
            if changed.template {
                match cloud.reload() {
                    Ok(different) => {
                        tell("reloaded template.yaml".to_owned());
                        different.into_iter().for_each(|line| tell(format!("  {line}")));
                    }
                    Err(error) => tell(format!("error: {error:#}; the one from before stays")),
                }
            }
        }
    }

    /// Builds, and has the functions that are different start anew: which, in words.
    async fn rebuild(&self, cloud: &Cloud) -> Result<Option<String>> {
        let begun = Instant::now();
        let built = self.workspace.build().await?;
        let mut names = self.workspace.take(&built)?;
        names.retain(|name| cloud.template().function(name).is_some());
        cloud.restart(&names);
        let told = match names.len() {
            0 => return Ok(None),
            1..=NAMED => names.join(", "),
            many => format!("{many} functions"),
        };
        Ok(Some(format!("rebuilt in {:.1} s: {told}", begun.elapsed().as_secs_f64())))
    }
}
