//! `--watch`: what is saved is served. Where a build fails, or a template does not read, nothing
//! changes until both are well.

mod changes;

use std::{path::PathBuf, time::Instant};

use anyhow::Result;

use crate::{Cloud, Workspace};
use changes::{Changed, Changes};

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
        let mut changed = Changed::default();
        loop {
            changed = changed.and(self.changes.next().await?);
            match self.go_by(changed, cloud).await {
                Ok(told) => {
                    changed = Changed::default();
                    told.into_iter().for_each(&tell);
                }
                Err(error) => tell(format!("error: {error:#}; what was there goes on")),
            }
        }
    }

    /// Builds and reads what was saved, and only if all of it is of use, has the cloud go by it.
    /// What is told of that.
    async fn go_by(&self, changed: Changed, cloud: &mut Cloud) -> Result<Vec<String>> {
        let begun = Instant::now();
        let reload = changed.template.then(|| cloud.prepare()).transpose()?;
        let built = match changed.sources {
            true => self.workspace.build().await?,
            false => Vec::new(),
        };
        let mut told = Vec::new();
        if let Some(reload) = reload {
            let different = cloud.adopt(reload)?;
            told.push("reloaded template.yaml".to_owned());
            told.extend(different.into_iter().map(|line| format!("  {line}")));
        }
        let mut names = self.workspace.take(&built)?;
        names.retain(|name| cloud.template().function(name).is_some());
        cloud.restart(&names);
        if !names.is_empty() {
            let many = || format!("{} functions", names.len());
            let named = if names.len() > NAMED {
                many()
            } else {
                names.join(", ")
            };
            told.push(format!(
                "rebuilt in {:.1} s: {named}",
                begun.elapsed().as_secs_f64()
            ));
        }
        Ok(told)
    }
}
