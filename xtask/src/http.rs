//! HTTP requests, by curl.
//!
//! curl brings TLS. As a library it would be most of what this program compiles.

use anyhow::{Context, Result};

use crate::process;
use crate::workspace::Workspace;

/// An HTTP response.
#[derive(Debug, PartialEq)]
pub struct Response {
    /// The status, or `000` without any response.
    pub status: String,
    /// The body, in UTF-8.
    pub body: String,
}

/// Sends a request with curl's own arguments. A request without a response has the status `000`.
pub async fn request(workspace: &Workspace, url: &str, arguments: &[&str]) -> Result<Response> {
    let mut curl = workspace.command("curl");
    curl.args(["--silent", "--write-out", "\n%{http_code}"]);
    let (_, output) = process::status_and_output({
        curl.args(arguments).arg(url);
        curl
    })
    .await?;
    let (body, status) = output.rsplit_once('\n').context("curl wrote no status")?;
    Ok(Response {
        status: status.to_owned(),
        body: body.to_owned(),
    })
}

/// The body of a successful response, or None.
pub async fn fetch(workspace: &Workspace, url: &str, arguments: &[&str]) -> Result<Option<String>> {
    let mut curl = workspace.command("curl");
    curl.args(["--silent", "--fail"]).args(arguments).arg(url);
    let (status, body) = process::status_and_output(curl).await?;
    Ok(status.success().then_some(body))
}
