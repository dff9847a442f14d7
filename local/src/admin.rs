//! `cargo run -p local -- admin`: a command for the function `admin` of the cloud that runs in
//! another terminal.

use std::io::{IsTerminal, Read, stdin};

use anyhow::{Context, bail};
use clap::Args;
use local::Result;
use reqwest::header::CONTENT_TYPE;
use serde_json::Value as Json;

/// What `--help` says at its end.
const EXAMPLES: &str = r#"Start `cargo run -p local` in another terminal first; with another port, name it here, too.

A command, and what it takes:
  create-administrator  username, email, nickname?, password? (else one is made and told once)
  set-access            user, access: admin, user or unregistered
  block, unblock, feature, unfeature, unbind-wx, delete, show
                        user
  bind-wx               user, wx
  import-campus         csv: a text whose first line names its columns (email, username, password,
                        nickname, phone, sid, block, room, isp, account, wx, access)
  audit                 user, limit? (1 to 1000)
  sweep-avatars         seconds? (how old a picture nobody shows must be; an hour)
  compare-directory, rebuild-directory
                        from? (the `next` of an answer before)

A user is {"id": …}, {"uuid": …}, {"email": …}, {"username": …} or {"wx": …}, or a plain text.

Examples:
  cargo run -p local -- admin '{"command": "show", "user": "admin"}'
  cargo run -p local -- admin '{"command": "set-access", "user": "a@example.com", "access": "admin"}'
  cargo run -p local -- admin - < command.json"#;

/// A command for operators, carried out by the local cloud that is running
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Admin {
    /// The command as JSON, as `aws lambda invoke` would take it; `-` reads it from stdin
    command: String,
}

/// Sends the command to the cloud on `port` and prints the answer.
///
/// Fails where there is no cloud, and where the command was refused.
pub async fn run(admin: Admin, port: u16) -> Result<()> {
    let command: Json =
        serde_json::from_str(&text(admin.command)?).context("the command is no JSON")?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    let request = client.post(format!("http://127.0.0.1:{port}/_local/invoke/admin"));
    let sent = request
        .header(CONTENT_TYPE, "application/json")
        .body(command.to_string())
        .send()
        .await;
    let answer = sent.with_context(|| {
        format!("nothing listens on port {port}; start `cargo run -p local` in another terminal")
    })?;
    let status = answer.status();
    let answer = answer.text().await?;
    if !status.is_success() {
        bail!("{answer}");
    }
    let answer: Json = serde_json::from_str(&answer).context("the answer is no JSON")?;
    println!("{answer:#}");
    match answer.get("error").and_then(Json::as_str) {
        Some(error) => bail!("{error}"),
        None => Ok(()),
    }
}

fn text(command: String) -> Result<String> {
    if command != "-" {
        return Ok(command);
    }
    let mut text = String::new();
    if stdin().is_terminal() {
        eprintln!("reading the command from the terminal; end it with Ctrl-D");
    }
    stdin().read_to_string(&mut text)?;
    Ok(text)
}
