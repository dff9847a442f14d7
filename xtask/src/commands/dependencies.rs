//! `cargo xtask dependencies`: advisories, licences, banned crates and sources.

use anyhow::Result;
use tokio::process::Command;

use crate::process;
use crate::tools::{self, CARGO_DENY};
use crate::workspace::Workspace;

/// Checks the dependencies by `.cargo/deny.toml`.
pub async fn run(workspace: &Workspace) -> Result<()> {
    let binary = tools::install_cargo(workspace, CARGO_DENY).await?;
    let deny = |arguments: &[&str]| -> Command {
        let mut command = workspace.command(&binary);
        command.args(arguments);
        command
    };
    let mut fetch = deny(&["fetch", "db"]);
    fetch.env("GIT_TERMINAL_PROMPT", "0");
    let mut check = deny(&["--workspace", "--locked", "check"]);
    if process::status(fetch).await?.success() {
        check.arg("advisories");
    } else {
        // Not an error in CI: a check without GitHub is still worth its result.
        println!("SKIPPED the advisories: their database on GitHub cannot be fetched");
    }
    check.args(["bans", "licenses", "sources"]);
    process::run(check).await
}
