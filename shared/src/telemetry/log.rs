//! Structured logging: one JSON line per request, stream record or command.
//!
//! The line is also the metric. A function's own problems, such as a failed start, get a line each.
//!
//! Members have the names of Powertools for AWS Lambda (<https://docs.aws.amazon.com/powertools/>),
//! if it has one. Of the user, a line holds the UUID only. It never holds a body, path, query
//! string, token, code, e-mail address, IP address or ID card number.

mod metrics;
mod settings;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::Serialize;
use uuid::Uuid;

use crate::domain::{Error, InternalError, clock};
use crate::telemetry::request_metrics::RequestMetrics;

use metrics::Metrics;
pub(crate) use settings::open;
use settings::{Level, settings};

static COLD: AtomicBool = AtomicBool::new(true);

/// The logged operation, with its fields. The variant is the line's `message`.
#[derive(Debug, Serialize)]
#[serde(tag = "message", rename_all = "lowercase")]
pub(crate) enum Operation {
    /// An HTTP request.
    Request {
        /// The gateway's id of the request.
        correlation_id: String,
        /// The matched route, as the template writes it.
        route: String,
        /// The HTTP status of the response.
        status: u16,
    },
    /// A record of a stream.
    Record {
        /// `INSERT`, `MODIFY` or `REMOVE`.
        event: String,
        /// The sequence number in the stream. A dead letter contains it, too.
        sequence_number: String,
    },
    /// A batch of stream records.
    Batch {
        /// The number of records.
        records: usize,
    },
    /// A command.
    Event {
        /// The name of the command.
        event: String,
    },
}

/// Lambda's ids of an invocation.
#[derive(Debug, Serialize)]
pub(crate) struct InvocationIds {
    pub function_request_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub xray_trace_id: Option<String>,
}

#[derive(Serialize)]
struct LogLine<T> {
    level: Level,
    timestamp: String,
    service: &'static str,
    function_name: &'static str,
    #[serde(flatten)]
    rest: T,
}

/// Logs the outcome of an operation.
pub(crate) fn log_completion(
    invocation: &InvocationIds,
    operation: &Operation,
    error: Option<&Error>,
    request: RequestMetrics,
    took: Duration,
) {
    #[derive(Serialize)]
    struct Completion<'a> {
        #[serde(flatten)]
        operation: &'a Operation,
        #[serde(flatten)]
        invocation: &'a InvocationIds,
        cold_start: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        user: Option<Uuid>,
        calls: u32,
        read_units: f64,
        write_units: f64,
        #[serde(skip_serializing_if = "Option::is_none")]
        mail_budget_used: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        dropped_mail: Option<&'static str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<&'static str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cause: Option<String>,
        #[serde(flatten)]
        metrics: Metrics,
    }
    let internal = match error {
        Some(Error::Internal(error)) => Some(error),
        _ => None,
    };
    let cold_start = COLD.swap(false, Ordering::Relaxed);
    let level = if internal.is_some() {
        Level::Error
    } else {
        Level::Info
    };
    write(level, || Completion {
        operation,
        invocation,
        cold_start,
        user: request.user,
        calls: request.calls,
        read_units: request.read_units,
        write_units: request.write_units,
        mail_budget_used: request.mail_budget_used,
        dropped_mail: request.dropped_mail,
        error: error.map(|error| error.code().as_str()),
        cause: internal.map(InternalError::to_string),
        metrics: Metrics::new(
            took,
            error.is_some() && internal.is_none(),
            internal.is_some(),
        ),
    });
}

/// Logs an invocation whose event the function does not know.
pub(crate) fn unknown_event(invocation: &InvocationIds) {
    #[derive(Serialize)]
    struct UnknownEvent<'a> {
        message: &'static str,
        #[serde(flatten)]
        invocation: &'a InvocationIds,
        error: &'static str,
    }
    let message = "the event is none that this function takes";
    write(Level::Error, || UnknownEvent {
        message,
        invocation,
        error: "unreadable",
    });
}

/// Logs that the function cannot start.
pub(crate) fn cannot_start(error: &InternalError) {
    log_problem(Level::Error, "the function cannot start", error);
}

/// Logs a problem that no request failed for.
pub(crate) fn warning(message: &'static str, error: &InternalError) {
    log_problem(Level::Warn, message, error);
}

fn log_problem(level: Level, message: &'static str, error: &InternalError) {
    #[derive(Serialize)]
    struct Problem {
        message: &'static str,
        cause: String,
    }
    write(level, || Problem {
        message,
        cause: error.to_string(),
    });
}

fn write<T: Serialize>(level: Level, rest: impl FnOnce() -> T) {
    let settings = settings();
    if level < settings.level {
        return;
    }
    let line = LogLine {
        level,
        timestamp: clock::now().to_string(),
        service: &settings.service,
        function_name: &settings.function_name,
        rest: rest(),
    };
    if let Ok(line) = serde_json::to_string(&line) {
        println!("{line}");
    }
}
