//! A request as a function gets it: the event of an HTTP API, payload format 2.0.

use std::{collections::BTreeMap, net::SocketAddr};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{
    header::{CONTENT_TYPE, COOKIE, HOST, HeaderMap, USER_AGENT},
    request::Parts,
    uri::Authority,
};
use jiff::fmt::strtime;
use percent_encoding::percent_decode_str;
use serde_json::{Value as Json, json};

use super::routes::Found;
use crate::{clock, template::ACCOUNT};

/// The event for a request to the gateway at `port`, as JSON.
pub(super) fn of(
    head: &Parts,
    body: Bytes,
    found: &Found<'_>,
    client: SocketAddr,
    port: u16,
) -> Bytes {
    let now = clock::now();
    let domain = domain(&head.headers, port);
    let path = percent_decode_str(head.uri.path()).decode_utf8_lossy();
    let query = head.uri.query().unwrap_or_default();
    let key = match found.route.path.as_str() {
        "$default" => "$default".to_owned(),
        path => format!("{} {path}", found.route.method),
    };
    let mut event = json!({
        "version": "2.0",
        "routeKey": key,
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers(&head.headers, &domain, client, port),
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
            "routeKey": key,
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
        event["queryStringParameters"] = json!(joined(
            form_urlencoded::parse(query.as_bytes()).into_owned()
        ));
    }
    if !found.variables.is_empty() {
        event["pathParameters"] = found
            .variables
            .iter()
            .map(|(k, v)| (k.clone(), json!(v)))
            .collect();
    }
    if !body.is_empty() {
        let (body, encoded) = written(&head.headers, &body);
        event["body"] = body;
        event["isBase64Encoded"] = json!(encoded);
    }
    event.to_string().into()
}

/// The host that the client asked for, if it is one.
fn domain(headers: &HeaderMap, port: u16) -> String {
    let host = headers
        .get(HOST)
        .map(text)
        .filter(|host| host.parse::<Authority>().is_ok());
    host.unwrap_or_else(|| format!("127.0.0.1:{port}"))
}

/// The headers but the cookies, several of one name joined, and those that a gateway adds.
fn headers(
    headers: &HeaderMap,
    domain: &str,
    client: SocketAddr,
    port: u16,
) -> BTreeMap<String, String> {
    let given = headers
        .iter()
        .filter(|(name, _)| *name != COOKIE && *name != HOST);
    let mut headers = joined(given.map(|(name, value)| (name.as_str().to_owned(), text(value))));
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

/// Several values of one name become one, with commas between.
fn joined(pairs: impl Iterator<Item = (String, String)>) -> BTreeMap<String, String> {
    let mut joined: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in pairs {
        joined
            .entry(name)
            .and_modify(|before| *before = format!("{before},{value}"))
            .or_insert(value);
    }
    joined
}

/// The body, and whether it is in base64: everything is but text, and text that is none.
fn written(headers: &HeaderMap, body: &Bytes) -> (Json, bool) {
    let content_type = headers
        .get(CONTENT_TYPE)
        .map(text)
        .unwrap_or_default()
        .to_lowercase();
    match std::str::from_utf8(body) {
        Ok(body) if is_text(content_type.split(';').next().unwrap_or_default().trim()) => {
            (json!(body), false)
        }
        _ => (json!(BASE64_STANDARD.encode(body)), true),
    }
}

fn is_text(media_type: &str) -> bool {
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

fn text(value: &http::HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

#[cfg(test)]
mod tests;
