//! A function's answer as the client gets it.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderName, HeaderValue, header::SET_COOKIE};
use serde::Deserialize;
use serde_json::Value as Json;

use crate::server::{self, Answer};

/// What a function answers.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Proxied {
    status_code: u16,
    headers: Option<BTreeMap<String, Json>>,
    multi_value_headers: Option<BTreeMap<String, Vec<String>>>,
    cookies: Option<Vec<String>>,
    body: Option<String>,
    is_base64_encoded: Option<bool>,
}

/// The response; nothing if the function's answer is none.
pub(super) fn of(answered: &[u8]) -> Option<Answer> {
    let proxied: Proxied = serde_json::from_slice(answered).ok()?;
    let body = proxied.body.unwrap_or_default();
    let body = match proxied.is_base64_encoded {
        Some(true) => BASE64_STANDARD.decode(body).ok()?,
        _ => body.into_bytes(),
    };
    http::StatusCode::from_u16(proxied.status_code).ok()?;

    let mut answer = server::answer(proxied.status_code, "text/plain; charset=utf-8", body);
    let headers = answer.headers_mut();
    for (name, value) in proxied.headers.into_iter().flatten() {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        headers.insert(
            HeaderName::try_from(name).ok()?,
            HeaderValue::try_from(value).ok()?,
        );
    }
    for (name, values) in proxied.multi_value_headers.into_iter().flatten() {
        let name = HeaderName::try_from(name).ok()?;
        headers.remove(&name);
        for value in values {
            headers.append(&name, HeaderValue::try_from(value).ok()?);
        }
    }
    for cookie in proxied.cookies.into_iter().flatten() {
        headers.append(SET_COOKIE, HeaderValue::try_from(cookie).ok()?);
    }
    // The length is what is sent, whatever the function says.
    headers.remove(http::header::CONTENT_LENGTH);
    headers.remove(http::header::TRANSFER_ENCODING);
    Some(answer)
}
