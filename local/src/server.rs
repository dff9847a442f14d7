//! HTTP/1.1 servers on 127.0.0.1: the gateway, the Lambda Runtime API and the AWS door.

use std::{convert::Infallible, net::Ipv4Addr, net::SocketAddr};

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpListener,
    task::{AbortHandle, JoinSet},
};

/// An answer, whole.
pub(crate) type Answer = Response<Full<Bytes>>;

/// In place of an answer: the connection is broken.
#[derive(Debug)]
pub(crate) struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection is broken on purpose")
    }
}

impl std::error::Error for Broken {}

impl From<Infallible> for Broken {
    fn from(never: Infallible) -> Broken {
        match never {}
    }
}

/// A listener on `port` of 127.0.0.1, and the port it got; 0 picks one.
pub(crate) async fn bind(port: u16) -> Result<(TcpListener, u16)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .with_context(|| format!("port {port} cannot be used"))?;
    let port = listener.local_addr()?.port();
    Ok((listener, port))
}

/// A running server. Dropping it ends it, with every connection.
#[derive(Debug)]
pub(crate) struct Server(AbortHandle);

impl Server {
    /// Answers every request on `listener` with `answer`, each connection in its own task.
    pub(crate) fn start<F, A>(listener: TcpListener, answer: F) -> Server
    where
        F: Fn(Request<Incoming>, SocketAddr) -> A + Clone + Send + 'static,
        A: Future<Output = Result<Answer, Broken>> + Send + 'static,
    {
        let accept = async move {
            let mut connections = JoinSet::new();
            loop {
                let Ok((stream, client)) = listener.accept().await else {
                    continue;
                };
                let _ = stream.set_nodelay(true);
                let answer = answer.clone();
                let service = service_fn(move |request| answer(request, client));
                let connection = http1::Builder::new()
                    .header_read_timeout(None)
                    .serve_connection(TokioIo::new(stream), service);
                connections.spawn(connection);
                while connections.try_join_next().is_some() {}
            }
        };
        Server(tokio::spawn(accept).abort_handle())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// An answer with this status, content type and body.
pub(crate) fn answer(status: u16, content_type: &str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() =
        http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    if let Ok(value) = http::HeaderValue::from_str(content_type) {
        answer
            .headers_mut()
            .insert(http::header::CONTENT_TYPE, value);
    }
    answer
}
