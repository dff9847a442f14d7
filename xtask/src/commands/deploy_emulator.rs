//! `cargo xtask deploy-emulator`: a deployment to an emulator of AWS, and the suite against it.
//!
//! SAM builds the functions as for a deployment, and deploys them to
//! [ministack](https://pypi.org/project/ministack/) on this machine. The suite that also runs in
//! the embedded cloud runs there. Then the stack is changed and deleted, and the data must still
//! exist. At last the suite runs again while the emulator enforces the functions' roles.
//!
//! ministack does not show all that AWS does. For each gap, another test shows it:
//!
//! * ministack creates no routes from an API's OpenAPI document. `emulator_template` adds them as
//!   resources. `local` serves the routes of the template itself.
//! * It does not match `/x/` against `/x/{slash+}`. So `$default` gets such a path here, and the
//!   trailing-slash route gets it in `local`. Both redirect it.
//! * It does not support rotation of secrets and alarms on an expression. They are removed. The
//!   events of a rotation are tested in `local`, the alarms in `tests/api/deployment/template.rs`.
//! * Throttles, access logs, expiry of items, log format, tracing and reserved concurrency have no
//!   effect. `cargo xtask template` checks them in the expanded template.
//! * Point-in-time recovery copies the table in its current state. `tests/api/deployment/template.rs` checks
//!   the setting.
//! * A batch of a stream counts as processed, whatever the function returns. There are no retries,
//!   no bisection and no dead letters. All of these are tested in `local`.
//! * `!Ref` of a secret is its name, and mail is sent from `*`. The grants of both are rewritten. A
//!   condition on leading keys is always true, and so is one on the attributes of a change. A condition
//!   on the projection of a `BatchGetItem` is always false, so it is removed. `local` enforces all of
//!   them.
//! * ministack has no TLS. Statements that deny requests without TLS are removed.
//!   `tests/api/deployment/template.rs` checks them.
//! * Every request comes from 127.0.0.1. A body that is not UTF-8 is changed on its way.
//! * No function runs out of memory, and no duration is comparable with AWS.

mod emulator_template;
mod libtest;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::{TempDir, tempdir};
use tokio::process::Command;

use super::{smoke, template};
use crate::http;
use crate::json::at;
use crate::process::{self, Service, last_lines};
use crate::tools::{self, AWS_SAM_CLI, CARGO_LAMBDA, MINISTACK};
use crate::workspace::{Workspace, architecture, free_port, path_starting_with, remove_variables};

const REGION: &str = "eu-central-1";
const STACK: &str = "accounts";
const BUCKET: &str = "functions";

/// The folder of the build.
const BUILT: &str = "target/sam";

/// The number of failed tests up to which these tests are repeated.
const MAX_REPEATED: usize = 3;

/// The time that the emulator has to start.
const READY: Duration = Duration::from_secs(100);

/// Builds, deploys, tests, changes and deletes the stack.
pub async fn run(workspace: &Workspace) -> Result<()> {
    let steps = Steps(Instant::now());
    steps.begin("tools");
    let mut emulator = Emulator::install(workspace).await?;
    let outcome = deploy_and_test(&mut emulator, &steps).await;
    if outcome.is_err() {
        emulator.print_logs()?;
    }
    outcome
}

async fn deploy_and_test(emulator: &mut Emulator<'_>, steps: &Steps) -> Result<()> {
    steps.begin("build");
    emulator.build().await?;

    steps.begin("create");
    emulator.start(&[]).await?;
    emulator.deploy(&[]).await?;

    steps.begin("smoke test");
    smoke::check(emulator.workspace, &emulator.stack_url()?).await?;

    steps.begin("the suite against the deployed functions");
    emulator.test().await?;

    steps.begin("change in place");
    let (deployed, former) = (emulator.file("deployed.json"), emulator.file("former.json"));
    let survives = "check_data_survives.py";
    emulator
        .python(survives, &["create".as_ref(), deployed.as_os_str()])
        .await?;
    fs::copy(&deployed, &former)?;
    emulator
        .deploy(&["AdminEmail=root@example.com", "TokenSeconds=3600"])
        .await?;
    let arguments = ["change".as_ref(), deployed.as_os_str(), former.as_os_str()];
    emulator.python(survives, &arguments).await?;

    steps.begin("delete");
    emulator.delete().await?;
    let expanded = emulator.file("expanded.json");
    let arguments = [
        "delete".as_ref(),
        deployed.as_os_str(),
        expanded.as_os_str(),
    ];
    emulator.python(survives, &arguments).await?;
    emulator.stop();

    steps.begin("the suite again, with enforced roles");
    emulator.start(&[("AUTH", "true")]).await?;
    emulator.deploy(&[]).await?;
    emulator
        .python("check_roles_enforced.py", &[deployed.as_os_str()])
        .await?;
    emulator.test().await?;
    Ok(())
}

