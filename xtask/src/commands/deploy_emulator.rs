//! `cargo xtask deploy-emulator`: a stack in an emulator of AWS.
//!
//! [ministack](https://pypi.org/project/ministack/) runs on this machine and enforces the functions'
//! roles. The debug builds of the functions are deployed to it with the template that SAM's
//! translator expands. Each route is requested, and one journey of each API family is made. Then the
//! stack is changed and deleted, and the data must still exist.
//!
//! ministack does not show all that AWS does. For each gap, another check shows it:
//!
//! * It creates no routes from an API's OpenAPI document, so they become resources. It does not match
//!   `/x/` against `/x/{slash+}`. `local` serves the routes of the template itself.
//! * It supports neither CORS, nor rotation of secrets, nor alarms on an expression. `local` shows the
//!   first two, `cargo xtask template` checks the alarms.
//! * Throttles, access logs, expiry of items, log format, tracing and reserved concurrency have no
//!   effect. `cargo xtask template` checks them in the expanded template.
//! * It does not refuse a policy of an SNS topic that names two topics, and has no TLS, so statements
//!   that deny requests without TLS are removed. `cargo xtask template` checks both.
//! * A batch of a stream counts as processed, whatever the function returns: no retries, no bisection,
//!   no dead letters. `local` shows all of these.
//! * `!Ref` of a secret is its name, mail is sent from `*`, a condition on leading keys or on the
//!   attributes of a change is always true, and one on the projection of a `BatchGetItem` always false.
//!   These grants are rewritten. `local` enforces them as they are.
//! * The functions are not built by SAM. `cargo xtask release` builds one as it is shipped.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::{TempDir, tempdir};
use tokio::process::Command;

use super::smoke::{self, SlashRoutes};
use super::template;
use crate::http;
use crate::process::{self, Service};
use crate::tools::{self, AWS_SAM_CLI, MINISTACK};
use crate::workspace::{Workspace, architecture, free_port, remove_variables};

const REGION: &str = "eu-central-1";

/// The time that the emulator has to start.
const READY: Duration = Duration::from_secs(100);

/// Deploys, uses, changes and deletes the stack.
pub async fn run(workspace: &Workspace) -> Result<()> {
    workspace.build().await?;
    let built = workspace.debug_folder().await?;
    let mut emulator = Emulator::start(workspace).await?;
    let template = emulator.expand("template.json", &[]).await?;
    let changes = ["AdminEmail=root@example.com", "TokenSeconds=3600"];
    let changed = emulator.expand("changed.json", &changes).await?;

    let url = emulator.stack("create", &[&template, &built]).await;
    let outcome = async {
        let url = url?;
        smoke::check(workspace, url.trim(), SlashRoutes::AreIgnored).await?;
        let output = emulator.stack("use", &[&template, &changed]).await?;
        print!("{output}");
        Ok(())
    };
    let outcome = outcome.await;
    if outcome.is_err() {
        println!("{}", process::last_lines(&emulator.service.log()?, 40));
    }
    outcome
}

/// A running emulator of AWS.
struct Emulator<'a> {
    workspace: &'a Workspace,
    /// It is stopped before the files are removed.
    service: Service,
    folder: TempDir,
    endpoint: String,
    /// The Python of SAM's environment.
    python: PathBuf,
}

impl<'a> Emulator<'a> {
    async fn start(workspace: &'a Workspace) -> Result<Self> {
        let ministack = tools::install_python(workspace, MINISTACK).await?;
        let sam = tools::install_python(workspace, AWS_SAM_CLI).await?;
        let (folder, port) = (tempdir()?, free_port()?);
        let endpoint = format!("http://127.0.0.1:{port}");
        let mut command = command(workspace, &ministack.join("ministack"), &endpoint);
        command.env("AUTH", "true").env("TMPDIR", folder.path());
        command.env("BIND_HOST", "127.0.0.1");
        command.env("GATEWAY_PORT", port.to_string());
        command.env("MINISTACK_REGION", REGION);
        let mut service = Service::start(command, &folder.path().join("emulator.log"))?;
        let ready = format!("{endpoint}/_ministack/ready");
        let probe = async || http::fetch(workspace, &ready, &[]).await;
        service.wait_for(READY, probe).await?;
        Ok(Self {
            workspace,
            service,
            folder,
            endpoint,
            python: sam.join("python"),
        })
    }

    /// Expands the template with these parameters into a file.
    async fn expand(&self, file: &str, parameters: &[&str]) -> Result<PathBuf> {
        let mut expand = command(self.workspace, &self.python, &self.endpoint);
        expand.args([template::EXPAND, "template.yaml"]);
        expand.arg(format!("Architecture={}", architecture()));
        expand.args(parameters);
        let file = self.folder.path().join(file);
        fs::write(&file, process::output(expand).await?)?;
        Ok(file)
    }

    /// Runs a step of the stack's life, and returns its output.
    async fn stack(&mut self, step: &str, files: &[&Path]) -> Result<String> {
        let mut python = command(self.workspace, &self.python, &self.endpoint);
        python
            .args(["xtask/python/emulated_stack.py", step])
            .args(files);
        let output = process::output(python).await;
        output.with_context(|| format!("{step} the stack"))
    }
}

/// A command that knows no AWS account but the emulator's. So no function gets anything of another.
fn command(workspace: &Workspace, program: &Path, endpoint: &str) -> Command {
    let mut command = workspace.command(program);
    remove_variables(&mut command, &["AWS_"]);
    command.envs([
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_REGION", REGION),
        ("AWS_DEFAULT_REGION", REGION),
        ("AWS_ENDPOINT_URL", endpoint),
        ("PYTHONDONTWRITEBYTECODE", "1"),
    ]);
    command
}
