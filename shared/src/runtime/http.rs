//! HTTP requests: one endpoint, rendered by its family, one log line each.

use std::future::ready;
use std::time::Instant;

use futures_util::future::Either;
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, Body, Context, LambdaEvent, RequestExt, Service, http, service_fn};
use serde::{Deserialize, Deserializer};

use super::panic_guard::catch_panic;
use super::process::{LambdaResult, invocation_ids, run_lazily, unknown_event};
use crate::api::{ApiFamily, Endpoint, Request, Response, error_response_for_path};
use crate::aws::FromConfig;
use crate::domain::{Error, InternalError, Result};
use crate::telemetry::log::{self, Operation};
use crate::telemetry::request_metrics::{self, RequestMetrics};

/// Serves `endpoint` until Lambda ends the process. `family` renders results and errors.
///
/// `endpoints` are all endpoints of the API, for redirects of trailing slashes. The first parameter
/// of `endpoint` is opened once per instance. If that fails, each request tries again. So clients
/// get a 500 in their own format instead of the gateway's.
pub fn serve_http<D, R, F, O, T>(_family: D, endpoint: F, endpoints: &'static [Endpoint])
where
    D: ApiFamily<T>,
    R: FromConfig,
    F: Fn(&'static R, Request) -> O + Copy + Send + Sync + 'static,
    O: Future<Output = Result<T>> + Send + 'static,
{
    run_lazily(async |resources| {
        let endpoint =
            move |request| async move { endpoint(resources.open().await?, request).await };
        let mut requests = Adapter::from(service_fn(move |request| {
            respond(request, endpoint, endpoints, D::render, D::render_error)
        }));
        let event = move |event: LambdaEvent<HttpEvent>| match event.payload.0 {
            Some(request) => Either::Left(requests.call(LambdaEvent::new(request, event.context))),
            None => Either::Right(ready(Err(unknown_event(&event.context)))),
        };
        lambda_runtime::run(service_fn(event)).await
    });
}

/// The payload of an invocation. `None` if it is not an HTTP request.
///
/// It always deserializes, since the runtime would reject an unknown event without a log line.
struct HttpEvent(Option<LambdaRequest>);

impl<'de> Deserialize<'de> for HttpEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(LambdaRequest::deserialize(deserializer).ok()))
    }
}

/// Handles one request and writes its log line.
async fn respond<O, T>(
    request: lambda_http::Request,
    endpoint: impl Fn(Request) -> O,
    endpoints: &[Endpoint],
    render: fn(T, Option<&str>) -> Response,
    render_error: fn(&Error) -> Response,
) -> LambdaResult<http::Response<Body>>
where
    O: Future<Output = Result<T>>,
{
    let started = Instant::now();
    let ids = invocation_ids(request.lambda_context_ref().unwrap_or(&Context::default()));
    let request = Request::from(request);
    let (correlation_id, route) = (request.request_id().to_owned(), request.route().to_owned());
    let fields = request.query("fields").map(str::to_owned);

    let (responded, metrics) = if let Some(target) = request.redirect_target(endpoints) {
        (
            http_response(Response::permanent_redirect(target)).map(|response| (response, None)),
            RequestMetrics::default(),
        )
    } else if request.has_extra_segments() {
        let error = Error::NoSuchPath;
        let response = http_response(error_response_for_path(request.path(), &error));
        (
            response.map(|response| (response, Some(error))),
            RequestMetrics::default(),
        )
    } else {
        let response = async { http_response(render(endpoint(request).await?, fields.as_deref())) };
        let (outcome, metrics) = request_metrics::measure(catch_panic(response)).await;
        let responded = match outcome {
            Ok(response) => Ok((response, None)),
            Err(error) => {
                http_response(render_error(&error)).map(|response| (response, Some(error)))
            }
        };
        (responded, metrics)
    };
    let (status, error) = match &responded {
        Ok((response, error)) => (response.status().as_u16(), error.as_ref()),
        Err(error) => (500, Some(error)),
    };
    let operation = Operation::Request {
        correlation_id,
        route,
        status,
    };
    log::log_completion(&ids, &operation, error, metrics, started.elapsed());
    responded
        .map(|(response, _)| response)
        .map_err(|error| error.into_internal().to_string().into())
}

/// The response for the gateway, with the headers that all responses have.
///
/// Browsers ignore `strict-transport-security` over HTTP and for an IP address (RFC 6797, section
/// 8.1), so the local server sends it, too. It does not include subdomains, which are not ours.
///
/// A response without `cache-control` can hold personal data, so it gets `no-store`. A body that is
/// not UTF-8 is sent to the gateway in base64.
fn http_response(response: Response) -> Result<http::Response<Body>> {
    let mut http = http::Response::builder()
        .status(response.status)
        .header("x-content-type-options", "nosniff")
        .header("strict-transport-security", "max-age=31536000")
        .header("cross-origin-opener-policy", "same-origin");
    let caching = response
        .headers
        .iter()
        .any(|(name, _)| *name == "cache-control");
    if !caching {
        http = http.header("cache-control", "no-store");
    }
    for (name, value) in response.headers {
        http = http.header(name, value);
    }
    let body = String::from_utf8(response.body);
    http.body(body.map_or_else(|bytes| Body::Binary(bytes.into_bytes()), Body::Text))
        .map_err(|error| {
            InternalError::new(format!("a response could not be built: {error}")).into()
        })
}
