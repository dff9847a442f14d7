//! Commands: events that are neither HTTP requests nor stream records.

use std::time::Instant;

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;

use super::panic_guard::catch_panic;
use super::process::{LambdaResult, invocation_ids, run};
use crate::api::admin;
use crate::aws::FromConfig;
use crate::domain::Result;
use crate::telemetry::log::{self, Operation};
use crate::telemetry::request_metrics::{self, RequestMetrics};

/// An event that an operator or another AWS service sends.
pub trait Command: Sized {
    /// If true, an error fails the invocation. If false, it is the response, as
    /// [`admin::error_response`] renders it.
    const FAILS: bool = false;

    /// Parses an event.
    ///
    /// # Errors
    /// [`MalformedBody`](crate::domain::Error::MalformedBody) if it is not such a command.
    fn parse(event: Value) -> Result<Self>;

    /// The name of the command, for the log. Never a value of the event.
    fn name(&self) -> &str;
}

/// Runs `handle` on each command until Lambda ends the process. Its result is the response.
pub fn serve_commands<R, C, F>(handle: F)
where
    R: FromConfig,
    C: Command,
    F: AsyncFn(&'static R, C) -> Result<Value> + Copy + 'static,
{
    run(async |resources| {
        let event = move |event: LambdaEvent<Value>| respond(event, resources, handle);
        lambda_runtime::run(service_fn(event)).await
    });
}

/// Handles one command and writes its log line.
async fn respond<R, C: Command>(
    event: LambdaEvent<Value>,
    resources: &'static R,
    handle: impl AsyncFn(&'static R, C) -> Result<Value>,
) -> LambdaResult<Value> {
    let started = Instant::now();
    let (name, (outcome, metrics)) = match C::parse(event.payload) {
        Ok(command) => (
            command.name().to_owned(),
            request_metrics::measure(catch_panic(handle(resources, command))).await,
        ),
        Err(error) => (
            error.code().as_str().to_owned(),
            (Err(error), RequestMetrics::default()),
        ),
    };
    log::log_completion(
        &invocation_ids(&event.context),
        &Operation::Event { event: name },
        outcome.as_ref().err(),
        metrics,
        started.elapsed(),
    );
    match outcome {
        Ok(response) => Ok(response),
        Err(error) if C::FAILS => Err(admin::message(&error).into()),
        Err(error) => Ok(admin::error_response(&error)),
    }
}
