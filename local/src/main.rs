//! `cargo run -p local`: builds the functions and serves the API on this machine, with
//! nothing else installed.

mod admin;
mod print;
mod seed;

use std::{
    future::pending,
    net::{Ipv4Addr, TcpListener},
    path::PathBuf,
    pin::pin,
    process::ExitCode,
};

use anyhow::Context;
use clap::{Parser, Subcommand};
use local::{Cloud, Options, Result, Watch, Workspace};
use tokio::signal::unix::{SignalKind, signal};

/// The API on this machine: gateway, functions and AWS services in one process.
#[derive(Parser)]
struct Arguments {
    /// The port to serve on; 0 picks one
    #[arg(long, default_value_t = 8000, global = true)]
    port: u16,
    /// The port of the AWS services; 0 picks one
    #[arg(long, default_value_t = 8001)]
    aws_port: u16,
    /// The directory to keep the data in
    #[arg(long, default_value = ".local")]
    data: PathBuf,
    /// Keep nothing: all data is gone when this ends
    #[arg(long, conflicts_with = "data")]
    memory: bool,
    /// Build and run the functions with optimisations
    #[arg(long)]
    release: bool,
    /// Rebuild and restart what is saved, and reload the template
    #[arg(long, conflicts_with = "services_only")]
    watch: bool,
    /// Only the AWS services, for functions that run elsewhere, as under `cargo lambda watch`
    #[arg(long)]
    services_only: bool,
    /// A value for a parameter of the template, in place of its default
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = parameter)]
    parameters: Vec<(String, String)>,
    #[command(subcommand)]
    tool: Option<Tool>,
}

/// What is done with a cloud that runs already.
#[derive(Subcommand)]
enum Tool {
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
    if let Some(Tool::Admin(admin)) = arguments.tool {
        return admin::run(admin, arguments.port).await;
    }
    check([arguments.port, arguments.aws_port])?;
    let workspace = Workspace::of_this_program(arguments.release)?;
    let template = workspace.template();
    let mut end = pin!(end()?);
    // A build that is dropped ends cargo.
    let (binaries, watch) = tokio::select! {
        () = &mut end => return Ok(()),
        built = build(&arguments, workspace) => built?,
    };

    let data = (!arguments.memory).then_some(arguments.data);
    let options = Options {
        template,
        binaries,
        data: data.clone(),
        port: arguments.port,
        aws_port: arguments.aws_port,
        echo_logs: true,
        streams: !arguments.services_only,
        parameters: arguments.parameters.into_iter().collect(),
        ..Options::default()
    };
    let mut cloud = Cloud::start(options).await?;
    seed::seed(&cloud).await?;
    match arguments.services_only {
        true => print::services(&cloud),
        false => print::gateway(&cloud, data.as_deref()),
    }

    let outcome = tokio::select! {
        () = end => Ok(()),
        outcome = follow(watch, &mut cloud) => outcome,
    };
    cloud.stop().await;
    outcome
}

/// Returns when somebody wants this program to end.
fn end() -> Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Builds the functions, if they are to run here: where they are, and who watches them, if somebody
/// is to.
async fn build(arguments: &Arguments, workspace: Workspace) -> Result<(PathBuf, Option<Watch>)> {
    if arguments.services_only {
        return Ok((PathBuf::new(), None));
    }
    if arguments.watch {
        let watch = Watch::begin(workspace).await?;
        return Ok((watch.binaries(), Some(watch)));
    }
    workspace.build().await?;
    Ok((workspace.built(), None))
}

/// Follows what is saved, if that is wanted; for ever.
async fn follow(watch: Option<Watch>, cloud: &mut Cloud) -> Result<()> {
    match watch {
        Some(watch) => watch.follow(cloud, |line| println!("{line}")).await,
        None => pending().await,
    }
}

fn parameter(text: &str) -> Result<(String, String)> {
    let (name, value) = text
        .split_once('=')
        .context("a parameter is written NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Fails if a port is taken, before the functions are built.
fn check(ports: [u16; 2]) -> Result<()> {
    let listen = |port| {
        TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .with_context(|| format!("port {port} cannot be used"))
    };
    // All at once: so they differ.
    ports
        .into_iter()
        .map(listen)
        .collect::<Result<Vec<_>>>()
        .map(drop)
}
