//! The Lambda Runtime API, version 2018-06-01. Each instance has a path of its own:
//! `/<instance>/2018-06-01/runtime/…`.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tokio::net::TcpListener;

use super::{Failure, desk::Desk};
use crate::{
    server::{Answer, Broken, Server, answer},
    template::function_arn,
};

/// The desks of the instances that run, by instance: with the name of the function.
#[derive(Default)]
pub(super) struct Desks(Mutex<HashMap<String, (String, Weak<Desk>)>>);

impl Desks {
    pub(super) fn add(&self, instance: String, function: String, desk: &Arc<Desk>) {
        let mut desks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        desks.retain(|_, (_, desk)| desk.strong_count() > 0);
        desks.insert(instance, (function, Arc::downgrade(desk)));
    }

    fn find(&self, instance: &str) -> Option<(String, Arc<Desk>)> {
        let desks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (function, desk) = desks.get(instance)?;
        Some((function.clone(), desk.upgrade()?))
    }
}

/// Serves the Runtime API.
pub(super) fn start(listener: TcpListener, desks: Arc<Desks>) -> Server {
    Server::start(listener, move |request, _| {
        let desks = desks.clone();
        async move { serve(request, &desks).await }
    })
}

async fn serve(request: Request<Incoming>, desks: &Desks) -> Result<Answer, Broken> {
    let (head, body) = request.into_parts();
    let (instance, call) = head
        .uri
        .path()
        .trim_start_matches('/')
        .split_once('/')
        .unwrap_or_default();
    // A process without a desk is about to be killed: there is nothing to say to it.
    let (function, desk) = desks.find(instance).ok_or(Broken)?;

    let call = call.strip_prefix("2018-06-01/runtime/").unwrap_or_default();
    if head.method == Method::GET && call == "invocation/next" {
        return next(&function, &desk).await;
    }
    let body = body.collect().await.map_err(|_| Broken)?.to_bytes();
    let awaited = match call.split('/').collect::<Vec<_>>()[..] {
        ["invocation", id, "response"] => desk.finish(Some(id), Ok(body)),
        ["invocation", id, "error"] => desk.finish(Some(id), Err(Failure::Reported(body))),
        ["init", "error"] => desk.finish(None, Err(Failure::Reported(body))),
        _ => {
            return Ok(answer(
                404,
                "application/json",
                r#"{"errorType":"NotFound"}"#,
            ));
        }
    };
    Ok(match awaited {
        true => answer(202, "application/json", r#"{"status":"OK"}"#),
        false => answer(
            400,
            "application/json",
            r#"{"errorType":"InvalidRequestID"}"#,
        ),
    })
}

async fn next(function: &str, desk: &Desk) -> Result<Answer, Broken> {
    let taken = desk.next().await;
    let trace = uuid::Uuid::new_v4().simple().to_string();
    let (time, rest) = trace.split_at(8);
    http::Response::builder()
        .header("content-type", "application/json")
        .header("lambda-runtime-aws-request-id", taken.request_id)
        .header("lambda-runtime-deadline-ms", taken.deadline.to_string())
        .header(
            "lambda-runtime-invoked-function-arn",
            function_arn(function),
        )
        .header(
            "lambda-runtime-trace-id",
            format!("Root=1-{time}-{rest};Sampled=0"),
        )
        .body(Full::new(taken.event))
        .map_err(|_| Broken)
}
