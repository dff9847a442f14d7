//! `cargo xtask run`: the API on this machine.

use std::ffi::OsString;

use anyhow::Result;
use clap::Args;

use crate::process;
use crate::workspace::Workspace;

/// Serve the API on this machine: `cargo run --package dev`
#[derive(Args)]
pub struct Arguments {
    /// Arguments for the server, as `--watch`; `-- --help` explains all
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Replaces this program by the server.
pub fn run(workspace: &Workspace, arguments: Arguments) -> Result<()> {
    let mut cargo = workspace.cargo(&["run", "--package", "dev", "--"]);
    cargo.args(arguments.arguments);
    match process::replace_with(cargo)? {}
}
