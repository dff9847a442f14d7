//! HTTP requests: one endpoint, rendered by its family, one log line each.

use std::time::Instant;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use lambda_runtime::{LambdaEvent, service_fn};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::panic_guard::catch_panic;
use super::process::{LambdaResult, invocation_ids, run_lazily, unknown_event};
use crate::api::{ApiFamily, Endpoint, Request, Response, error_response_for_path};
use crate::aws::FromConfig;
use crate::domain::{Error, Result};
use crate::telemetry::log::{self, InvocationIds, Operation};
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
        let event = move |event: LambdaEvent<HttpEvent>| async move {
            let Some(request) = event.payload.0 else {
                return Err(unknown_event(&event.context));
            };
            let ids = invocation_ids(&event.context);
            let (render, render_error) = (D::render, D::render_error);
            let response = respond(&ids, request, endpoint, endpoints, render, render_error);
            LambdaResult::Ok(Payload(Box::pin(response).await))
        };
        lambda_runtime::run(service_fn(event)).await
    });
}

/// The payload of an invocation. `None` if it is not an HTTP request.
///
/// It always deserializes, since the runtime would reject an unknown event without a log line.
struct HttpEvent(Option<Request>);

impl<'de> Deserialize<'de> for HttpEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let event = <&RawValue>::deserialize(deserializer)?;
        Ok(Self(serde_json::from_str(event.get()).ok()))
    }
}

/// Handles one request and writes its log line.
async fn respond<O, T>(
    ids: &InvocationIds,
    request: Request,
    endpoint: impl Fn(Request) -> O,
    endpoints: &[Endpoint],
    render: fn(T, Option<&str>) -> Response,
    render_error: fn(&Error) -> Response,
) -> Response
where
    O: Future<Output = Result<T>>,
{
    let started = Instant::now();
    let (correlation_id, route) = (request.request_id().to_owned(), request.route().to_owned());
    let fields = request.query("fields").map(str::to_owned);

    let mut metrics = RequestMetrics::default();
    let (response, error) = if let Some(target) = request.redirect_target(endpoints) {
        (Response::permanent_redirect(target), None)
    } else if request.has_extra_segments() {
        let error = Error::NoSuchPath;
        (error_response_for_path(request.path(), &error), Some(error))
    } else {
        let response = async { Ok(render(endpoint(request).await?, fields.as_deref())) };
        let (outcome, measured) = request_metrics::measure(catch_panic(response)).await;
        metrics = measured;
        match outcome {
            Ok(response) => (response, None),
            Err(error) => (render_error(&error), Some(error)),
        }
    };
    let operation = Operation::Request {
        correlation_id,
        route,
        status: response.status,
    };
    log::log_completion(ids, &operation, error.as_ref(), metrics, started.elapsed());
    response
}

/// The headers that all responses have.
///
/// Browsers ignore `strict-transport-security` over HTTP and for an IP address (RFC 6797, section
/// 8.1), so the local server sends it, too. It does not include subdomains, which are not ours.
const HEADERS: [(&str, &str); 3] = [
    ("x-content-type-options", "nosniff"),
    ("strict-transport-security", "max-age=31536000"),
    ("cross-origin-opener-policy", "same-origin"),
];

/// A response as the gateway takes it: payload format 2.0.
///
/// A response without `cache-control` can hold personal data, so it gets `no-store`. A body that is
/// not UTF-8 is sent to the gateway in base64.
struct Payload(Response);

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(response) = self;
        let mut payload = serializer.serialize_map(None)?;
        payload.serialize_entry("statusCode", &response.status)?;
        payload.serialize_entry("headers", &Headers(&response.headers))?;
        match std::str::from_utf8(&response.body) {
            Ok(body) => payload.serialize_entry("body", body)?,
            Err(_) => {
                payload.serialize_entry("body", &BASE64_STANDARD.encode(&response.body))?;
                payload.serialize_entry("isBase64Encoded", &true)?;
            }
        }
        payload.end()
    }
}

/// The headers of a response, with those that all responses have.
struct Headers<'a>(&'a [(&'static str, String)]);

impl Serialize for Headers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let is_cache_control = |(name, _): &(&str, String)| *name == "cache-control";
        let caching = self.0.iter().any(is_cache_control);
        let no_store = (!caching).then_some(("cache-control", "no-store"));
        let own = self.0.iter().map(|(name, value)| (*name, value.as_str()));
        serializer.collect_map(HEADERS.into_iter().chain(no_store).chain(own))
    }
}
