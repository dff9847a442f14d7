//! The HTTP client of all AWS clients: one connection pool, HTTP/1.1, and TLS with few roots.
//!
//! The SDK's own client parses PEM files for each service, reads proxies from the environment, and
//! links HTTP/2, which DynamoDB and Secrets Manager do not offer.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::connection::{CaptureSmithyConnection, ConnectionMetadata};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::ErrorKind;
use http::{Extensions, Uri};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::{
    CaptureConnection, HttpConnector as TcpConnector, HttpInfo, capture_connection,
};
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::client::Resumption;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::{CipherSuite, ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tower_service::Service;

use crate::aws::Config;

/// The root certificates 1 to 4 of Amazon Trust Services, and the Starfield root that cross-signs
/// them. All AWS endpoints chain to these (<https://www.amazontrust.com/repository/>).
///
/// They are in DER, since decoding PEM took 2 % of a cold start.
const AMAZON_ROOTS: [&[u8]; 5] = [
    include_bytes!("roots/amazon-1.der"),
    include_bytes!("roots/amazon-2.der"),
    include_bytes!("roots/amazon-3.der"),
    include_bytes!("roots/amazon-4.der"),
    include_bytes!("roots/starfield-g2.der"),
];

/// How long a connection may take, with its TLS handshake.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// A client with one pool of connections. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct PooledClient(Client<Connect, SdkBody>);

impl PooledClient {
    pub(super) fn new(config: &Config) -> Self {
        let mut provider = default_provider();
        // The hash of this suite is SHA-256. SHA-384 took 8 % of a cold start.
        let preferred = CipherSuite::TLS13_AES_128_GCM_SHA256;
        let suites = &mut provider.cipher_suites;
        suites.sort_by_key(|suite| suite.suite() != preferred);
        let _ = provider.install_default(); // fails if it is installed already
        let mut tls = ClientConfig::builder()
            .with_root_certificates(trusted_roots(config))
            .with_no_client_auth();
        // A connection lives as long as its instance, so hardly one is ever resumed.
        tls.resumption = Resumption::disabled();
        let mut tcp = TcpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let connect = Connect(HttpsConnector::from((tcp, tls)));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .build(connect);
        Self(client)
    }
}

fn trusted_roots(config: &Config) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    if config.get("TRUST_STORE") == Some("system") {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    } else {
        roots.add_parsable_certificates(AMAZON_ROOTS.map(CertificateDer::from_slice));
    }
    roots
}

impl HttpClient for PooledClient {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for PooledClient {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => {
                return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into())));
            }
        };
        let connection = capture_connection(&mut request);
        if let Some(captured) = request.extensions().get::<CaptureSmithyConnection>() {
            captured.set_connection_retriever(move || metadata(&connection));
        }
        let response = self.0.request(request);
        HttpConnectorFuture::new(async move {
            let response = response.await.map_err(connector_error)?;
            HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// What the SDK needs to close a connection after a failure that another one may not have.
fn metadata(connection: &CaptureConnection) -> Option<ConnectionMetadata> {
    let mut extensions = Extensions::new();
    connection
        .connection_metadata()
        .as_ref()?
        .get_extras(&mut extensions);
    let addresses = extensions.get::<HttpInfo>();
    let connection = connection.clone();
    let mut metadata = ConnectionMetadata::builder()
        .proxied(false)
        .poison_fn(move || {
            if let Some(connection) = connection.connection_metadata().as_ref() {
                connection.poison();
            }
        });
    metadata
        .set_local_addr(addresses.map(HttpInfo::local_addr))
        .set_remote_addr(addresses.map(HttpInfo::remote_addr));
    Some(metadata.build())
}

/// The kind of a failure, by which the SDK decides about a retry. The SDK's own client decides
/// likewise.
fn connector_error(error: legacy::Error) -> ConnectorError {
    let has_io_error = cause::<std::io::Error>(&error).is_some();
    if cause::<ConnectTimedOut>(&error).is_some() {
        return ConnectorError::timeout(error.into());
    }
    let Some(cause) = cause::<hyper::Error>(&error) else {
        return if error.is_connect() || has_io_error {
            ConnectorError::io(error.into())
        } else {
            ConnectorError::other(error.into(), None)
        };
    };
    if cause.is_timeout() {
        ConnectorError::timeout(error.into())
    } else if cause.is_user() {
        ConnectorError::user(error.into())
    } else if cause.is_closed() || cause.is_canceled() || has_io_error {
        ConnectorError::io(error.into())
    } else {
        let kind = cause
            .is_incomplete_message()
            .then_some(ErrorKind::TransientError);
        ConnectorError::other(error.into(), kind)
    }
}

/// The first error of type `E` among an error and its causes.
fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    std::iter::successors(Some(error), |&error| error.source())
        .find_map(|error| error.downcast_ref())
}

/// Opens connections within [`CONNECT_TIMEOUT`].
#[derive(Debug, Clone)]
struct Connect(HttpsConnector<TcpConnector>);

impl Service<Uri> for Connect {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connection = tokio::time::timeout(CONNECT_TIMEOUT, self.0.call(uri));
        Box::pin(async move { connection.await.map_err(|_| ConnectTimedOut)? })
    }
}

