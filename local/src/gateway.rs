//! API Gateway, as an HTTP API with the `$default` stage: a request becomes an event
//! (payload format 2.0), the function's answer becomes a response.

mod answer;
mod event;
mod invoke;
mod objects;
mod page;
mod routes;

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use tokio::net::TcpListener;

use crate::{
    Template,
    aws::Aws,
    lambda::{Failure, Lambda},
    live::Live,
    server::{self, Answer, Broken, Server},
    template::Distribution,
};
use routes::Routes;

/// The largest body that API Gateway takes, in bytes.
const LARGEST: usize = 10 * 1024 * 1024;

/// The largest body we read to its end before we say that it is too large: a client that is
/// cut off while it writes would not see the answer.
const LARGEST_READ: usize = 10 * LARGEST;

/// What the gateway serves of a distribution, which has a host of its own where there are hosts.
const OBJECTS: &str = "/avatars/";

/// What answers a request.
pub(crate) struct Gateway {
    routes: Routes,
    distribution: Option<Distribution>,
    port: u16,
    lambda: Arc<Lambda>,
    aws: Arc<Aws>,
}

impl Gateway {
    /// A gateway for the template's routes, and for what its distribution shows, on this port.
    pub(crate) fn new(
        port: u16,
        template: &Template,
        lambda: Arc<Lambda>,
        aws: Arc<Aws>,
    ) -> Gateway {
        Gateway {
            routes: Routes::new(template.routes()),
            distribution: template.distributions.first().cloned(),
            port,
            lambda,
            aws,
        }
    }

    /// Serves `listener`, each request by the gateway that is there when it comes.
    pub(crate) fn start(listener: TcpListener, gateway: Arc<Live<Gateway>>) -> Server {
        Server::start(listener, move |request, client| {
            let gateway = gateway.get();
            async move { gateway.serve(request, client).await }
        })
    }

    async fn serve(
        &self,
        request: Request<Incoming>,
        client: SocketAddr,
    ) -> Result<Answer, Broken> {
        let (head, body) = request.into_parts();
        let path = head.uri.path();
        if let Some(function) = path.strip_prefix(invoke::PATH) {
            return invoke::answer(&self.lambda, function, &head, body).await;
        }
        if path.starts_with("/_local/") {
            return Ok(page::show(&head.method, path, &self.aws));
        }
        if path.starts_with(OBJECTS) {
            return Ok(
                objects::show(&head.method, path, self.distribution.as_ref(), &self.aws).await,
            );
        }
        let Some(body) = read(body).await? else {
            return Ok(plain(413, "Request Entity Too Large"));
        };
        let Some(found) = self.routes.find(&head.method, path) else {
            return Ok(plain(404, "Not Found"));
        };
        let event = event::of(&head, body, &found, client, self.port);
        Ok(
            match self.lambda.invoke(&found.route.function, event).await {
                Ok(answered) => answer::of(&answered).unwrap_or_else(failed),
                Err(Failure::Throttled) => plain(503, "Service Unavailable"),
                Err(_) => failed(),
            },
        )
    }
}

/// The body; nothing if it is too large.
async fn read(body: Incoming) -> Result<Option<Bytes>, Broken> {
    match Limited::new(body, LARGEST_READ).collect().await {
        Ok(body) => Ok(Some(body.to_bytes()).filter(|body| body.len() <= LARGEST)),
        Err(error) if error.is::<LengthLimitError>() => Ok(None),
        Err(_) => Err(Broken),
    }
}

/// An answer of the gateway itself.
fn plain(status: u16, message: &str) -> Answer {
    server::answer(
        status,
        "application/json",
        format!(r#"{{"message":"{message}"}}"#),
    )
}

/// The answer in place of one that a function owes: also of one that took its own time too long,
/// which is less than the gateway's.
fn failed() -> Answer {
    plain(500, "Internal Server Error")
}
