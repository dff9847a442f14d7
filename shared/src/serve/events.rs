//! Events that are no HTTP requests: orders of an operator's, or of another service.

use std::time::Instant;

use lambda_http::{LambdaEvent, service_fn};
use serde_json::Value;

use super::{Answer, guarded, invocation, run};
use crate::dialect::operator;
use crate::env::Resource;
use crate::log::What;
use crate::tally::{self, Tally};
use crate::{Result, log};

/// An event that is no HTTP request.
pub trait Order: Sized {
    /// Whether an error is a failure of the invocation; otherwise it is an answer, in the
    /// operator's words.
    const FAILS: bool = false;

    /// The order that a JSON value is.
    ///
    /// # Errors
    /// [`crate::Error::Unreadable`] where it is none.
    fn read(event: Value) -> Result<Self>;

    /// What is ordered, for the log: never a value of the event.
    fn name(&self) -> &str;
}

/// Runs `handle` on each event until Lambda ends the process. What it gives is the answer.
pub fn serve_event<R, E, F>(handle: F)
where
    R: Resource,
    E: Order,
    F: AsyncFn(&'static R, E) -> Result<Value> + Copy + 'static,
{
    run(async |resources| {
        let event = move |event: LambdaEvent<Value>| event_answer(event, resources, handle);
        lambda_runtime::run(service_fn(event)).await
    });
}

/// One event: what `handle` gives, or the error, and a line in the log.
async fn event_answer<R, E: Order>(
    event: LambdaEvent<Value>,
    resources: &'static R,
    handle: impl AsyncFn(&'static R, E) -> Result<Value>,
) -> Answer<Value> {
    let started = Instant::now();
    let (name, (outcome, tally)) = match E::read(event.payload) {
        Ok(order) => (
            order.name().to_owned(),
            tally::of(guarded(handle(resources, order))).await,
        ),
        Err(error) => ("unreadable".to_owned(), (Err(error), Tally::default())),
    };
    let what = What::Event { event: name };
    let error = outcome.as_ref().err();
    log::done(
        &invocation(&event.context),
        &what,
        error,
        tally,
        started.elapsed(),
    );
    match outcome {
        Ok(given) => Ok(given),
        Err(error) if E::FAILS => Err(operator::words(&error).into()),
        Err(error) => Ok(operator::refusal(&error)),
    }
}
