//! `cargo xtask openapi`: the OpenAPI document, tried on the API.
//!
//! A linter reads the document. A TypeScript client that is generated from it must type-check.
//! schemathesis makes requests for each operation, and compares each response with the document. The
//! smoke test of a deployed stack passes, too.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::{Value, json};
use tempfile::tempdir;

use super::smoke::{self, SlashRoutes};
use crate::http;
use crate::json::at;
use crate::process::{self, Service};
use crate::tools::{self, OPENAPI_FETCH, OPENAPI_TYPESCRIPT, REDOCLY, SCHEMATHESIS, TYPESCRIPT};
use crate::workspace::Workspace;

/// The limits are so high that no request is rejected for the number of requests before it.
const PARAMETERS: [&str; 5] = [
    "LoginTries=1000000000",
    "SourceTries=1000000000",
    "AccountTries=1000000000",
    "SignUpsPerHour=1000000000",
    "MailsPerDay=1000000000",
];

/// The users of the document's examples, who are students: their names, and their WeChat OpenIDs.
const STUDENTS: [&str; 2] = ["hajimihajimihajimi", "user_openid_123"];

/// Check the OpenAPI document, and try it on the API
///
/// A linter reads the document. A TypeScript client that is generated from it must type-check.
/// schemathesis makes requests for each operation, and compares each response with the document.
/// Needs Node 20 and Python 3.
#[derive(Args)]
pub struct Arguments {
    /// Requests for each operation
    #[arg(long, default_value_t = Arguments::default().cases)]
    cases: u32,
    /// The seed of the requests; another seed makes others
    #[arg(long, default_value_t = Arguments::default().seed)]
    seed: u32,
    /// Arguments for schemathesis
    #[arg(last = true)]
    schemathesis: Vec<OsString>,
}

impl Default for Arguments {
    fn default() -> Self {
        Self {
            cases: 50,
            seed: 1,
            schemathesis: Vec::new(),
        }
    }
}

/// Starts the API, and checks its OpenAPI document.
pub async fn run(workspace: &Workspace, arguments: Arguments) -> Result<()> {
    let work = tempdir()?;
    let document = work.path().join("openapi.json");
    workspace.build().await?;
    let dev = workspace.debug_folder().await?.join("dev");

    let mut server = workspace.command(&dev);
    server.args(["--memory", "--port", "0", "--aws-port", "0"]);
    for parameter in PARAMETERS {
        server.args(["--parameter", parameter]);
    }
    let mut server = Service::start(server, &work.path().join("server.log"))?;
    // The server builds the functions first.
    let line = server
        .wait_for_line("listening on ", Duration::from_secs(600))
        .await?;
    let url = line.trim_start_matches("listening on ");
    let port = url
        .rsplit_once(':')
        .context("the server's address has no port")?
        .1;
    let fetched = http::fetch(workspace, &format!("{url}/openapi.json"), &[]).await?;
    fs::write(
        &document,
        fetched.context("/openapi.json cannot be fetched")?,
    )?;

    smoke::check(workspace, url, SlashRoutes::Work).await?;

    let tools = [REDOCLY, OPENAPI_TYPESCRIPT, OPENAPI_FETCH, TYPESCRIPT];
    let modules = tools::install_npm(workspace, "openapi", &tools).await?;
    let bin = modules.join(".bin");

    let mut redocly = workspace.command(bin.join("redocly"));
    redocly
        .args(["lint", "--config", "xtask/openapi/redocly.yaml"])
        .arg(&document);
    redocly
        .env("REDOCLY_TELEMETRY", "off")
        .env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true");
    process::run(redocly).await?;

    let copy = |name: &str| {
        let from = workspace.path("xtask/openapi").join(name);
        fs::copy(from, work.path().join(name))
    };
    copy("client.ts")?;
    copy("tsconfig.json")?;
    fs::write(work.path().join("package.json"), r#"{ "type": "module" }"#)?;
    symlink(&modules, work.path().join("node_modules"))?;
    let mut generate = workspace.command(bin.join("openapi-typescript"));
    generate
        .arg(&document)
        .arg("--output")
        .arg(work.path().join("api.d.ts"));
    process::run(generate).await?;
    let mut compile = workspace.command(bin.join("tsc"));
    compile.arg("--project").arg(work.path());
    process::run(compile).await?;

    let schemathesis = tools::install_python(workspace, SCHEMATHESIS).await?;
    // The requests are an administrator's, so that no operation rejects them for their role.
    let token = log_in(workspace, url).await?;
    for name in STUDENTS {
        register(workspace, url, name).await?;
        let command = json!({"command": "bind-wx", "user": {"username": name}, "wx": name});
        let mut admin = workspace.command(&dev);
        admin.args(["--port", port, "admin", &command.to_string()]);
        process::output(admin).await?;
    }

    // schemathesis looks for its hooks next to its configuration, and stores its findings there.
    copy("schemathesis.toml")?;
    copy("schemathesis.py")?;
    let mut st = workspace.command(schemathesis.join("st"));
    st.current_dir(work.path())
        .env("PYTHONDONTWRITEBYTECODE", "1");
    st.args(["--config-file", "schemathesis.toml", "run"])
        .arg(format!("{url}/openapi.json"));
    st.arg("--header")
        .arg(format!("Authorization: Bearer {token}"));
    st.arg("--max-examples").arg(arguments.cases.to_string());
    st.arg("--seed").arg(arguments.seed.to_string());
    st.args([
        "--continue-on-failure",
        "--request-timeout",
        "20",
        "--no-color",
    ]);
    st.args(arguments.schemathesis);
    process::run(st).await
}

/// The access token of the local server's administrator.
async fn log_in(workspace: &Workspace, url: &str) -> Result<String> {
    let form = ["-d", "username=admin", "-d", "password=admin123"];
    let response = http::fetch(workspace, &format!("{url}/api/auth/login"), &form).await?;
    let response: Value = serde_json::from_str(&response.context("the login failed")?)?;
    let token = at(&response, "/access_token").as_str();
    Ok(token
        .context("the response has no access_token")?
        .to_owned())
}

async fn register(workspace: &Workspace, url: &str, name: &str) -> Result<()> {
    let user = json!({
        "username": name,
        "password": "password123",
        "nickname": "student",
        "email": format!("{name}@example.com"),
    });
    let arguments = [
        "-H",
        "Content-Type: application/json",
        "-d",
        &user.to_string(),
    ];
    let registered =
        http::fetch(workspace, &format!("{url}/api/auth/register"), &arguments).await?;
    ensure!(registered.is_some(), "the registration of {name} failed");
    Ok(())
}
