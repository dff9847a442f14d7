//! The log: one line of JSON for each request, stream record and event, which is its metric,
//! too; one where something of a function's own goes wrong.
//!
//! Members have the names that Powertools for AWS Lambda gives them
//! (<https://docs.aws.amazon.com/powertools/>), where it has one. A line holds what an operator
//! needs to find a request and its cause, and nothing else: no body, path, query string, token,
//! code, address or ID number, and of the user the uuid.

mod metrics;
mod settings;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::Serialize;
use uuid::Uuid;

use crate::tally::Tally;
use crate::{Error, Fault, clock};

use metrics::Metrics;
pub(crate) use settings::open;
use settings::{Level, settings};

static COLD: AtomicBool = AtomicBool::new(true);

/// What was done: the line's message, and what goes with it.
#[derive(Debug, Serialize)]
#[serde(tag = "message", rename_all = "lowercase")]
pub(crate) enum What {
    /// An HTTP request.
    Request {
        /// The gateway's id of the request, which it also tells the client.
        correlation_id: String,
        /// The route that took it, as the template writes it.
        route: String,
        /// The HTTP status of the answer.
        status: u16,
    },
    /// A record of a stream.
    Record {
        /// `INSERT`, `MODIFY` or `REMOVE`.
        event: String,
        /// Its place in the stream, by which a dead letter names it.
        sequence_number: String,
    },
    /// A batch of a stream's records, as a whole.
    Batch {
        /// How many.
        records: usize,
    },
    /// An event that is none of these.
    Event {
        /// The name of what was asked for.
        event: String,
    },
}

/// Lambda's ids of the invocation.
#[derive(Debug, Serialize)]
pub(crate) struct Invocation {
    pub function_request_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub xray_trace_id: Option<String>,
}

#[derive(Serialize)]
struct Line<T> {
    level: Level,
    timestamp: String,
    service: &'static str,
    function_name: &'static str,
    #[serde(flatten)]
    rest: T,
}

/// Writes what came of a request, a record or an event.
pub(crate) fn done(
    invocation: &Invocation,
    what: &What,
    error: Option<&Error>,
    tally: Tally,
    took: Duration,
) {
    #[derive(Serialize)]
    struct Done<'a> {
        #[serde(flatten)]
        what: &'a What,
        #[serde(flatten)]
        invocation: &'a Invocation,
        cold_start: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        user: Option<Uuid>,
        calls: u32,
        read_units: f64,
        write_units: f64,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<&'static str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cause: Option<String>,
        #[serde(flatten)]
        metrics: Metrics,
    }
    let fault = match error {
        Some(Error::Internal(fault)) => Some(fault),
        _ => None,
    };
    let cold_start = COLD.swap(false, Ordering::Relaxed);
    let level = if fault.is_some() {
        Level::Error
    } else {
        Level::Info
    };
    write(level, || Done {
        what,
        invocation,
        cold_start,
        user: tally.user,
        calls: tally.calls,
        read_units: tally.read_units,
        write_units: tally.write_units,
        error: error.map(Error::name),
        cause: fault.map(Fault::to_string),
        metrics: Metrics::of(took, error.is_some() && fault.is_none(), fault.is_some()),
    });
}

/// Writes that an invocation's event is none of this function's.
pub(crate) fn unreadable(invocation: &Invocation) {
    #[derive(Serialize)]
    struct Unreadable<'a> {
        message: &'static str,
        #[serde(flatten)]
        invocation: &'a Invocation,
        error: &'static str,
    }
    let message = "the event is none that this function takes";
    write(Level::Error, || Unreadable {
        message,
        invocation,
        error: "unreadable",
    });
}

/// Writes that a function cannot start, and why.
pub(crate) fn cannot_start(fault: &Fault) {
    trouble(Level::Error, "the function cannot start", fault);
}

/// Writes of trouble that no request failed for.
pub(crate) fn warning(message: &'static str, fault: &Fault) {
    trouble(Level::Warn, message, fault);
}

fn trouble(level: Level, message: &'static str, fault: &Fault) {
    #[derive(Serialize)]
    struct Trouble {
        message: &'static str,
        cause: String,
    }
    write(level, || Trouble {
        message,
        cause: fault.to_string(),
    });
}

fn write<T: Serialize>(level: Level, rest: impl FnOnce() -> T) {
    let settings = settings();
    if level < settings.level {
        return;
    }
    let line = Line {
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
