//! The only file that meets Lambda: runtime, call, answer, log line.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::Instant;

use lambda_http::http::Response;
use lambda_http::{Body, LambdaEvent, Request, service_fn};
use serde_json::{Value, json};

use crate::dialect::{Reply, failure_at, operator};
use crate::env::{Env, Resource};
use crate::{Call, Error, Fault, Result, log};

/// Runs `endpoint` until Lambda ends the process.
pub(crate) fn serve<R, F, O, T>(
    endpoint: F,
    success: fn(T, Option<&str>) -> Reply,
    failure: fn(&Error) -> Reply,
) where
    R: Resource,
    F: Fn(&'static R, Call) -> O + Copy + Send + Sync + 'static,
    O: Future<Output = Result<T>> + Send + 'static,
{
    run(async |function, resources| {
        let endpoint = move |call| endpoint(resources, call);
        let answer = move |request| answer(function, request, endpoint, success, failure);
        lambda_http::run(service_fn(answer)).await
    });
}

/// Runs `handle` on each record of a stream's batches until Lambda ends the process. The first
/// record that fails is where the next batch begins.
pub fn serve_records<R, F>(handle: F)
where
    R: Resource,
    F: AsyncFn(&'static R, &Value) -> Result<(), Fault> + Copy + 'static,
{
    run(async |function, resources| {
        let batch = move |event: LambdaEvent<Value>| records(function, event, resources, handle);
        lambda_runtime::run(service_fn(batch)).await
    });
}

/// Runs `handle` on each batch of a stream's records until Lambda ends the process. A batch that
/// fails is tried again, whole or in halves, as the template says.
pub fn serve_batches<R, F>(handle: F)
where
    R: Resource,
    F: AsyncFn(&'static R, &[Value]) -> Result<(), Fault> + Copy + 'static,
{
    run(async |function, resources| {
        let batch = move |event: LambdaEvent<Value>| batch(function, event, resources, handle);
        lambda_runtime::run(service_fn(batch)).await
    });
}

/// An event that is no HTTP request.
pub trait Order: Sized {
    /// The order that a JSON value is.
    ///
    /// # Errors
    /// [`Error::Unreadable`] where it is none.
    fn read(event: Value) -> Result<Self>;

    /// What is ordered, for the log: never a value of the event.
    fn name(&self) -> &str;
}

/// Runs `handle` on each event until Lambda ends the process. What it gives is the answer; an
/// error is one, too, in the operator's words.
pub fn serve_event<R, E, F>(handle: F)
where
    R: Resource,
    E: Order,
    F: AsyncFn(&'static R, E) -> Result<Value> + Copy + 'static,
{
    run(async |function, resources| {
        let event = move |event: LambdaEvent<Value>| event_answer(function, event, resources, handle);
        lambda_runtime::run(service_fn(event)).await
    });
}

/// Opens the resources and runs `serve` with them. Where it cannot start, logs why and exits
/// with 1, and Lambda starts another.
fn run<R: Resource>(serve: impl AsyncFnOnce(&'static str, &'static R) -> Result<(), lambda_http::Error>) {
    let env = match Env::load() {
        Ok(env) => env,
        Err(fault) => return give_up("", &fault),
    };
    std::panic::set_hook(Box::new(|_| ())); // its words may hold anything; `guarded` tells of it
    let function: &'static str = Box::leak(env.function_name().to_owned().into_boxed_str());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = runtime.map_err(|error| Fault::new(format!("runtime: {error}"))).and_then(|runtime| {
        runtime.block_on(async {
            let resources: &'static R = Box::leak(Box::new(R::open(&env).await?));
            serve(function, resources).await.map_err(|error| Fault::new(format!("Lambda: {error}")))
        })
    });
    if let Err(fault) = outcome {
        give_up(function, &fault);
    }
}

fn give_up(function: &str, fault: &Fault) {
    log::cannot_start(function, fault);
    std::process::exit(1);
}

/// One batch, in order, up to the first record that fails.
async fn records<R>(
    function: &'static str,
    event: LambdaEvent<Value>,
    resources: &'static R,
    handle: impl AsyncFn(&'static R, &Value) -> Result<(), Fault>,
) -> Result<Value, lambda_http::Error> {
    for record in event.payload.get("Records").and_then(Value::as_array).into_iter().flatten() {
        let started = Instant::now();
        let outcome = guarded(async { handle(resources, record).await.map_err(Error::from) }).await;
        let fault = outcome.err().map(Error::into_fault);
        log::record(function, &event.context.request_id, fault.as_ref(), started.elapsed());
        if fault.is_some() {
            let number = record.get("dynamodb").and_then(|change| change.get("SequenceNumber"));
            return Ok(json!({ "batchItemFailures": [{ "itemIdentifier": number }] }));
        }
    }
    Ok(json!({ "batchItemFailures": [] }))
}

/// One batch, as a whole.
async fn batch<R>(
    function: &'static str,
    event: LambdaEvent<Value>,
    resources: &'static R,
    handle: impl AsyncFn(&'static R, &[Value]) -> Result<(), Fault>,
) -> Result<(), lambda_http::Error> {
    let started = Instant::now();
    let records = event.payload.get("Records").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let outcome = guarded(async { handle(resources, records).await.map_err(Error::from) }).await;
    let fault = outcome.err().map(Error::into_fault);
    log::record(function, &event.context.request_id, fault.as_ref(), started.elapsed());
    fault.map_or(Ok(()), |fault| Err(fault.to_string().into()))
}

/// One event: what `handle` gives, or the error, and a line in the log.
async fn event_answer<R, E: Order>(
    function: &'static str,
    event: LambdaEvent<Value>,
    resources: &'static R,
    handle: impl AsyncFn(&'static R, E) -> Result<Value>,
) -> Result<Value, lambda_http::Error> {
    let started = Instant::now();
    let (name, outcome) = match E::read(event.payload) {
        Ok(order) => (order.name().to_owned(), guarded(handle(resources, order)).await),
        Err(error) => ("unreadable".to_owned(), Err(error)),
    };
    log::event(function, &event.context.request_id, &name, outcome.as_ref().err(), started.elapsed());
    Ok(outcome.unwrap_or_else(|error| operator::refusal(&error)))
}

/// One request: the endpoint's answer or error in the dialect's words, and a line in the log.
async fn answer<O, T>(
    function: &'static str,
    request: Request,
    endpoint: impl Fn(Call) -> O,
    success: fn(T, Option<&str>) -> Reply,
    failure: fn(&Error) -> Reply,
) -> Result<Response<Body>, lambda_http::Error>
where
    O: Future<Output = Result<T>>,
{
    let started = Instant::now();
    let call = Call::from(request);
    let (request_id, function_request_id, route) =
        (call.request_id().to_owned(), call.invocation_id().to_owned(), call.route().to_owned());

    let fields = call.query("fields").map(str::to_owned);
    let (reply, error) = if call.is_beyond_its_path() {
        (failure_at(call.path(), &Error::NoSuchPath), Some(Error::NoSuchPath))
    } else {
        match guarded(endpoint(call)).await {
            Ok(given) => (success(given, fields.as_deref()), None),
            Err(error) => (failure(&error), Some(error)),
        }
    };

    let line = log::Request {
        request_id: &request_id,
        function_request_id: &function_request_id,
        route: &route,
        status: reply.status,
        error: error.as_ref().map(Error::name),
        cause: error.as_ref().and_then(|error| match error {
            Error::Internal(fault) => Some(fault.to_string()),
            _ => None,
        }),
    };
    log::request(function, &line, started.elapsed());
    Ok(response(reply)?)
}

/// Turns a panic of the endpoint into a fault, so that it too is answered in the family's words.
pub(crate) async fn guarded<T>(endpoint: impl Future<Output = Result<T>>) -> Result<T> {
    let mut endpoint = pin!(endpoint);
    poll_fn(|context| {
        catch_unwind(AssertUnwindSafe(|| endpoint.as_mut().poll(context)))
            .unwrap_or_else(|_| Poll::Ready(Err(Fault::new("panic").into())))
    })
    .await
}

/// Every answer may hold what is not for others: never stored, never guessed at.
fn response(reply: Reply) -> lambda_http::http::Result<Response<Body>> {
    let mut response = Response::builder()
        .status(reply.status)
        .header("cache-control", "no-store")
        .header("x-content-type-options", "nosniff");
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    response.body(Body::Text(reply.body))
}