/// The steps of this command, with the time since its start.
struct Steps(Instant);

impl Steps {
    fn begin(&self, name: &str) {
        let seconds = self.0.elapsed().as_secs();
        println!("\n=== {name} ({}:{:02})", seconds / 60, seconds % 60);
    }
}

/// An emulator of AWS, and the tools that deploy to it.
struct Emulator<'a> {
    workspace: &'a Workspace,
    /// The running emulator. It is stopped before the files are removed.
    service: Option<Service>,
    /// The files of this run, and the logs of its commands.
    work: TempDir,
    endpoint: String,
    port: u16,
    /// The `bin` folder of SAM's environment.
    sam: PathBuf,
    ministack: PathBuf,
    path: OsString,
}

impl<'a> Emulator<'a> {
    async fn install(workspace: &'a Workspace) -> Result<Self> {
        let ministack = tools::install_python(workspace, MINISTACK).await?;
        let sam = tools::install_python(workspace, AWS_SAM_CLI).await?;
        let cargo_lambda = tools::install_python(workspace, CARGO_LAMBDA).await?;
        let port = free_port()?;
        Ok(Self {
            workspace,
            service: None,
            work: tempdir()?,
            endpoint: format!("http://127.0.0.1:{port}"),
            port,
            // cargo-lambda finds its linker through the `python3` of its own environment.
            path: path_starting_with(&[&cargo_lambda, &sam])?,
            ministack: ministack.join("ministack"),
            sam,
        })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.work.path().join(name)
    }

