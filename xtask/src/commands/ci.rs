//! `cargo xtask ci`: all checks that a change must pass.

use anyhow::Result;

use super::test::{self, Subset};
use super::{
    browser, cycles, dependencies, deploy_emulator, events, generate, lint, openapi, release,
    template,
};
use crate::workspace::Workspace;

/// Runs all checks, the fast ones first. The first failure ends the run.
pub async fn run(workspace: &Workspace) -> Result<()> {
    let workspace = &workspace.strict();

    step("lint");
    lint::run(workspace).await?;

    step("generate");
    generate::check(workspace).await?;

    step("dependencies");
    dependencies::run(workspace).await?;

    step("cycles");
    cycles::run(workspace).await?;

    step("tests");
    test::run_subset(workspace, Subset::All, &[]).await?;

    step("figures");
    test::run_subset(workspace, Subset::Figures, &[]).await?;

    step("events");
    events::run(workspace).await?;

    step("browser");
    browser::run(workspace).await?;

    step("openapi");
    openapi::run(workspace, openapi::Arguments::default()).await?;

    step("template");
    template::run(workspace).await?;

    step("release");
    release::run(workspace).await?;

    step("deploy-emulator");
    deploy_emulator::run(workspace).await?;

    step("all passed");
    Ok(())
}

fn step(name: &str) {
    println!("\n=== {name}");
}