/// No connection within [`CONNECT_TIMEOUT`].
#[derive(Debug)]
struct ConnectTimedOut;

impl fmt::Display for ConnectTimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no connection in time")
    }
}

impl Error for ConnectTimedOut {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ring::digest::{SHA256, digest};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    fn client(store: &str) -> PooledClient {
        let variables = [("TRUST_STORE".to_owned(), store.to_owned())];
        PooledClient::new(&Config::from(BTreeMap::from(variables)))
    }

    async fn get(uri: String) -> Result<HttpResponse, ConnectorError> {
        client("amazon").call(HttpRequest::get(uri).unwrap()).await
    }

    /// The URI of a server that answers each connection with `bytes` and closes it. Without `bytes`, it
    /// does nothing.
    async fn server(scheme: &str, bytes: Option<&'static [u8]>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let mut open = Vec::new();
            loop {
                let (mut connection, _) = listener.accept().await.unwrap();
                match bytes {
                    Some(bytes) => {
                        let _ = connection.read(&mut [0; 1024]).await;
                        let _ = connection.write_all(bytes).await;
                    }
                    None => open.push(connection),
                }
            }
        });
        format!("{scheme}://{address}/")
    }

    #[test]
    fn the_embedded_roots_are_those_that_amazon_publishes() {
        // The SHA-256 fingerprints in https://www.amazontrust.com/repository/.
        let published = [
            "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
            "1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4",
            "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
            "e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092",
            "568d6905a2c88708a4b3025190edcfedb1974a606a13c6e5290fcb2ae63edab5",
        ];
        for (root, published) in AMAZON_ROOTS.into_iter().zip(published) {
            let fingerprint: String = digest(&SHA256, root)
                .as_ref()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            assert_eq!(fingerprint, published);
        }
    }

    #[test]
    fn each_trust_store_has_roots() {
        assert_eq!(trusted_roots(&Config::from(BTreeMap::new())).len(), 5);
        client("system");
    }

    #[tokio::test]
    async fn a_refused_connection_or_certificate_is_an_io_error() {
        let error = get("https://127.0.0.1:1/".into()).await.unwrap_err();
        assert!(error.is_io(), "{error:?}");
        let uri = server("https", Some(b"no TLS")).await;
        let error = get(uri).await.unwrap_err();
        assert!(error.is_io(), "{error:?}");
    }

    #[tokio::test]
    async fn a_silent_tls_server_is_a_timeout() {
        let error = get(server("https", None).await).await.unwrap_err();
        assert!(error.is_timeout(), "{error:?}");
    }

    #[tokio::test]
    async fn a_truncated_response_is_retried() {
        let uri = server("http", Some(b"HTTP/1.1 200 OK\r\ncontent-le")).await;
        let error = get(uri).await.unwrap_err();
        assert_eq!(
            error.as_other(),
            Some(ErrorKind::TransientError),
            "{error:?}"
        );
        let uri = server("http", Some(b"")).await;
        let error = get(uri).await.unwrap_err();
        assert!(error.is_io() || error.as_other().is_some(), "{error:?}");
    }
}
