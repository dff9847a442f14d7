//! `cargo run -p dev`: builds the functions and serves the API on this machine.

mod print;

use std::{
    future::pending,
    net::{Ipv4Addr, TcpListener},
    path::PathBuf,
    pin::pin,
    process::ExitCode,
};

use anyhow::Context;
use clap::{Parser, Subcommand};
use dev::{PARAMETERS, STACK_NAME, admin, seed};
use local::{Cloud, Options, Result, Watch, Workspace};
use tokio::signal::unix::{SignalKind, signal};

/// The API on this machine: gateway, functions and AWS services in one process.
#[derive(Parser)]
struct Arguments {
    /// Port of the API; 0 picks one
    #[arg(long, default_value_t = 8000, global = true)]
    port: u16,
    /// Port of the AWS services; 0 picks one
    #[arg(long, default_value_t = 8001)]
    aws_port: u16,
    /// Directory of all data
    #[arg(long, default_value = ".local")]
    data: PathBuf,
    /// Keep all data in memory; it is lost when the program ends
    #[arg(long, conflicts_with = "data")]
    memory: bool,
    /// Build and run the functions with optimisations
    #[arg(long)]
    release: bool,
    /// Rebuild and restart functions whose sources change, and reload the template
    #[arg(long, conflicts_with = "services_only")]
    watch: bool,
    /// Run the AWS services only, for functions that run elsewhere, e.g. `cargo lambda watch`
    #[arg(long)]
    services_only: bool,
    /// Value of a template parameter, instead of its default
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = parse_parameter)]
    parameters: Vec<(String, String)>,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What to do with a cloud that is already running.
#[derive(Subcommand)]
enum Command {
    Admin(admin::Admin),
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<()> {
    if let Some(Command::Admin(admin)) = arguments.command {
        return admin::run(admin, arguments.port).await;
    }
    check_ports([arguments.port, arguments.aws_port])?;
    let workspace = dev::workspace(arguments.release)?;
    let template = workspace.template();
    let mut shutdown = pin!(shutdown_signal()?);
    // Dropping the build kills cargo.
    let (binaries, watch) = tokio::select! {
        () = &mut shutdown => return Ok(()),
        built = build(&arguments, workspace) => built?,
    };

    let data = (!arguments.memory).then_some(arguments.data);
    let options = Options {
        stack_name: STACK_NAME.to_owned(),
        template,
        binaries,
        data: data.clone(),
        port: arguments.port,
        aws_port: arguments.aws_port,
        echo_logs: true,
        event_sources: !arguments.services_only,
        parameters: PARAMETERS
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into_iter()
            .chain(arguments.parameters)
            .collect(),
        ..Options::default()
    };
    let mut cloud = Cloud::start(options).await?;
    seed::seed(&cloud).await?;
    match arguments.services_only {
        true => print::services(&cloud),
        false => print::gateway(&cloud, data.as_deref()),
    }

    let outcome = tokio::select! {
        () = shutdown => Ok(()),
        outcome = run_watch(watch, &mut cloud) => outcome,
    };
    cloud.stop().await;
    outcome
}

/// Completes at SIGINT or SIGTERM.
fn shutdown_signal() -> Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Builds the functions, unless they run elsewhere. Returns the directory of their binaries, and
/// the watch if `--watch` was given.
async fn build(arguments: &Arguments, workspace: Workspace) -> Result<(PathBuf, Option<Watch>)> {
    if arguments.services_only {
        return Ok((PathBuf::new(), None));
    }
    if arguments.watch {
        let watch = Watch::start(workspace).await?;
        return Ok((watch.binaries(), Some(watch)));
    }
    workspace.build().await?;
    Ok((workspace.binaries(), None))
}

/// Runs the watch. Without one, never returns.
async fn run_watch(watch: Option<Watch>, cloud: &mut Cloud) -> Result<()> {
    match watch {
        Some(watch) => watch.run(cloud, |line| println!("{line}")).await,
        None => pending().await,
    }
}

fn parse_parameter(text: &str) -> Result<(String, String)> {
    let (name, value) = text
        .split_once('=')
        .context("expected a parameter as NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Fails if a port is in use. Runs before the build, which takes longer.
fn check_ports(ports: [u16; 2]) -> Result<()> {
    let listen = |port| {
        TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .with_context(|| format!("port {port} cannot be used"))
    };
    // Both listeners are open at the same time, so two equal ports fail, too.
    ports
        .into_iter()
        .map(listen)
        .collect::<Result<Vec<_>>>()
        .map(drop)
}
