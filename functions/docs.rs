//! `GET /docs` (Swagger UI), `GET /redoc` and `GET /openapi.json`.
//!
//! The description is `docs/openapi.json`, which `cargo xtask generate` writes.

use std::sync::LazyLock;

use serde_json::Value;
use shared::{
    Error, InternalError, RawResponse, Request, Response, Result, StaticFile, serve_http,
};

use crate::ENDPOINTS;

/// The Content Security Policy of the pages: files and API calls of the same origin only.
///
/// The hashes are those of two inline styles of ReDoc: an empty one that its script fills, and a
/// fixed one.
const POLICY: &str = "default-src 'none'; connect-src 'self'; script-src 'self'; img-src 'self' data:; \
    style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=' \
    'sha256-QMIg+bpjm3JdElJ388KYke01izlUW0UoNOeKjpMxdgc='; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// Every file, by its path.
static FILES: LazyLock<Result<[(&str, StaticFile); 9], InternalError>> = LazyLock::new(|| {
    let page = |html: &'static [u8]| {
        StaticFile::new("text/html; charset=utf-8", html).with("content-security-policy", POLICY)
    };
    let gzipped = |content_type, bytes: &'static [u8]| {
        StaticFile::new(content_type, bytes)
            .with("content-encoding", "gzip")
            .with("vary", "accept-encoding")
    };
    Ok([
        (
            "/openapi.json",
            StaticFile::new("application/json", openapi()?),
        ),
        ("/docs", page(include_bytes!("docs/swagger.html"))),
        ("/redoc", page(include_bytes!("docs/redoc.html"))),
        (
            "/docs/narrow.css",
            StaticFile::new("text/css; charset=utf-8", include_bytes!("docs/narrow.css")),
        ),
        (
            "/docs/start.js",
            StaticFile::new(JAVASCRIPT, include_bytes!("docs/start.js")),
        ),
        (
            "/docs/swagger-ui-bundle.js",
            gzipped(JAVASCRIPT, include_bytes!("docs/swagger-ui-bundle.js.gz")),
        ),
        (
            "/docs/swagger-ui.css",
            gzipped(
                "text/css; charset=utf-8",
                include_bytes!("docs/swagger-ui.css.gz"),
            ),
        ),
        (
            "/docs/redoc.standalone.js",
            gzipped(JAVASCRIPT, include_bytes!("docs/redoc.standalone.js.gz")),
        ),
        (
            "/docs/licences.txt",
            StaticFile::new(
                "text/plain; charset=utf-8",
                include_bytes!("docs/licences.txt"),
            ),
        ),
    ])
});

/// The description as compact JSON.
fn openapi() -> Result<Vec<u8>, InternalError> {
    let description: serde_json::Result<Value> =
        serde_json::from_str(include_str!("docs/openapi.json"));
    let malformed = |error| InternalError::new("openapi.json is malformed").with_source(error);
    Ok(description.map_err(malformed)?.to_string().into_bytes())
}

async fn docs((): &(), request: Request) -> Result<Response> {
    let if_none_match = request.header("if-none-match");
    let files = FILES.as_ref().map_err(Clone::clone)?;
    let found = files.iter().find(|(path, _)| *path == request.path());
    found
        .map(|(_, file)| file.response(if_none_match))
        .ok_or(Error::NoSuchPath)
}

/// Serves the function.
pub fn main() {
    serve_http(RawResponse, docs, ENDPOINTS);
}
