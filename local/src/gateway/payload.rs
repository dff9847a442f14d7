//! Payload format 2.0: HTTP request to event, function response to HTTP response.
//!
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>

use std::{collections::BTreeMap, net::SocketAddr};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, StatusCode,
    header::{
        CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, HeaderMap, SET_COOKIE, TRANSFER_ENCODING,
        USER_AGENT,
    },
    request::Parts,
    uri::Authority,
};
use jiff::fmt::strtime;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::routes::RouteMatch;
use crate::{
    clock,
    server::{self, HttpResponse},
    template::ACCOUNT,
};

/// The event for a request to the gateway at `port`, as JSON.
pub(super) fn event(
    head: &Parts,
    body: Bytes,
    route: &RouteMatch<'_>,
    client: SocketAddr,
    port: u16,
) -> Bytes {
    let now = clock::now();
    let domain = domain_name(&head.headers, port);
    let path = percent_decode_str(head.uri.path()).decode_utf8_lossy();
    let query = head.uri.query().unwrap_or_default();
    let route_key = match route.route.path.as_str() {
        "$default" => "$default".to_owned(),
        path => format!("{} {path}", route.route.method),
    };
    let mut event = json!({
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": path,
        "rawQueryString": query,
        "headers": event_headers(&head.headers, &domain, client, port),
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": "local",
            "domainName": domain,
            "domainPrefix": domain.split(['.', ':']).next(),
            "http": {
                "method": head.method.as_str(),
                "path": path,
                "protocol": format!("{:?}", head.version),
                "sourceIp": client.ip(),
                "userAgent": head.headers.get(USER_AGENT).map(text).unwrap_or_default(),
            },
            "requestId": uuid::Uuid::new_v4().to_string(),
            "routeKey": route_key,
            "stage": "$default",
            "time": strtime::format("%d/%b/%Y:%H:%M:%S +0000", now).unwrap_or_default(),
            "timeEpoch": now.as_millisecond(),
        },
        "isBase64Encoded": false,
    });
    let cookies: Vec<String> = head
        .headers
        .get_all(COOKIE)
        .iter()
        .flat_map(|line| split(&text(line), "; "))
        .collect();
    if !cookies.is_empty() {
        event["cookies"] = json!(cookies);
    }
    if !query.is_empty() {
        event["queryStringParameters"] = json!(join_repeated(
            form_urlencoded::parse(query.as_bytes()).into_owned()
        ));
    }
    if !route.variables.is_empty() {
        event["pathParameters"] = route
            .variables
            .iter()
            .map(|(k, v)| (k.clone(), json!(v)))
            .collect();
    }
    if !body.is_empty() {
        let (body, is_base64) = encode_body(&head.headers, &body);
        event["body"] = body;
        event["isBase64Encoded"] = json!(is_base64);
    }
    event.to_string().into()
}

/// The `Host` header, or the gateway's own address if that is invalid.
fn domain_name(headers: &HeaderMap, port: u16) -> String {
    let host = headers
        .get(HOST)
        .map(text)
        .filter(|host| host.parse::<Authority>().is_ok());
    host.unwrap_or_else(|| format!("127.0.0.1:{port}"))
}

/// The headers without cookies, plus those that API Gateway adds. Repeated headers are joined.
fn event_headers(
    headers: &HeaderMap,
    domain: &str,
    client: SocketAddr,
    port: u16,
) -> BTreeMap<String, String> {
    let own = headers
        .iter()
        .filter(|(name, _)| *name != COOKIE && *name != HOST);
    let mut headers =
        join_repeated(own.map(|(name, value)| (name.as_str().to_owned(), text(value))));
    let forwarded = headers.entry("x-forwarded-for".to_owned()).or_default();
    if !forwarded.is_empty() {
        forwarded.push_str(", ");
    }
    forwarded.push_str(&client.ip().to_string());
    headers.insert("x-forwarded-proto".to_owned(), "http".to_owned());
    headers.insert("x-forwarded-port".to_owned(), port.to_string());
    headers.insert("host".to_owned(), domain.to_owned());
    headers
}

/// Joins the values of repeated names with commas.
fn join_repeated(pairs: impl Iterator<Item = (String, String)>) -> BTreeMap<String, String> {
    let mut joined: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in pairs {
        joined
            .entry(name)
            .and_modify(|joined| *joined = format!("{joined},{value}"))
            .or_insert(value);
    }
    joined
}

/// The body and whether it is base64: all but valid UTF-8 of a text media type.
fn encode_body(headers: &HeaderMap, body: &Bytes) -> (Json, bool) {
    let content_type = headers
        .get(CONTENT_TYPE)
        .map(text)
        .unwrap_or_default()
        .to_lowercase();
    match std::str::from_utf8(body) {
        Ok(body) if is_text_type(content_type.split(';').next().unwrap_or_default().trim()) => {
            (json!(body), false)
        }
        _ => (json!(BASE64_STANDARD.encode(body)), true),
    }
}

fn is_text_type(media_type: &str) -> bool {
    media_type.starts_with("text/")
        || [
            "application/json",
            "application/javascript",
            "application/xml",
        ]
        .contains(&media_type)
        || media_type.ends_with("+json")
        || media_type.ends_with("+xml")
}

fn split(text: &str, separator: &str) -> Vec<String> {
    text.split(separator).map(str::to_owned).collect()
}

fn text(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

/// The response of a function.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FunctionResponse {
    status_code: u16,
    headers: Option<BTreeMap<String, Json>>,
    multi_value_headers: Option<BTreeMap<String, Vec<String>>>,
    cookies: Option<Vec<String>>,
    body: Option<String>,
    is_base64_encoded: Option<bool>,
}

/// The HTTP response for a function's response; `None` if that is malformed.
pub(super) fn response(function_response: &[u8]) -> Option<HttpResponse> {
    let parsed: FunctionResponse = serde_json::from_slice(function_response).ok()?;
    let body = parsed.body.unwrap_or_default();
    let body = match parsed.is_base64_encoded {
        Some(true) => BASE64_STANDARD.decode(body).ok()?,
        _ => body.into_bytes(),
    };
    StatusCode::from_u16(parsed.status_code).ok()?;

    let mut response = server::response(parsed.status_code, "text/plain; charset=utf-8", body);
    let headers = response.headers_mut();
    for (name, value) in parsed.headers.into_iter().flatten() {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        headers.insert(
            HeaderName::try_from(name).ok()?,
            HeaderValue::try_from(value).ok()?,
        );
    }
    for (name, values) in parsed.multi_value_headers.into_iter().flatten() {
        let name = HeaderName::try_from(name).ok()?;
        headers.remove(&name);
        for value in values {
            headers.append(&name, HeaderValue::try_from(value).ok()?);
        }
    }
    for cookie in parsed.cookies.into_iter().flatten() {
        headers.append(SET_COOKIE, HeaderValue::try_from(cookie).ok()?);
    }
    // The server itself frames the body.
    headers.remove(CONTENT_LENGTH);
    headers.remove(TRANSFER_ENCODING);
    Some(response)
}

#[cfg(test)]
mod tests;
