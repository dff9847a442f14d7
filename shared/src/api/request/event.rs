//! The event of an HTTP request: API Gateway's payload format 2.0
//! (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>).
//!
//! Only the fields that a [`Request`] needs are read, once. The crate `lambda_http` reads all of them,
//! into types that need much memory, and links tables of character sets.

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Deserializer, de};

use super::Request;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    raw_path: String,
    #[serde(default)]
    raw_query_string: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    path_parameters: Option<BTreeMap<String, String>>,
    request_context: Context,
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Context {
    http: Http,
    #[serde(default)]
    request_id: String,
    #[serde(default)]
    route_key: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Http {
    method: String,
    #[serde(default)]
    source_ip: String,
}

impl<'de> Deserialize<'de> for Request {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let event = Event::deserialize(deserializer)?;
        let body = event.body.unwrap_or_default();
        let body = if event.is_base64_encoded {
            BASE64_STANDARD.decode(body).map_err(de::Error::custom)?
        } else {
            body.into_bytes()
        };
        let query = form_urlencoded::parse(event.raw_query_string.as_bytes());
        Ok(Self {
            query: query.into_owned().collect(),
            method: event.request_context.http.method,
            path: event.raw_path,
            raw_query: event.raw_query_string,
            headers: event.headers,
            path_variables: event.path_parameters.unwrap_or_default(),
            client_ip: event.request_context.http.source_ip,
            request_id: event.request_context.request_id,
            route: event.request_context.route_key,
            body,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::api::Request;

    fn request(change: impl Fn(&mut Value)) -> Option<Request> {
        let mut event = json!({
            "version": "2.0",
            "rawPath": "/a/b%2Fc",
            "rawQueryString": "a=1%202&b=&a=3&c",
            "headers": {"user-agent": "curl", "x-name": "Zo\u{eb}"},
            "pathParameters": {"id": "b/c"},
            "requestContext": {
                "http": {"method": "PUT", "sourceIp": "203.0.113.7"},
                "requestId": "JKJ",
                "routeKey": "PUT /a/{id}",
            },
            "body": "{}",
            "isBase64Encoded": false,
        });
        change(&mut event);
        serde_json::from_value(event).ok()
    }

    #[test]
    fn a_request_has_the_values_of_its_event() {
        let request = request(|_| ()).unwrap();
        assert_eq!((request.method(), request.path()), ("PUT", "/a/b%2Fc"));
        assert_eq!(request.query("a"), Some("1 2"), "the first of two");
        assert_eq!(
            (request.query("b"), request.query("c")),
            (Some(""), Some(""))
        );
        assert_eq!(request.query("d"), None);
        assert_eq!(request.header("User-Agent"), Some("curl"));
        assert_eq!(request.header("x-name"), None, "not ASCII");
        assert_eq!(request.path_variable("id"), "b/c");
        assert_eq!(request.client_ip(), "203.0.113.7");
        assert_eq!(
            (request.request_id(), request.route()),
            ("JKJ", "PUT /a/{id}")
        );
        assert_eq!(request.body, b"{}");
    }

    #[test]
    fn a_binary_body_is_decoded_or_refused() {
        let encoded = |body: &'static str| {
            request(move |event| {
                event["body"] = body.into();
                event["isBase64Encoded"] = true.into();
            })
        };
        assert_eq!(encoded("/wA=").unwrap().body, [255, 0]);
        assert!(encoded("no base64").is_none());
    }

    #[test]
    fn any_other_event_is_no_request() {
        assert!(request(|event| event["requestContext"] = json!({})).is_none());
        assert!(request(|event| event["rawPath"] = Value::Null).is_none());
        assert!(request(|event| *event = json!([])).is_none());
    }
}
