//! HTTP responses.

use serde::Serialize;

/// An HTTP response.
#[derive(Debug)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The headers in addition to those that every response has.
    pub headers: Vec<(&'static str, String)>,
    /// The body. Texts are in UTF-8.
    pub body: Vec<u8>,
}

impl Response {
    /// A redirect that keeps method and body: 308 (RFC 9110, section 15.4.9).
    #[must_use]
    pub fn permanent_redirect(target: String) -> Self {
        Self {
            status: 308,
            headers: vec![("location", target)],
            body: vec![],
        }
    }

    /// A response with a JSON body. Status 500 if the body cannot be serialized.
    pub(super) fn json(status: u16, body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(body) => Self {
                status,
                headers: vec![("content-type", "application/json".into())],
                body,
            },
            Err(_) => Self {
                status: 500,
                headers: vec![],
                body: vec![],
            },
        }
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}
