//! The log: one line of JSON per request, and one where a function cannot start.
//!
//! It holds what an operator needs to find a request and its cause, and nothing else: no body,
//! path, query string, token, code, address or ID number.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::Serialize;

use crate::{Error, Fault, clock};

static COLD: AtomicBool = AtomicBool::new(true);

/// What a request came to.
#[derive(Serialize)]
pub(crate) struct Request<'a> {
    /// The gateway's id of the request, which it also tells the client.
    pub request_id: &'a str,
    /// Lambda's id of the invocation.
    pub function_request_id: &'a str,
    /// The route that took it, as the template writes it.
    pub route: &'a str,
    /// The HTTP status of the answer.
    pub status: u16,
    /// The error's name, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'static str>,
    /// The cause of an internal error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

#[derive(Serialize)]
struct Line<'a, T> {
    timestamp: String,
    level: &'static str,
    function_name: &'a str,
    #[serde(flatten)]
    what: T,
}

/// Writes the line of one request.
pub(crate) fn request(function_name: &str, what: &Request<'_>, took: Duration) {
    #[derive(Serialize)]
    struct Timed<'a> {
        #[serde(flatten)]
        what: &'a Request<'a>,
        duration_ms: f64,
        cold_start: bool,
    }
    let level = if what.cause.is_some() { "ERROR" } else { "INFO" };
    let duration_ms = (took.as_secs_f64() * 1e5).round() / 1e2;
    let cold_start = COLD.swap(false, Ordering::Relaxed);
    write(level, function_name, Timed { what, duration_ms, cold_start });
}

/// Writes the line of one record of a stream.
pub(crate) fn record(function_name: &str, invocation: &str, fault: Option<&Fault>, took: Duration) {
    let error = fault.cloned().map(Error::from);
    event(function_name, invocation, "stream", error.as_ref(), took);
}

/// Writes the line of one event that is no request, by its name.
pub(crate) fn event(
    function_name: &str,
    invocation: &str,
    name: &str,
    error: Option<&Error>,
    took: Duration,
) {
    let fault = error.and_then(|error| match error {
        Error::Internal(fault) => Some(fault.to_string()),
        _ => None,
    });
    let what = Request {
        request_id: "",
        function_request_id: invocation,
        route: name,
        status: match (error, &fault) {
            (None, _) => 200,
            (Some(_), None) => 400,
            (Some(_), Some(_)) => 500,
        },
        error: error.map(Error::name),
        cause: fault,
    };
    request(function_name, &what, took);
}

/// Writes that a function cannot start, and why.
pub(crate) fn cannot_start(function_name: &str, fault: &Fault) {
    #[derive(Serialize)]
    struct Init {
        error: &'static str,
        cause: String,
    }
    write("ERROR", function_name, Init { error: "init", cause: fault.to_string() });
}

fn write<T: Serialize>(level: &'static str, function_name: &str, what: T) {
    let line = Line { timestamp: clock::now().to_string(), level, function_name, what };
    if let Ok(line) = serde_json::to_string(&line) {
        println!("{line}");
    }
}
