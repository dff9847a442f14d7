//! The only file that meets Lambda: runtime, call, answer, log line.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::Instant;

use lambda_http::http::Response;
use lambda_http::{Body, Request, service_fn};

use crate::dialect::Reply;
use crate::env::{Env, Resource};
use crate::{Call, Error, Fault, Result, log};

/// Runs `endpoint` until Lambda ends the process. Where it cannot start, logs why and exits
/// with 1, and Lambda starts another.
pub(crate) fn serve<R, F, O, T>(endpoint: F, success: fn(T) -> Reply, failure: fn(&Error) -> Reply)
where
    R: Resource,
    F: Fn(&'static R, Call) -> O + Copy + Send + Sync + 'static,
    O: Future<Output = Result<T>> + Send + 'static,
{
    let env = match Env::load() {
        Ok(env) => env,
        Err(fault) => return give_up("", &fault),
    };
    std::panic::set_hook(Box::new(|_| ())); // its words may hold anything; `guarded` says where
    let function: &'static str = Box::leak(env.function_name().to_owned().into_boxed_str());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = runtime.map_err(|error| Fault::new(format!("runtime: {error}"))).and_then(|runtime| {
        runtime.block_on(async {
            let resources: &'static R = Box::leak(Box::new(R::open(&env).await?));
            let answer = move |request: Request| {
                answer(function, request, move |call| endpoint(resources, call), success, failure)
            };
            lambda_http::run(service_fn(answer)).await.map_err(|error| Fault::new(format!("Lambda: {error}")))
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

/// One request: the endpoint's answer or error in the dialect's words, and a line in the log.
async fn answer<O, T>(
    function: &'static str,
    request: Request,
    endpoint: impl Fn(Call) -> O,
    success: fn(T) -> Reply,
    failure: fn(&Error) -> Reply,
) -> Result<Response<Body>, lambda_http::Error>
where
    O: Future<Output = Result<T>>,
{
    let started = Instant::now();
    let call = Call::from(request);
    let (request_id, function_request_id, route) =
        (call.request_id().to_owned(), call.invocation_id().to_owned(), call.route().to_owned());

    let outcome = match guarded(endpoint(call)).await {
        Ok(given) => Ok(success(given)),
        Err(error) => Err(error),
    };
    let (reply, error) = match outcome {
        Ok(reply) => (reply, None),
        Err(error) => (failure(&error), Some(error)),
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
async fn guarded<T>(endpoint: impl Future<Output = Result<T>>) -> Result<T> {
    let mut endpoint = pin!(endpoint);
    poll_fn(|context| {
        catch_unwind(AssertUnwindSafe(|| endpoint.as_mut().poll(context)))
            .unwrap_or_else(|_| Poll::Ready(Err(Fault::new("panic").into())))
    })
    .await
}

/// Every answer may hold personal data, and none is a page: never stored, never guessed at.
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
