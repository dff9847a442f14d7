//! `cargo xtask lint`: the format and clippy's lints.

use anyhow::Result;

use crate::process;
use crate::workspace::Workspace;

/// Checks the format and clippy's lints.
pub async fn run(workspace: &Workspace) -> Result<()> {
    process::run(workspace.cargo(&["fmt", "--all", "--check"])).await?;
    let mut clippy = workspace.cargo(&["clippy", "--workspace", "--all-targets", "--locked"]);
    clippy.args(["--", "-D", "warnings"]);
    process::run(clippy).await
}
