//! HTTP/1.1 servers on 127.0.0.1: gateway, Lambda Runtime API and AWS endpoint.

use std::{convert::Infallible, net::Ipv4Addr, net::SocketAddr};

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpListener,
    task::{AbortHandle, JoinSet},
};

/// An HTTP response with its whole body.
pub(crate) type HttpResponse = Response<Full<Bytes>>;

/// Error that closes the connection without a response.
#[derive(Debug)]
pub(crate) struct ConnectionClosed;

impl std::fmt::Display for ConnectionClosed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection was closed without a response")
    }
}

impl std::error::Error for ConnectionClosed {}

impl From<Infallible> for ConnectionClosed {
    fn from(never: Infallible) -> ConnectionClosed {
        match never {}
    }
}

/// Listens on a port of 127.0.0.1; 0 picks one. Returns the listener and its port.
pub(crate) async fn bind(port: u16) -> Result<(TcpListener, u16)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .with_context(|| format!("port {port} cannot be used"))?;
    let port = listener.local_addr()?.port();
    Ok((listener, port))
}

/// A running server. Dropping it closes every connection.
#[derive(Debug)]
pub(crate) struct Server(AbortHandle);

impl Server {
    /// Serves `listener` with `handler`. Each connection has a task of its own.
    pub(crate) fn start<F, A>(listener: TcpListener, handler: F) -> Server
    where
        F: Fn(Request<Incoming>, SocketAddr) -> A + Clone + Send + 'static,
        A: Future<Output = Result<HttpResponse, ConnectionClosed>> + Send + 'static,
    {
        let accept = async move {
            let mut connections = JoinSet::new();
            loop {
                let Ok((stream, client)) = listener.accept().await else {
                    continue;
                };
                let _ = stream.set_nodelay(true);
                let handler = handler.clone();
                let service = service_fn(move |request| handler(request, client));
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

/// Reads a body of at most `max` bytes. Returns `None` if it is larger.
///
/// A body of up to ten times `max` is read to its end. A client whose connection is closed while it
/// writes would not see the response.
pub(crate) async fn read_body(
    body: Incoming,
    max: usize,
) -> Result<Option<Bytes>, ConnectionClosed> {
    match Limited::new(body, 10 * max).collect().await {
        Ok(body) => Ok(Some(body.to_bytes()).filter(|body| body.len() <= max)),
        Err(error) if error.is::<LengthLimitError>() => Ok(None),
        Err(_) => Err(ConnectionClosed),
    }
}

/// A response with this status, content type and body.
pub(crate) fn response(status: u16, content_type: &str, body: impl Into<Bytes>) -> HttpResponse {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Ok(value) = HeaderValue::from_str(content_type) {
        response.headers_mut().insert(CONTENT_TYPE, value);
    }
    response
}

/// A response in API Gateway's own format: `{"message":"…"}`.
pub(crate) fn message(status: u16, message: &str) -> HttpResponse {
    let body = format!(r#"{{"message":"{message}"}}"#);
    response(status, "application/json", body)
}
