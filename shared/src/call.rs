//! A request as an endpoint sees it.

mod file;
mod json;

use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;

use crate::authority::Authority;
use crate::error::Flaw;
use crate::{By, Caller, Error, Language, Result};

use json::wanted;
pub use json::{filled, present};

/// The largest JSON or form body, in bytes. The largest honest one is a tenth of it.
const MOST_TEXT: usize = 64 * 1024;

/// What is escaped in a path: all but what RFC 3986 (section 3.3) lets stand there.
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

/// The twins within a wider one, by the wider one's route and what it takes. A gateway that gives no
/// twin a path that ends where its greedy part begins gives the path to the wider one.
const WITHIN: [(&str, &str); 2] = [
    ("GET /api/users/{slash+}", "me/"),
    ("POST /api/users/{slash+}", "verification_email/"),
];

/// A request, taken apart only as far as the endpoint asks.
pub struct Call {
    request: Request,
}

impl From<Request> for Call {
    fn from(request: Request) -> Self {
        Self { request }
    }
}

impl Call {
    /// The actor of a change: a caller, with what entitles them to it.
    #[must_use]
    pub fn by(&self, caller: &Caller) -> By {
        By {
            actor: Some(caller.user.uuid),
            authority: caller.authority(),
            ..self.by_anyone()
        }
    }

    /// An actor without a token. They are entitled to no change, unless a password, a mailed code
    /// or a mailed link entitles them.
    #[must_use]
    pub fn by_anyone(&self) -> By {
        By {
            actor: None,
            address: self.source_address(),
            language: self.language(),
            authority: Authority::Nothing,
        }
    }

    /// The form body (`application/x-www-form-urlencoded`) as `T`.
    ///
    /// # Errors
    /// As [`Call::json`].
    pub fn form<T: DeserializeOwned>(&self) -> Result<T> {
        let body = self.body("application/x-www-form-urlencoded")?;
        std::str::from_utf8(body).map_err(|_| unreadable("the body is not UTF-8"))?;
        serde_urlencoded::from_bytes(body).map_err(|error| {
            Error::Invalid(Flaw {
                field: String::new(),
                why: wanted(&error.to_string()),
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

    /// The token of the header, or else of the query parameter `token`.
    #[must_use]
    pub fn bearer_or_query(&self) -> Option<&str> {
        self.bearer().or_else(|| self.query("token"))
    }

    /// The first query parameter of this name.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<&str> {
        self.request.query_string_parameters_ref()?.first(name)
    }

    /// The language that the client would rather read.
    #[must_use]
    pub fn language(&self) -> Language {
        Language::preferred(self.header("accept-language"))
    }

    /// The header of this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.request.headers().get(name)?.to_str().ok()
    }

    /// Whether the route is a twin that takes more than its path with a slash behind it.
    pub(crate) fn is_beyond_its_path(&self) -> bool {
        !self.behind_its_path().is_empty()
    }

    /// Where to, if a wider twin took what is meant for a twin within it.
    pub(crate) fn beside_its_path(&self) -> Option<String> {
        let within = WITHIN.contains(&(self.route(), self.behind_its_path()));
        self.without_slash().filter(|_| within)
    }

    fn behind_its_path(&self) -> &str {
        let rest = self
            .request
            .path_parameters_ref()
            .and_then(|parameters| parameters.first("slash"));
        rest.unwrap_or_default()
    }

    /// The path, as the client wrote it.
    #[must_use]
    pub fn path(&self) -> &str {
        self.request.raw_http_path()
    }

    /// Where a request should have gone whose path ends in a slash: the same path without it, and
    /// the query string. Several slashes at either end count as one, and what stands between them
    /// is escaped: `//evil.example/` is a path of this host, too.
    #[must_use]
    pub fn without_slash(&self) -> Option<String> {
        let path = self.path().strip_suffix('/')?.trim_matches('/');
        if path.is_empty() || path.contains(['?', '#']) {
            return None; // what stands escaped in a path would look like its end
        }
        let path = utf8_percent_encode(path, &ESCAPED);
        let query = self.request.uri().query().map(|query| format!("?{query}"));
        Some(format!("/{path}{}", query.unwrap_or_default()))
    }

    /// The address the gateway saw the request come from; never a header's word for it.
    #[must_use]
    pub fn source_address(&self) -> String {
        match self.request.request_context_ref() {
            Some(RequestContext::ApiGatewayV2(context)) => {
                context.http.source_ip.clone().unwrap_or_default()
            }
            _ => String::new(),
        }
    }

    /// The route that took the request, as the template writes it: `POST /api/auth/login`.
    #[must_use]
    pub fn route(&self) -> &str {
        match self.request.request_context_ref() {
            Some(RequestContext::ApiGatewayV2(context)) => {
                context.route_key.as_deref().unwrap_or_default()
            }
            _ => "",
        }
    }

    /// The gateway's id of the request.
    pub(crate) fn request_id(&self) -> &str {
        match self.request.request_context_ref() {
            Some(RequestContext::ApiGatewayV2(context)) => {
                context.request_id.as_deref().unwrap_or_default()
            }
            _ => "",
        }
    }

    fn body(&self, content_type: &str) -> Result<&[u8]> {
        let body: &[u8] = self.request.body().as_ref();
        if body.len() > MOST_TEXT {
            return Err(Error::TooLarge);
        }
        let essence = self
            .header("content-type")
            .and_then(|value| value.split(';').next())
            .unwrap_or_default()
            .trim();
        if !essence.eq_ignore_ascii_case(content_type) {
            return Err(unreadable(&format!(
                "the content type is not {content_type}"
            )));
        }
        Ok(body)
    }
}

fn unreadable(why: &str) -> Error {
    Error::Unreadable(why.to_owned())
}
