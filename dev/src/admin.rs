//! `cargo run -p dev -- admin`: invokes the function `admin` of a running cloud.

use std::io::{IsTerminal, Read, stdin};

use anyhow::{Context, bail};
use clap::Args;
use local::Result;
use reqwest::header::CONTENT_TYPE;
use serde_json::Value as Json;

/// Last part of the `--help` output.
const EXAMPLES: &str = r#"Start `cargo run -p dev` in another terminal first. If it has another --port, pass the same one here.

Commands and their fields:
  create-administrator  username, email, nickname?, password? (default: generated, printed once)
  set-access            user, access: admin, user or unregistered
  block, unblock, feature, unfeature, unbind-wx, delete, show
                        user
  bind-wx               user, wx
  import-campus         csv: CSV text with a header row (columns: email, username, password,
                        nickname, phone, sid, block, room, isp, account, wx, access)
  audit                 user, limit? (1 to 1000)
  sweep-avatars         seconds? (minimum age of an unreferenced avatar; default: an hour),
                        force? (true: deletes any number of them)
  redrive               processes the e-mails and deletions that are no longer retried
  compare-directory, rebuild-directory
                        from? (`next` of the previous response)

A user is {"id": …}, {"uuid": …}, {"email": …}, {"username": …} or {"wx": …}, or a string.

Examples:
  cargo run -p dev -- admin '{"command": "show", "user": "admin"}'
  cargo run -p dev -- admin '{"command": "set-access", "user": "a@example.com", "access": "admin"}'
  cargo run -p dev -- admin - < command.json"#;

/// Run an operator command in the local cloud that is running
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Admin {
    /// The command as JSON, as in the payload of `aws lambda invoke`; `-` reads it from stdin
    command: String,
}

/// Sends the command to the cloud on `port` and prints the response.
///
/// # Errors
/// If no cloud listens on `port`, or the function returns an error.
pub async fn run(admin: Admin, port: u16) -> Result<()> {
    let command: Json =
        serde_json::from_str(&read_command(admin.command)?).context("the command is not JSON")?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    let request = client.post(format!("http://127.0.0.1:{port}/_local/invoke/admin"));
    let result = request
        .header(CONTENT_TYPE, "application/json")
        .body(command.to_string())
        .send()
        .await;
    let response = result.with_context(|| {
        format!("nothing listens on port {port}; start `cargo run -p dev` in another terminal")
    })?;
    let status = response.status();
    let body = response.text().await?;
    if !status.is_success() {
        bail!("{body}");
    }
    let body: Json = serde_json::from_str(&body).context("the response is not JSON")?;
    println!("{body:#}");
    match body.get("error").and_then(Json::as_str) {
        Some(error) => bail!("{error}"),
        None => Ok(()),
    }
}

fn read_command(command: String) -> Result<String> {
    if command != "-" {
        return Ok(command);
    }
    let mut text = String::new();
    if stdin().is_terminal() {
        eprintln!("reading the command from the terminal; press Ctrl-D to end it");
    }
    stdin().read_to_string(&mut text)?;
    Ok(text)
}
