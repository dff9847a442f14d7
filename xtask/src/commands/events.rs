//! `cargo xtask events`: every event of `events/`, through `cargo lambda invoke`.
//!
//! The AWS services are the local server's. The functions are the debug build. `cargo lambda watch`
//! serves the Lambda runtime API, but does not build: it would build each function with
//! `cargo run --bin`, and so with other features of its dependencies than a build of all.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::tempdir;

use crate::process::{self, Service, last_lines};
use crate::tools::{self, CARGO_LAMBDA};
use crate::workspace::{Workspace, free_port, path_starting_with};

/// The time until a process must be ready.
const READY: Duration = Duration::from_secs(60);

/// Starts the services and the functions, and runs the test of the events against them.
pub async fn run(workspace: &Workspace) -> Result<()> {
    let tool = match tools::install_python(workspace, CARGO_LAMBDA).await {
        Ok(tool) => tool,
        Err(error) => return workspace.skip("the events", &format!("{error:#}")),
    };
    let path = path_starting_with(&[&tool])?;
    workspace.build().await?;
    let built = workspace.debug_folder().await?;
    let folder = tempdir()?;
    let log = folder.path().join("functions.log");

    let mut dev = workspace.command(built.join("dev"));
    dev.args([
        "--services-only",
        "--memory",
        "--port",
        "0",
        "--aws-port",
        "0",
    ]);
    let mut services = Service::start(dev, &folder.path().join("services.log"))?;
    services.wait_for_line("export USERS_TABLE=", READY).await?;

    let port = free_port()?.to_string();
    let mut watch = workspace.cargo(&["lambda", "watch", "--only-lambda-apis"]);
    watch.args(["--invoke-address", "127.0.0.1", "--invoke-port", &port]);
    watch.env("PATH", &path);
    let mut runtime = Service::start(watch, &folder.path().join("watch.log"))?;
    runtime
        .wait_for_line("starting Runtime server", READY)
        .await?;

    let variables = exports(&services.log()?);
    let mut functions = Vec::new();
    for name in event_names(&workspace.path("events"))? {
        let mut function = workspace.command(built.join(&name));
        function.envs(variables.clone());
        // The access key is the function's name: it may do what its grants in the template allow.
        function.env("AWS_ACCESS_KEY_ID", &name);
        function.env(
            "AWS_LAMBDA_RUNTIME_API",
            format!("http://127.0.0.1:{port}/.rt/{name}"),
        );
        function.env("AWS_LAMBDA_FUNCTION_NAME", &name);
        function.env("AWS_LAMBDA_FUNCTION_VERSION", "1");
        function.env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256");
        functions.push(Service::start(function, &log)?);
    }

    let mut test = workspace.cargo(&["test", "--workspace", "--locked", "--test", "api"]);
    test.args(["--", "events::"]);
    test.envs(variables)
        .env("INVOKE_PORT", &port)
        .env("PATH", &path);
    let outcome = process::run(test).await;
    if outcome.is_err() {
        println!("{}", last_lines(&fs::read_to_string(&log)?, 30));
    }
    outcome
}

/// The names of the events, which are those of their functions.
fn event_names(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let file = entry?.path();
        if file
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            let name = file.file_stem().and_then(|name| name.to_str());
            names.push(name.context("an event has no name in UTF-8")?.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// The variables in lines of the form `export NAME='value'`.
fn exports(output: &str) -> Vec<(String, String)> {
    let lines = output
        .lines()
        .filter_map(|line| line.strip_prefix("export "));
    lines
        .filter_map(|line| {
            let (name, value) = line.split_once('=')?;
            let value = value.strip_prefix('\'')?.strip_suffix('\'')?;
            Some((name.to_owned(), value.replace(r"'\''", "'")))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exports_are_read_as_a_shell_reads_them() {
        let output = "listening on http://127.0.0.1:1\n\nexport A='b'\nexport C='it'\\''s = x'\n\
            export D=''\nexport E=unquoted\n";
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let wanted = [pair("A", "b"), pair("C", "it's = x"), pair("D", "")];
        assert_eq!(exports(output), wanted);
    }
}
