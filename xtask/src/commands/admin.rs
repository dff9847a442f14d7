//! `cargo xtask admin`: a command for the `admin` function of the running server.

use std::ffi::OsString;

use anyhow::Result;
use clap::Args;

use crate::process;
use crate::workspace::Workspace;

/// Send a command to the `admin` function of a server that `cargo xtask run` started
#[derive(Args)]
pub struct Arguments {
    /// The command as JSON, or `-` to read it from standard input; `-- --help` lists the commands
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    arguments: Vec<OsString>,
}

/// Replaces this program by the client.
pub fn run(workspace: &Workspace, arguments: Arguments) -> Result<()> {
    let mut cargo = workspace.cargo(&["run", "--quiet", "--package", "dev", "--", "admin"]);
    cargo.args(arguments.arguments);
    match process::replace_with(cargo)? {}
}
