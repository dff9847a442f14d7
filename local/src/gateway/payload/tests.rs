use super::*;
use crate::template::Route;

/// The event for a request with this content type and body.
fn event_of(content_type: &str, body: &'static [u8]) -> Json {
    let request = http::Request::post("/users/%C3%BC?a=1&a=2")
        .header("content-type", content_type)
        .header("x-forwarded-for", "9.9.9.9")
        .header("cookie", "a=1; b=2")
        .header("host", "api.test");
    let (head, ()) = request.body(()).unwrap().into_parts();
    let route = Route {
        method: "ANY".into(),
        path: "/users/{id}".into(),
        function: "any".into(),
    };
    let route = RouteMatch {
        route: &route,
        variables: vec![("id".into(), "ü".into())],
    };
    let event = event(
        &head,
        Bytes::from_static(body),
        &route,
        ([127, 0, 0, 1], 1).into(),
        80,
    );
    serde_json::from_slice(&event).unwrap()
}

#[test]
fn only_valid_text_of_a_text_type_is_not_base64() {
    let encoded = |content_type, body| {
        let event = event_of(content_type, body);
        (
            event["body"].as_str().unwrap().to_owned(),
            event["isBase64Encoded"].as_bool().unwrap(),
        )
    };
    assert_eq!(
        encoded("application/json; charset=utf-8", b"{}"),
        ("{}".to_owned(), false)
    );
    assert_eq!(
        encoded("application/problem+json", b"{}"),
        ("{}".to_owned(), false)
    );
    assert_eq!(
        encoded("application/json", b"\xff"),
        ("/w==".to_owned(), true)
    );
    assert_eq!(
        encoded("application/x-www-form-urlencoded", b"a=b"),
        ("YT1i".to_owned(), true)
    );
    assert_eq!(
        encoded("multipart/form-data; boundary=x", b"--x"),
        ("LS14".to_owned(), true)
    );
}

#[test]
fn an_event_has_the_fields_of_format_2_0() {
    let event = event_of("text/plain", b"");
    assert_eq!(event["routeKey"], "ANY /users/{id}");
    assert_eq!(event["rawPath"], "/users/ü");
    assert_eq!(event["rawQueryString"], "a=1&a=2");
    assert_eq!(event["queryStringParameters"], json!({ "a": "1,2" }));
    assert_eq!(event["pathParameters"], json!({ "id": "ü" }));
    assert_eq!(event["cookies"], json!(["a=1", "b=2"]));
    assert_eq!(event["headers"]["cookie"], Json::Null);
    assert_eq!(event["headers"]["x-forwarded-for"], "9.9.9.9, 127.0.0.1");
    assert_eq!(event["requestContext"]["domainPrefix"], "api");
    assert_eq!(event["body"], Json::Null);
}
