//! `$default`, and `ANY` on some paths: requests that match no other route.
//!
//! The family that owns the path renders the error. A path with a superfluous trailing slash is
//! redirected, unless no endpoint there has the method: then the response is that of the path without
//! the slash.

use shared::{
    Endpoint, Error, RawResponse, Request, Response, Result, error_response_for_path, serve_http,
};

use crate::ENDPOINTS;

async fn fallback((): &(), request: Request) -> Result<Response> {
    let path = match request.route() {
        "$default" => request.path().trim_end_matches('/'),
        route => route.trim_start_matches("ANY "),
    };
    let at_path = || {
        ENDPOINTS
            .iter()
            .filter(|endpoint| endpoint.route_path() == path)
    };
    if request.route() == "$default" {
        let other_method = at_path().next().is_some()
            && at_path().all(|endpoint| endpoint.method.as_str() != request.method());
        if !other_method && let Some(target) = request.without_trailing_slash() {
            return Ok(Response::permanent_redirect(target));
        }
        if !other_method || !at_path().all(Endpoint::rejects_other_methods) {
            return Ok(error_response_for_path(request.path(), &Error::NoSuchPath));
        }
    }
    let mut response = error_response_for_path(path, &Error::WrongMethod);
    // The path exists, so the response lists its methods (RFC 9110, section 15.5.6).
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
