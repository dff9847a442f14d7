//! The developer commands of this repository: `cargo xtask <command>`.
//!
//! Each module of `commands` is one command. The other modules are what several commands share:
//! the workspace and its settings, the pinned tools, child processes, HTTP requests and JSON values.

mod commands;
mod http;
mod json;
mod process;
mod tools;
mod workspace;

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use crate::commands::Command;
use crate::workspace::Workspace;

/// The developer commands of this repository
///
/// Tools of pinned versions are installed below $XDG_CACHE_HOME/accounts-ci, or below
/// ~/.cache/accounts-ci. A command skips what this machine cannot run, and prints SKIPPED with the
/// reason. With CI=true in the environment it fails instead.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let command = Arguments::parse().command;
    // Dropping the command stops its child processes and removes its temporary files.
    let outcome = tokio::select! {
        outcome = run(command) => outcome,
        outcome = interruption() => outcome,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Result<()> {
    command.run(&Workspace::open()?).await
}

/// An error, once SIGINT, SIGTERM or SIGHUP arrives.
async fn interruption() -> Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::select! {
        _ = interrupt.recv() => bail!("interrupted"),
        _ = terminate.recv() => bail!("terminated"),
        _ = hangup.recv() => bail!("the terminal was closed"),
    }
}
