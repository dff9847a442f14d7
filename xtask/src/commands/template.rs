//! `cargo xtask template`: checks of `template.yaml`.
//!
//! The template is checked as it is written, and as CloudFormation gets it: expanded by SAM, with the
//! default parameters, with those for a new account, and with every feature enabled. The operator's
//! run-book must name what the template has.

mod expanded;
mod run_book;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;
use tempfile::tempdir;

use crate::process;
use crate::tools::{self, AWS_SAM_CLI, CHECKOV};
use crate::workspace::Workspace;

/// Parameters that enable every feature of the template.
const EVERYTHING: [&str; 12] = [
    "AdminEmail=a@example.com",
    "AlarmEmail=a@example.com",
    "MailDomain=example.com",
    "Tracing=Active",
    "HashingConcurrency=10",
    "AllowedOrigins=https://app.example.com",
    "ConcurrencyAlarm=800",
    "Domain=accounts.example.com",
    "DomainCertificate=arn:aws:acm:eu-central-1:123456789012:certificate/01941234-5678-7abc-8def-0123456789ab",
    "DomainZone=Z0123456789ABCDEFGHIJ",
    "AvatarsUrl=https://avatars.example.com",
    "AvatarsCertificate=arn:aws:acm:us-east-1:123456789012:certificate/01941234-5678-7abc-8def-0123456789ab",
];

/// Parameters for an account that AWS has not verified yet.
const NEW_ACCOUNT: [&str; 2] = ["Distribution=no", "AvatarsUrl=https://avatars.example.com"];

/// The region that the template is checked for.
const REGION: &str = "eu-central-1";

/// Checks the template, and what SAM makes of it.
pub async fn run(workspace: &Workspace) -> Result<()> {
    let sam = tools::install_python(workspace, AWS_SAM_CLI).await?;
    let checkov = tools::install_python(workspace, CHECKOV).await?;
    let command = |program: PathBuf, arguments: &[&str]| {
        let mut command = workspace.command(program);
        command.args(arguments);
        command
            .env("AWS_REGION", REGION)
            .env("SAM_CLI_TELEMETRY", "0");
        command
    };
    let checkov = |file: &Path| {
        let mut checkov = command(checkov.join("checkov"), &["--config-file", ".checkov.yaml"]);
        checkov.arg("--file").arg(file);
        checkov
    };
    process::run(command(sam.join("sam"), &["validate", "--lint"])).await?;
    process::run(command(sam.join("cfn-lint"), &["template.yaml"])).await?;
    process::run(command(sam.join("cfn-lint"), &["import.yaml"])).await?;
    process::run(checkov(Path::new("template.yaml"))).await?;

    let folder = tempdir()?;
    let mut expanded = Value::Null;
    for (name, parameters) in [
        ("default", &[] as &[&str]),
        ("new account", &NEW_ACCOUNT),
        ("everything", &EVERYTHING),
    ] {
        let file = folder.path().join(name).with_extension("json");
        let mut expand = command(sam.join("python"), &[EXPAND, "template.yaml"]);
        expand.args(parameters);
        let json = process::output(expand).await?;
        fs::write(&file, &json)?;
        let broken = || format!("the expanded template, with the parameters {name}");
        expanded::check(&serde_json::from_str(&json)?).with_context(broken)?;
        // W2001 is an unused parameter: SAM writes the value in its place.
        let mut lint = command(sam.join("cfn-lint"), &["--ignore-checks", "W2001", "--"]);
        lint.arg(&file);
        process::run(lint).await.with_context(broken)?;
        process::run(checkov(&file)).await.with_context(broken)?;
        expanded = serde_json::from_str(&json)?;
    }
    let read = |path| fs::read_to_string(workspace.path(path)).context(path);
    run_book::check_alarms(&read("docs/operations.md")?, &expanded)?;
    run_book::check_commands(&(read("README.md")? + &read("docs/operations.md")?))?;
    run_book::check_settings(&read("samconfig.toml")?)
}

/// The program that expands a template with SAM's translator, and needs SAM's Python.
pub const EXPAND: &str = "xtask/python/expand_template.py";
