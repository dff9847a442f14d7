//! A request as an endpoint sees it.

mod file;

use std::collections::HashMap;

use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::{self, DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::error::Flaw;
use crate::{By, Error, Language, Result, User};

/// The largest JSON or form body, in bytes. The largest honest one is a tenth of it.
const MOST_TEXT: usize = 64 * 1024;

/// What is escaped in a path: all but what RFC 3986 (section 3.3) lets stand there.
const ESCAPED: AsciiSet = {
    let marks = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');
    let delimiters = marks.remove(b'!').remove(b'$').remove(b'&').remove(b'\'').remove(b'(').remove(b')');
    delimiters.remove(b'*').remove(b'+').remove(b',').remove(b';').remove(b'=').remove(b':').remove(b'@')
};

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
    /// The JSON body as `T`.
    ///
    /// # Errors
    /// [`Error::TooLarge`]; [`Error::Unreadable`] where it is not JSON or not called so;
    /// [`Error::Invalid`] with the field where it is not a `T`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        let body = self.body("application/json")?;
        object(body)?; // serde would take a list for a struct
        let mut json = serde_json::Deserializer::from_slice(body);
        let given = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let path = error.path().to_string();
            flaw(&path, error.inner())
        })?;
        json.end().map_err(|error| flaw(".", &error))?;
        Ok(given)
    }

    /// The JSON body as `T`, where one that says nothing, as `{}` or `null`, is as good as none.
    ///
    /// # Errors
    /// [`Error::Unreadable`] for a body that says nothing; else as [`Call::json`].
    pub fn filled_json<T: DeserializeOwned>(&self) -> Result<T> {
        match serde_json::from_slice(self.body("application/json")?) {
            Ok(body) if says_nothing(&body) => Err(unreadable("the body is empty")),
            _ => self.json(),
        }
    }

    /// Who makes the request, for what is told and kept of a change.
    #[must_use]
    pub fn by(&self, actor: &User) -> By {
        By { actor: Some(actor.uuid), address: self.source_address(), language: self.language() }
    }

    /// As [`Call::by`], where nobody has shown who they are.
    #[must_use]
    pub fn by_anyone(&self) -> By {
        By { actor: None, address: self.source_address(), language: self.language() }
    }

    /// The JSON body as `T`, with all `required` fields told missing before anything else is
    /// looked at. `null` is missing, too; of `one|other` one must be there.
    ///
    /// # Errors
    /// [`Error::Missing`] with the first of them; else as [`Call::json`].
    pub fn json_with<T: DeserializeOwned>(&self, required: &[&'static str]) -> Result<T> {
        let body = self.body("application/json")?;
        object(body)?;
        let given: HashMap<String, Option<IgnoredAny>> =
            serde_json::from_slice(body).map_err(|error| flaw(".", &error))?;
        let present = |field: &str| matches!(given.get(field), Some(Some(_)));
        match required.iter().find(|fields| !fields.split('|').any(present)) {
            Some(field) => Err(Error::Missing(field)),
            None => self.json(),
        }
    }

    /// The form body (`application/x-www-form-urlencoded`) as `T`.
    ///
    /// # Errors
    /// As [`Call::json`].
    pub fn form<T: DeserializeOwned>(&self) -> Result<T> {
        let body = self.body("application/x-www-form-urlencoded")?;
        std::str::from_utf8(body).map_err(|_| unreadable("the body is not UTF-8"))?;
        serde_urlencoded::from_bytes(body)
            .map_err(|error| Error::Invalid(Flaw { field: String::new(), why: wanted(&error.to_string()) }))
    }

    /// The token of an `Authorization: Bearer …` header (RFC 6750; the scheme in any case).
    #[must_use]
    pub fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.header("authorization")?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim_start_matches(' '))
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
        let rest = self.request.path_parameters_ref().and_then(|parameters| parameters.first("slash"));
        rest.is_some_and(|rest| !rest.is_empty())
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
            Some(RequestContext::ApiGatewayV2(context)) => context.http.source_ip.clone().unwrap_or_default(),
            _ => String::new(),
        }
    }

    /// The route that took the request, as the template writes it: `POST /api/auth/login`.
    #[must_use]
    pub fn route(&self) -> &str {
        match self.request.request_context_ref() {
            Some(RequestContext::ApiGatewayV2(context)) => context.route_key.as_deref().unwrap_or_default(),
            _ => "",
        }
    }

    /// The gateway's id of the request.
    pub(crate) fn request_id(&self) -> &str {
        match self.request.request_context_ref() {
            Some(RequestContext::ApiGatewayV2(context)) => context.request_id.as_deref().unwrap_or_default(),
            _ => "",
        }
    }

    fn body(&self, content_type: &str) -> Result<&[u8]> {
        let body: &[u8] = self.request.body().as_ref();
        if body.len() > MOST_TEXT {
            return Err(Error::TooLarge);
        }
        let essence =
            self.header("content-type").and_then(|value| value.split(';').next()).unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case(content_type) {
            return Err(unreadable(&format!("the content type is not {content_type}")));
        }
        Ok(body)
    }
}

/// Whether the JSON is an object, by its first character.
fn object(json: &[u8]) -> Result<()> {
    match json.trim_ascii_start().first() {
        Some(b'{') => Ok(()),
        Some(_) if serde_json::from_slice::<IgnoredAny>(json).is_ok() => {
            Err(Error::Invalid(Flaw { field: String::new(), why: "the body must be a JSON object".into() }))
        }
        _ => Err(unreadable("the body is not valid JSON")),
    }
}

fn unreadable(why: &str) -> Error {
    Error::Unreadable(why.to_owned())
}

/// A serde error in words for the client: the field's name, and no position.
fn flaw(path: &str, error: &serde_json::Error) -> Error {
    use serde_json::error::Category;
    match error.classify() {
        Category::Data => {
            let text = error.to_string();
            let why = text.rsplit_once(" at line ").map_or(text.as_str(), |(why, _)| why);
            let field = if path == "." { String::new() } else { path.to_owned() };
            Error::Invalid(Flaw { field, why: wanted(why) })
        }
        _ => unreadable("the body is not valid JSON"),
    }
}

/// What serde says of a value, without the value, which may be a secret: what was expected stands
/// last, and is ours.
fn wanted(why: &str) -> String {
    why.rsplit_once(", expected ").map_or_else(|| why.to_owned(), |(_, what)| format!("must be {what}"))
}

/// Whether a value is what many languages take for false.
fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(truth) => !truth,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
    }
}

/// For a field where a value that says nothing, as `""` or `[]`, is as good as none. Goes with
/// `#[serde(default)]`.
///
/// # Errors
/// Where what stands there says something, and is not a `T`.
pub fn filled<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    if says_nothing(&value) {
        return Ok(None);
    }
    T::deserialize(value).map(Some).map_err(de::Error::custom)
}

/// For a field that may be left out: absent is `None`, and present is `Some` of what stands
/// there, so that `null` is a value like any other. Goes with `#[serde(default)]`.
///
/// # Errors
/// Where what stands there is not a `T`.
pub fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
