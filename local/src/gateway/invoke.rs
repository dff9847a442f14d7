//! `POST /_local/invoke/<function>`: any function with any event, for who works at this machine.

use http::{HeaderMap, Method, header, request::Parts};
use hyper::body::Incoming;

use super::{plain, read};
use crate::{
    lambda::{Failure, Lambda},
    server::{self, Answer, Broken},
};

/// What the path begins with; the function's name follows.
pub(super) const PATH: &str = "/_local/invoke/";

/// What the function answers, or as 502 what became of it.
pub(super) async fn answer(
    lambda: &Lambda,
    function: &str,
    head: &Parts,
    body: Incoming,
) -> Result<Answer, Broken> {
    if head.method != Method::POST {
        return Ok(plain(405, "Method Not Allowed"));
    }
    if !is_from_a_tool(&head.headers) {
        return Ok(plain(403, "Forbidden"));
    }
    let Some(event) = read(body).await? else {
        return Ok(plain(413, "Request Entity Too Large"));
    };
    Ok(match lambda.invoke(function, event).await {
        Ok(answered) => server::answer(200, "application/json", answered),
        Err(Failure::Unknown) => plain(404, "Not Found"),
        Err(failure) => server::answer(502, "text/plain; charset=utf-8", failure.to_string()),
    })
}

/// Whether no web page can have sent this from a browser on this machine: a page cannot send JSON
/// to another site without being asked whether it may, nor send anything without its origin.
/// Whoever calls us by another name than these is led here by a DNS of their own.
fn is_from_a_tool(headers: &HeaderMap) -> bool {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let host = text(header::HOST).split(':').next().unwrap_or_default();
    let json = text(header::CONTENT_TYPE).starts_with("application/json");
    json && !headers.contains_key(header::ORIGIN) && ["127.0.0.1", "localhost"].contains(&host)
}
