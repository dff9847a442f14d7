//! HTTP requests: each is answered in its family's words, and told in one line of the log.

use std::future::ready;
use std::time::Instant;

use futures_util::future::Either;
use lambda_http::http::Response;
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, Body, Context, LambdaEvent, Request, RequestExt, Service, service_fn};
use serde::{Deserialize, Deserializer};

use super::{Answer, guarded, invocation, run_anyway, unreadable};
use crate::dialect::{Reply, failure_at};
use crate::env::Resource;
use crate::log::What;
use crate::tally::{self, Tally};
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
    run_anyway(async |resources| {
        let endpoint = move |call| async move { endpoint(resources.open().await?, call).await };
        let mut requests = Adapter::from(service_fn(move |request| {
            answer(request, endpoint, success, failure)
        }));
        let event = move |event: LambdaEvent<Event>| match event.payload.0 {
            Some(request) => Either::Left(requests.call(LambdaEvent::new(request, event.context))),
            None => Either::Right(ready(Err(unreadable(&event.context)))),
        };
        lambda_runtime::run(service_fn(event)).await
    });
}

/// What an invocation brings: an HTTP request, or nothing that we know. To the runtime it is
/// readable in any case, which would otherwise refuse it and tell nobody.
struct Event(Option<LambdaRequest>);

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(LambdaRequest::deserialize(deserializer).ok()))
    }
}

/// One request: the endpoint's answer or error in the dialect's words, and a line in the log.
async fn answer<O, T>(
    request: Request,
    endpoint: impl Fn(Call) -> O,
    success: fn(T, Option<&str>) -> Reply,
    failure: fn(&Error) -> Reply,
) -> Answer<Response<Body>>
where
    O: Future<Output = Result<T>>,
{
    let started = Instant::now();
    let invocation = invocation(request.lambda_context_ref().unwrap_or(&Context::default()));
    let call = Call::from(request);
    let (correlation_id, route) = (call.request_id().to_owned(), call.route().to_owned());
    let fields = call.query("fields").map(str::to_owned);

    let (answered, tally) = if let Some(other) = call.beside_its_path() {
        (
            response(Reply::moved(other)).map(|told| (told, None)),
            Tally::default(),
        )
    } else if call.is_beyond_its_path() {
        let told = response(failure_at(call.path(), &Error::NoSuchPath));
        (
            told.map(|told| (told, Some(Error::NoSuchPath))),
            Tally::default(),
        )
    } else {
        let answer = async { response(success(endpoint(call).await?, fields.as_deref())) };
        let (outcome, tally) = tally::of(guarded(answer)).await;
        let answered = match outcome {
            Ok(answer) => Ok((answer, None)),
            Err(error) => response(failure(&error)).map(|told| (told, Some(error))),
        };
        (answered, tally)
    };
    let (status, error) = match &answered {
        Ok((answer, error)) => (answer.status().as_u16(), error.as_ref()),
        Err(error) => (500, Some(error)),
    };
    let what = What::Request {
        correlation_id,
        route,
        status,
    };
    log::done(&invocation, &what, error, tally, started.elapsed());
    answered
        .map(|(answer, _)| answer)
        .map_err(|error| error.into_fault().to_string().into())
}

/// Every answer that does not say otherwise may hold what is not for others: never stored, never
/// guessed at. What is no text goes to the gateway in base64.
fn response(reply: Reply) -> Result<Response<Body>> {
    let mut response = Response::builder()
        .status(reply.status)
        .header("x-content-type-options", "nosniff");
    if !reply
        .headers
        .iter()
        .any(|(name, _)| *name == "cache-control")
    {
        response = response.header("cache-control", "no-store");
    }
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    let body = String::from_utf8(reply.body);
    response
        .body(body.map_or_else(|bytes| Body::Binary(bytes.into_bytes()), Body::Text))
        .map_err(|error| Fault::new(format!("an answer could not be built: {error}")).into())
}
