//! The commands, one module each.

mod admin;
mod assets;
mod browser;
mod ci;
mod cycles;
mod dependencies;
mod deploy_emulator;
mod events;
mod generate;
mod lint;
mod openapi;
mod release;
mod run;
mod smoke;
mod template;
mod test;

use anyhow::Result;
use clap::Subcommand;

use crate::workspace::Workspace;

/// A command and its arguments.
#[derive(Subcommand)]
pub enum Command {
    // While you write.
    Run(run::Arguments),
    Admin(admin::Arguments),
    Test(test::Arguments),
    Generate(generate::Arguments),
    // The checks of the gate.
    /// Check the format and clippy's lints
    Lint,
    /// Check dependencies: advisories, licences, banned crates and sources
    ///
    /// Without access to GitHub the advisories are skipped, also in CI.
    Dependencies,
    /// Check that no modules of a crate import each other in a cycle
    Cycles,
    /// Send every event of events/ to its function, through cargo-lambda
    ///
    /// Needs Python 3.
    Events,
    /// Test the pages in Chromium
    ///
    /// Needs Node 20. Uses the Chromium in $CHROMIUM or in PATH. Without one, it uses a Chromium
    /// from npm, which is for Linux on x86-64.
    Browser,
    Openapi(openapi::Arguments),
    /// Check template.yaml, and what SAM makes of it, with SAM, cfn-lint, checkov and our rules
    ///
    /// Needs Python 3.
    Template,
    /// Deploy all functions to an emulator of AWS, use them, change and delete the stack
    ///
    /// Needs Python 3 and no AWS account. Takes half a minute after the build.
    DeployEmulator,
    /// Build one function as it is shipped, for arm64 with all optimisations, and check the file
    ///
    /// Needs Python 3.
    Release,
    /// Run all checks that a change must pass
    ///
    /// Skips nothing that lacks a tool. `.ci/run` first checks that the machine has the programs.
    Ci,
    // After a deployment, or a change of a tool's version.
    Smoke(smoke::Arguments),
    /// Fetch the files of the API documentation pages from npm into functions/docs
    ///
    /// Run it after changing a version in xtask/src/tools.rs. Needs npm, tar and gzip.
    Assets,
}

impl Command {
    /// Runs the command.
    pub async fn run(self, workspace: &Workspace) -> Result<()> {
        match self {
            Command::Run(arguments) => run::run(workspace, arguments),
            Command::Admin(arguments) => admin::run(workspace, arguments),
            Command::Test(arguments) => test::run(workspace, arguments).await,
            Command::Generate(arguments) => generate::run(workspace, arguments).await,
            Command::Lint => lint::run(workspace).await,
            Command::Dependencies => dependencies::run(workspace).await,
            Command::Cycles => cycles::run(workspace).await,
            Command::Events => events::run(workspace).await,
            Command::Browser => browser::run(workspace).await,
            Command::Openapi(arguments) => openapi::run(workspace, arguments).await,
            Command::Template => template::run(workspace).await,
            Command::DeployEmulator => deploy_emulator::run(workspace).await,
            Command::Release => release::run(workspace).await,
            Command::Ci => ci::run(workspace).await,
            Command::Smoke(arguments) => smoke::run(workspace, arguments).await,
            Command::Assets => assets::run(workspace).await,
        }
    }
}
