//! Lambda Runtime API, version 2018-06-01.
//!
//! Each instance has a path of its own: `/<instance>/2018-06-01/runtime/…`.
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::sync::Arc;

use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tokio::net::TcpListener;

use super::slot::{Failure, InvocationSlot, Slots};
use crate::{
    server::{ConnectionClosed, HttpResponse, Server, response},
    template::function_arn,
};

const JSON: &str = "application/json";

/// Starts to serve the Runtime API.
pub(super) fn start(listener: TcpListener, slots: Arc<Slots>) -> Server {
    Server::start(listener, move |request, _| {
        let slots = slots.clone();
        async move { serve(request, &slots).await }
    })
}

async fn serve(
    request: Request<Incoming>,
    slots: &Slots,
) -> Result<HttpResponse, ConnectionClosed> {
    let (head, body) = request.into_parts();
    let (instance, call) = head
        .uri
        .path()
        .trim_start_matches('/')
        .split_once('/')
        .unwrap_or_default();
    // A process without a slot is about to be killed, so it needs no response.
    let (function, slot) = slots.find(instance).ok_or(ConnectionClosed)?;

    let call = call.strip_prefix("2018-06-01/runtime/").unwrap_or_default();
    if head.method == Method::GET && call == "invocation/next" {
        return next_invocation(&function, &slot).await;
    }
    let body = body
        .collect()
        .await
        .map_err(|_| ConnectionClosed)?
        .to_bytes();
    let was_awaited = match call.split('/').collect::<Vec<_>>()[..] {
        ["invocation", id, "response"] => slot.complete(Some(id), Ok(body)),
        ["invocation", id, "error"] => slot.complete(Some(id), Err(Failure::Reported(body))),
        ["init", "error"] => slot.complete(None, Err(Failure::Reported(body))),
        _ => return Ok(response(404, JSON, r#"{"errorType":"NotFound"}"#)),
    };
    Ok(match was_awaited {
        true => response(202, JSON, r#"{"status":"OK"}"#),
        false => response(400, JSON, r#"{"errorType":"InvalidRequestID"}"#),
    })
}

async fn next_invocation(
    function: &str,
    slot: &InvocationSlot,
) -> Result<HttpResponse, ConnectionClosed> {
    let invocation = slot.receive().await;
    let trace = uuid::Uuid::new_v4().simple().to_string();
    let (time, rest) = trace.split_at(8);
    let trace_id = format!("Root=1-{time}-{rest};Sampled=0");
    http::Response::builder()
        .header("content-type", JSON)
        .header("lambda-runtime-aws-request-id", invocation.request_id)
        .header(
            "lambda-runtime-deadline-ms",
            invocation.deadline.to_string(),
        )
        .header(
            "lambda-runtime-invoked-function-arn",
            function_arn(function),
        )
        .header("lambda-runtime-trace-id", trace_id)
        .body(Full::new(invocation.event))
        .map_err(|_| ConnectionClosed)
}
