//! `cargo xtask test`: the tests, or a part of them.

use std::ffi::OsString;

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::process;
use crate::workspace::Workspace;

/// Run the tests, or a part of them
#[derive(Args)]
pub struct Arguments {
    /// The part to run
    #[arg(value_enum, default_value_t = Subset::All)]
    subset: Subset,
    /// Arguments for the test binaries, as a part of a test's name
    #[arg(last = true)]
    arguments: Vec<OsString>,
}

/// A part of the tests.
#[derive(Clone, Copy, ValueEnum)]
pub enum Subset {
    /// All tests of the workspace but the figures
    All,
    /// The tests inside the crates, which start no function
    Unit,
    /// The API's tests, through the real function binaries
    Api,
    /// The ignored tests, which take minutes and print measurements
    Figures,
}

/// Runs a part of the tests.
pub async fn run(workspace: &Workspace, arguments: Arguments) -> Result<()> {
    run_subset(workspace, arguments.subset, &arguments.arguments).await
}

/// Runs a part of the tests, with these arguments for the test binaries.
pub async fn run_subset(
    workspace: &Workspace,
    subset: Subset,
    arguments: &[OsString],
) -> Result<()> {
    let (tests, options): (&[_], &[_]) = match subset {
        Subset::All => (&["--workspace"], &[]),
        Subset::Unit => (&["--workspace", "--lib", "--bins"], &[]),
        Subset::Api => (&["--test", "api"], &[]),
        Subset::Figures => (
            &["--test", "api"],
            &["--ignored", "--nocapture", "--test-threads=1"],
        ),
    };
    let mut cargo = workspace.cargo(&["test", "--locked"]);
    cargo.args(tests).arg("--").args(options).args(arguments);
    process::run(cargo).await
}
