//! API Gateway: an HTTP API with the stage `$default`, payload format 2.0.
//!
//! CloudFront distributions and the developer's pages below `/_local/` share its port.

mod distribution;
mod local_api;
mod payload;
mod routes;

use std::{net::SocketAddr, sync::Arc};

use arc_swap::ArcSwap;
use http::Request;
use hyper::body::Incoming;
use tokio::net::TcpListener;

use crate::{
    aws::Aws,
    lambda::{Failure, Lambda},
    server::{ConnectionClosed, HttpResponse, Server, message, read_body},
    template::{Distribution, Template},
};
use routes::Routes;

/// Maximum size of a request body in API Gateway, in bytes.
const MAX_BODY: usize = 10 * 1024 * 1024;

/// The routes of a template, and what serves them.
pub(crate) struct Gateway {
    routes: Routes,
    distributions: Vec<Distribution>,
    port: u16,
    lambda: Arc<Lambda>,
    aws: Arc<Aws>,
}

impl Gateway {
    /// A gateway for the routes and distributions of a template.
    pub(crate) fn new(
        port: u16,
        template: &Template,
        lambda: Arc<Lambda>,
        aws: Arc<Aws>,
    ) -> Gateway {
        Gateway {
            routes: Routes::new(template.routes()),
            distributions: template.distributions.clone(),
            port,
            lambda,
            aws,
        }
    }

    /// Serves `listener`. Each request uses the value of `gateway` at its arrival.
    pub(crate) fn start(listener: TcpListener, gateway: Arc<ArcSwap<Gateway>>) -> Server {
        Server::start(listener, move |request, client| {
            let gateway = gateway.load_full();
            async move { gateway.serve(request, client).await }
        })
    }

    async fn serve(
        &self,
        request: Request<Incoming>,
        client: SocketAddr,
    ) -> Result<HttpResponse, ConnectionClosed> {
        let path = request.uri().path();
        if path.starts_with(local_api::PREFIX) {
            return local_api::serve(request, &self.lambda, &self.aws).await;
        }
        if let Some(distribution) = distribution::find(&self.distributions, path) {
            let method = request.method();
            return Ok(distribution::serve(distribution, method, path, &self.aws).await);
        }
        let (head, body) = request.into_parts();
        let Some(body) = read_body(body, MAX_BODY).await? else {
            return Ok(message(413, "Request Entity Too Large"));
        };
        let Some(route) = self.routes.find(&head.method, head.uri.path()) else {
            return Ok(message(404, "Not Found"));
        };
        let event = payload::event(&head, body, &route, client, self.port);
        let outcome = self.lambda.invoke(&route.route.function, event).await;
        Ok(match outcome {
            Ok(body) => payload::response(&body).unwrap_or_else(internal_error),
            Err(Failure::Throttled) => message(503, "Service Unavailable"),
            Err(_) => internal_error(),
        })
    }
}

/// 500 for a missing or malformed function response.
///
/// A function's timeout is one of the causes: it is shorter than the gateway's.
fn internal_error() -> HttpResponse {
    message(500, "Internal Server Error")
}
