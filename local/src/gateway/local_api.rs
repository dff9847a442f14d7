//! Paths below `/_local/`: captured e-mails, and direct invocation of functions.

use http::{HeaderMap, HeaderName, Method, Request, header};
use hyper::body::Incoming;

use crate::{
    aws::Aws,
    lambda::{Failure, Lambda},
    server::{ConnectionClosed, HttpResponse, message, read_body, response},
};

/// Prefix of the paths.
pub(super) const PREFIX: &str = "/_local/";

/// Maximum size of an event, in bytes.
const MAX_EVENT: usize = 10 * 1024 * 1024;

/// Serves `/_local/`, `/_local/mail` and `/_local/invoke/<function>`, under names of this machine
/// only.
///
/// A page whose name is bound to this machine's address (DNS rebinding) is of the same origin as its
/// requests, and could otherwise read e-mails with codes.
pub(super) async fn serve(
    request: Request<Incoming>,
    lambda: &Lambda,
    aws: &Aws,
) -> Result<HttpResponse, ConnectionClosed> {
    if !is_for_localhost(request.headers()) {
        return Ok(message(403, "Forbidden"));
    }
    let path = request.uri().path().to_owned();
    if let Some(function) = path.strip_prefix("/_local/invoke/") {
        return invoke(lambda, function, request).await;
    }
    Ok(match (request.method(), path.as_str()) {
        (&Method::GET, "/_local/mail") => {
            let emails = serde_json::to_string(&aws.emails()).unwrap_or_default();
            response(200, "application/json", emails)
        }
        (&Method::GET, "/_local/") => {
            response(200, "text/html; charset=utf-8", include_str!("page.html"))
        }
        _ => message(404, "Not Found"),
    })
}

/// `POST /_local/invoke/<function>`: returns the function's response, or 502 with its failure.
async fn invoke(
    lambda: &Lambda,
    function: &str,
    request: Request<Incoming>,
) -> Result<HttpResponse, ConnectionClosed> {
    if request.method() != Method::POST {
        return Ok(message(405, "Method Not Allowed"));
    }
    if !is_from_tool(request.headers()) {
        return Ok(message(403, "Forbidden"));
    }
    let Some(event) = read_body(request.into_body(), MAX_EVENT).await? else {
        return Ok(message(413, "Request Entity Too Large"));
    };
    Ok(match lambda.invoke(function, event).await {
        Ok(body) => response(200, "application/json", body),
        Err(Failure::UnknownFunction) => message(404, "Not Found"),
        Err(failure) => response(502, "text/plain; charset=utf-8", failure.to_string()),
    })
}

/// True if no web page can have sent the request.
///
/// Otherwise a page in a browser on this machine could invoke functions.
/// A page cannot send JSON to another origin without a CORS preflight, and always sends its
/// origin.
fn is_from_tool(headers: &HeaderMap) -> bool {
    text(headers, header::CONTENT_TYPE).starts_with("application/json")
        && !headers.contains_key(header::ORIGIN)
}

/// True if the request is for a name of this machine, on any port.
fn is_for_localhost(headers: &HeaderMap) -> bool {
    let host = text(headers, header::HOST);
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    ["127.0.0.1", "localhost", "[::1]"].contains(&name.to_ascii_lowercase().as_str())
}

fn text(headers: &HeaderMap, name: HeaderName) -> &str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_local() {
        let is_local = |host: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            is_for_localhost(&headers)
        };
        for host in [
            "localhost",
            "LocalHost:8000",
            "127.0.0.1:1",
            "[::1]",
            "[::1]:8000",
        ] {
            assert!(is_local(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "evil.example:8000",
            "localhost.evil.example",
            "localhost:evil",
            "127.0.0.1.evil.example",
            "::1",
            "10.0.0.1:8000",
        ] {
            assert!(!is_local(host), "{host}");
        }
        assert!(!is_for_localhost(&HeaderMap::new()));
    }
}
