//! HTTP requests, as endpoints see them.

mod event;
mod file;
mod json;

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;

use crate::api::Endpoint;
use crate::domain::Authority;
use crate::domain::InvalidField;
use crate::domain::{Actor, Caller, Client, Error, Language, Result};

use json::redact_value;
pub use json::{Clearable, double_option, empty_as_none};

/// The largest JSON or form body, in bytes. Legitimate bodies need at most a tenth of it.
const MAX_TEXT: usize = 64 * 1024;

/// The characters that are escaped in a path: all that RFC 3986 (section 3.3) does not allow there.
const ESCAPED: AsciiSet = {
    let marks = NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~')
        .remove(b'/');
    let delimiters = marks
        .remove(b'!')
        .remove(b'$')
        .remove(b'&')
        .remove(b'\'')
        .remove(b'(')
        .remove(b')');
    delimiters
        .remove(b'*')
        .remove(b'+')
        .remove(b',')
        .remove(b';')
        .remove(b'=')
        .remove(b':')
        .remove(b'@')
};

/// An HTTP request. Its body is parsed when it is needed.
pub struct Request {
    method: String,
    path: String,
    raw_query: String,
    query: Vec<(String, String)>,
    /// By name in lower case, as the gateway writes it.
    headers: BTreeMap<String, String>,
    path_variables: BTreeMap<String, String>,
    client_ip: String,
    request_id: String,
    route: String,
    body: Vec<u8>,
}

impl Request {
    /// The caller as the actor of a change, with the token's entitlement.
    #[must_use]
    pub fn actor(&self, caller: &Caller) -> Actor {
        Actor {
            user: Some(caller.user.uuid),
            authority: caller.authority(),
            ..self.anonymous_actor()
        }
    }

    /// An actor without a token. Only a password, a mailed code or a mailed link can entitle it to a
    /// change.
    #[must_use]
    pub fn anonymous_actor(&self) -> Actor {
        Actor {
            user: None,
            client_ip: self.client_ip(),
            language: self.language(),
            authority: Authority::Nothing,
        }
    }

    /// The form body (`application/x-www-form-urlencoded`) as `T`.
    ///
    /// # Errors
    /// As [`Request::json`].
    pub fn form<T: DeserializeOwned>(&self) -> Result<T> {
        let body = self.body("application/x-www-form-urlencoded")?;
        std::str::from_utf8(body).map_err(|_| malformed("the body is not UTF-8"))?;
        serde_urlencoded::from_bytes(body).map_err(|error| {
            Error::Invalid(InvalidField {
                field: String::new(),
                reason: redact_value(&error.to_string()),
            })
        })
    }

    /// The token of an `Authorization: Bearer …` header (RFC 6750; the scheme in any case).
    #[must_use]
    pub fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.header("authorization")?.split_once(' ')?;
        scheme
            .eq_ignore_ascii_case("bearer")
            .then_some(token.trim_start_matches(' '))
    }

    /// The token of the header, else of the query parameter `token`.
    #[must_use]
    pub fn bearer_or_query(&self) -> Option<&str> {
        self.bearer().or_else(|| self.query("token"))
    }

    /// The first query parameter of this name.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<&str> {
        let mut query = self.query.iter();
        query.find_map(|(key, value)| (key == name).then_some(value.as_str()))
    }

    /// The client's preferred language.
    #[must_use]
    pub fn language(&self) -> Language {
        Language::preferred(self.header("accept-language"))
    }

    /// The header of this name, if it is visible ASCII.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let value = match self.headers.get(name) {
            Some(value) => value,
            None => self.headers.get(&name.to_ascii_lowercase())?,
        };
        let is_visible = |byte| matches!(byte, b'\t' | b' '..=b'~');
        value.bytes().all(is_visible).then_some(value)
    }

    /// Whether a trailing-slash route captured more than the slash itself.
    pub(crate) fn has_extra_segments(&self) -> bool {
        !self.trailing_capture().is_empty()
    }

    /// The redirect target, if a broader trailing-slash route received this request.
    pub(crate) fn redirect_target(&self, endpoints: &[Endpoint]) -> Option<String> {
        let shadowed = Endpoint::is_shadowed(endpoints, self.route(), self.trailing_capture());
        shadowed.then(|| self.without_trailing_slash()).flatten()
    }

    /// The match of a trailing-slash route's `{slash+}`. Empty for the slash alone.
    fn trailing_capture(&self) -> &str {
        self.path_variable("slash")
    }

    /// The HTTP method.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The path, as the client wrote it.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The path without its trailing slash, with the query string. `None` without a trailing slash.
    ///
    /// Several slashes at either end count as one, and the rest is escaped. So a path such as
    /// `//evil.example/` cannot redirect to another host.
    #[must_use]
    pub fn without_trailing_slash(&self) -> Option<String> {
        let path = self.path().strip_suffix('/')?.trim_matches('/');
        if path.is_empty() || path.contains(['?', '#']) {
            return None; // an unescaped `?` or `#` would end the path
        }
        let path = utf8_percent_encode(path, &ESCAPED);
        let query = match self.raw_query.as_str() {
            "" => String::new(),
            query if query.bytes().all(|byte| matches!(byte, b'!' | b'$'..=b'~')) => {
                format!("?{query}")
            }
            _ => return None, // a gateway passes on visible ASCII only, and a `#` would end the query
        };
        Some(format!("/{path}{query}"))
    }

    /// The client's IP address, as the gateway saw it. Headers are not trusted for it.
    #[must_use]
    pub fn client_ip(&self) -> String {
        self.client_ip.clone()
    }

    /// The client as the owner of a session recognizes it.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(&self.client_ip(), self.header("user-agent"))
    }

    /// The value of this variable in the path, such as `id` in `/api/auth/sessions/{id}`.
    #[must_use]
    pub fn path_variable(&self, name: &str) -> &str {
        self.path_variables.get(name).map_or("", String::as_str)
    }

    /// The matched route, as the template writes it: `POST /api/auth/login`.
    #[must_use]
    pub fn route(&self) -> &str {
        &self.route
    }

    /// The gateway's id of the request.
    pub(crate) fn request_id(&self) -> &str {
        &self.request_id
    }

    fn body(&self, content_type: &str) -> Result<&[u8]> {
        if self.body.len() > MAX_TEXT {
            return Err(Error::TooLarge);
        }
        let essence = self
            .header("content-type")
            .and_then(|value| value.split(';').next())
            .unwrap_or_default()
            .trim();
        if !essence.eq_ignore_ascii_case(content_type) {
            return Err(malformed(&format!(
                "the content type is not {content_type}"
            )));
        }
        Ok(&self.body)
    }
}

fn malformed(reason: &str) -> Error {
    Error::MalformedBody(reason.to_owned())
}