    /// A command that knows no AWS account but the emulator's.
    ///
    /// Nothing of a real account is in its environment, and so in none of a function.
    fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = self.workspace.command(program);
        remove_variables(&mut command, &["AWS_"]);
        command.envs([
            ("AWS_CONFIG_FILE", "/dev/null"),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_REGION", REGION),
            ("AWS_DEFAULT_REGION", REGION),
            ("AWS_ENDPOINT_URL", &self.endpoint),
            ("SAM_CLI_TELEMETRY", "0"),
        ]);
        command.env("PATH", &self.path);
        command
    }

    fn sam(&self, arguments: &[&str]) -> Command {
        let mut sam = self.command(self.sam.join("sam"));
        sam.args(arguments);
        sam
    }

    /// Runs a program of `xtask/python` to its end.
    async fn python(&self, program: &str, arguments: &[&OsStr]) -> Result<()> {
        process::run(self.python_command(program, arguments)).await
    }

    fn python_command(&self, program: &str, arguments: &[&OsStr]) -> Command {
        let mut python = self.command(self.sam.join("python"));
        python
            .arg(Path::new("xtask/python").join(program))
            .args(arguments);
        python.env("PYTHONDONTWRITEBYTECODE", "1");
        python
    }

    /// Builds the functions and the suite.
    async fn build(&self) -> Result<()> {
        let mut build = self.command("nice");
        build
            .args(["-n", "10"])
            .arg(self.sam.join("sam"))
            .arg("build");
        build.args([
            "--parameter-overrides",
            &format!("Architecture={}", architecture()),
        ]);
        build.args(["--build-dir", &format!("{BUILT}/functions")]);
        // One folder for all functions, and a fast build: no speed is measured here.
        build.env("CARGO_TARGET_DIR", BUILT);
        build.env("CARGO_PROFILE_RELEASE_LTO", "off");
        build.env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
        build.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1");
        process::run_to_file(build, &self.file("build.log")).await?;

        let mut suite = self.command("nice");
        suite.args([
            "-n",
            "10",
            "cargo",
            "test",
            "--test",
            "api",
            "--features",
            "deployed",
            "--no-run",
            "--locked",
        ]);
        process::run(suite).await
    }

    /// Starts an empty emulator with these settings, and uploads the functions.
    async fn start(&mut self, variables: &[(&str, &str)]) -> Result<()> {
        let mut ministack = self.command(&self.ministack);
        ministack.envs(variables.iter().copied());
        ministack.env("TMPDIR", self.work.path());
        ministack.env("BIND_HOST", "127.0.0.1");
        ministack.env("GATEWAY_PORT", self.port.to_string());
        ministack.env("MINISTACK_REGION", REGION);
        let mut service = Service::start(ministack, &self.file("emulator.log"))?;
        let ready = format!("{}/_ministack/ready", self.endpoint);
        let probe = async || http::fetch(self.workspace, &ready, &[]).await;
        service.wait_for(READY, probe).await?;
        self.service = Some(service);

        self.python("prepare_account.py", &[BUCKET.as_ref()])
            .await?;
        let mut package = self.sam(&["package", "--s3-bucket", BUCKET]);
        package.args([
            "--template-file",
            &format!("{BUILT}/functions/template.yaml"),
        ]);
        package
            .arg("--output-template-file")
            .arg(self.file("packaged.yaml"));
        process::run_to_file(package, &self.file("package.log")).await
    }

    fn stop(&mut self) {
        self.service = None;
    }

    /// Creates the stack with these parameters, or changes it.
    async fn deploy(&self, parameters: &[&str]) -> Result<()> {
        let architecture = format!("Architecture={}", architecture());
        // The suite uses the password of the documents' examples.
        let common = [architecture.as_str(), "CommonPasswords=allow"];
        let parameters = [&common[..], parameters].concat();
        let mut expand = self.command(self.sam.join("python"));
        expand
            .arg(template::EXPAND)
            .arg(self.file("packaged.yaml"))
            .args(&parameters);
        let expanded = process::output(expand).await?;
        fs::write(self.file("expanded.json"), &expanded)?;
        let emulated = emulator_template::adapt(serde_json::from_str(&expanded)?)?;
        fs::write(self.file("emulated.json"), format!("{emulated:#}"))?;

        let mut deploy = self.sam(&["deploy", "--template-file", "emulated.json"]);
        deploy.args(["--stack-name", STACK, "--s3-bucket", BUCKET]);
        deploy.args(["--capabilities", "CAPABILITY_IAM", "--parameter-overrides"]);
        // Not in the repository, whose samconfig.toml chooses another bucket.
        deploy.args(&parameters).current_dir(self.work.path());
        process::run_to_file(deploy, &self.file("deploy.log")).await?;

        let describe = self.python_command("describe_stack.py", &[STACK.as_ref()]);
        fs::write(self.file("deployed.json"), process::output(describe).await?)?;
        Ok(())
    }

    async fn delete(&self) -> Result<()> {
        let arguments = [
            "delete",
            "--stack-name",
            STACK,
            "--region",
            REGION,
            "--no-prompts",
        ];
        process::run_to_file(self.sam(&arguments), &self.file("delete.log")).await
    }

    /// The address of the deployed API.
    fn stack_url(&self) -> Result<String> {
        let deployed = fs::read_to_string(self.file("deployed.json"))?;
        let deployed: Value = serde_json::from_str(&deployed)?;
        let url = at(&deployed, "/url").as_str();
        Ok(url.context("the stack has no URL")?.to_owned())
    }

    /// Runs the suite against the deployed stack.
    ///
    /// The emulator itself fails now and then. A few failed tests are repeated once.
    async fn test(&self) -> Result<()> {
        let (status, output) = process::tee(self.suite(&[])).await?;
        if !status.success() {
            let failed = libtest::failed_tests(&output);
            ensure!(
                (1..=MAX_REPEATED).contains(&failed.len()),
                "the suite failed ({status})"
            );
            println!("repeat: {}", failed.join(" "));
            process::run(self.suite(&[&["--exact"], failed.as_slice()].concat())).await?;
        }
        Ok(())
    }

    fn suite(&self, arguments: &[&str]) -> Command {
        let mut suite = self.command("cargo");
        suite.args([
            "test",
            "--test",
            "api",
            "--features",
            "deployed",
            "--locked",
            "--",
            "--test-threads=1",
        ]);
        suite.args(arguments);
        suite.env("ACCOUNTS_DEPLOYED", self.file("deployed.json"));
        suite
    }

    /// Prints the end of each log.
    fn print_logs(&self) -> Result<()> {
        for entry in fs::read_dir(self.work.path())? {
            let file = entry?.path();
            if file.extension().is_some_and(|extension| extension == "log") {
                println!("==> {} <==", file.display());
                let log = fs::read(&file)?;
                for line in last_lines(&String::from_utf8_lossy(&log), 20).lines() {
                    println!("{}", line.chars().take(500).collect::<String>());
                }
            }
        }
        Ok(())
    }
}
