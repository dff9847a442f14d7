//! `$default`, and `ANY` on some paths: requests that match no other route.
//!
//! The family that owns the path renders the error. A path with a superfluous trailing slash is
//! redirected.

use shared::{
    Endpoint, Error, RawResponse, Request, Response, Result, error_response_for_path, serve_http,
};

use crate::ENDPOINTS;

async fn fallback((): &(), request: Request) -> Result<Response> {
    if request.route() == "$default" {
        let redirect = request
            .without_trailing_slash()
            .map(Response::permanent_redirect);
        let unknown = || error_response_for_path(request.path(), &Error::NoSuchPath);
        return Ok(redirect.unwrap_or_else(unknown));
    }
    let mut response = error_response_for_path(request.path(), &Error::WrongMethod);
    // The path exists, so the response lists its methods (RFC 9110, section 15.5.6).
    let path = request.route().trim_start_matches("ANY ");
    let methods: Vec<String> = Endpoint::methods(ENDPOINTS, path)
        .iter()
        .map(ToString::to_string)
        .collect();
    if !methods.is_empty() {
        response.headers.push(("allow", methods.join(", ")));
    }
    Ok(response)
}

/// Serves the function.
pub fn main() {
    serve_http(RawResponse, fallback, ENDPOINTS);
}
