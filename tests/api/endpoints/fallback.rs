//! Unknown paths, unsupported methods and trailing slashes.

use std::collections::BTreeSet;

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::{PASSWORD, TestApp, registration};

/// The response of the function at `$default` to a path and a query string.
async fn invoke_fallback(app: &TestApp, path: &str, query: &str) -> Value {
    let mut event = event_at(path);
    event["rawQueryString"] = query.into();
    app.invoke("fallback", &event).await
}

/// A request event of `$default` with this path.
fn event_at(path: &str) -> Value {
    let event = include_str!("../../../events/fallback.json").replace("/api/auth/nothing", "");
    let mut event: Value = serde_json::from_str(&event).expect("an event");
    event["rawPath"] = path.into();
    event["requestContext"]["http"]["path"] = path.into();
    event
}

#[tokio::test]
async fn an_unknown_path_gets_the_error_format_of_its_family() {
    let app = TestApp::new().await;
    let mut responses = String::new();
    for (method, path) in [
        ("GET", "/api/auth/nothing"),
        ("GET", "/api/users/mes"),
        ("GET", "/"),
        ("GET", "/%2e%2e/%00"),
        ("GET", "/api/auth/login"),
        ("DELETE", "/api/users/me"),
        ("POST", "/api/users/me"),
        ("PUT", "/api/auth/register"),
    ] {
        let response = app.send(app.request(method, path)).await;
        responses.push_str(&format!(
            "{method} {path}: {} {}\n",
            response.status, response.text
        ));
    }
    assert_snapshot!(responses, @r#"
    GET /api/auth/nothing: 404 {"detail":"Not Found"}
    GET /api/users/mes: 404 {"code":1104,"message":"Not Found","data":{}}
    GET /: 404 {"detail":"Not Found"}
    GET /%2e%2e/%00: 404 {"detail":"Not Found"}
    GET /api/auth/login: 405 {"detail":"Method Not Allowed"}
    DELETE /api/users/me: 405 {"detail":"Method Not Allowed"}
    POST /api/users/me: 405 {"detail":"Method Not Allowed"}
    PUT /api/auth/register: 405 {"detail":"Method Not Allowed"}
    "#);
}

#[tokio::test]
async fn another_method_gets_the_error_format_of_the_family() {
    let app = TestApp::new().await;
    let paths: BTreeSet<String> = app.routes().into_iter().map(|route| route.path).collect();
    for path in paths
        .iter()
        .filter(|path| path.starts_with("/api/auth") || *path == "/api/users/me")
    {
        let response = app.send(app.request("PATCH", path)).await;
        assert_eq!(
            (response.status, &response.json()["detail"]),
            (405, &json!("Method Not Allowed")),
            "{path}"
        );
    }
    for path in paths.iter().filter(|path| path.starts_with("/api/v3/")) {
        let response = app.send(app.request("PATCH", path)).await;
        assert_eq!(
            (response.status, &response.json()["msg"]),
            (405, &json!("method not allowed")),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_trailing_slash_redirects_on_this_host_with_its_query() {
    let app = TestApp::new().await;
    for (path, query, location) in [
        ("/api/users/me/", "", "/api/users/me"),
        (
            "/api/users/me/",
            "fields=id&x=%2F",
            "/api/users/me?fields=id&x=%2F",
        ),
        ("/nothing//", "", "/nothing"),
        ("//evil.example/", "", "/evil.example"),
        ("///evil.example//", "a=b", "/evil.example?a=b"),
        ("/\\evil.example/", "", "/%5Cevil.example"),
        ("/\t/evil.example/", "", "/%09/evil.example"),
        ("/a\r\nset-cookie: x=1/", "", "/a%0D%0Aset-cookie:%20x=1"),
        ("/https://evil.example/", "", "/https://evil.example"),
        ("/测试/", "", "/%E6%B5%8B%E8%AF%95"),
    ] {
        let response = invoke_fallback(&app, path, query).await;
        let redirect = (
            &response["statusCode"],
            &response["headers"]["location"],
            &response["body"],
        );
        assert_eq!(
            redirect,
            (&json!(308), &json!(location), &json!("")),
            "{path}: {response}"
        );
        assert_eq!(response["headers"]["set-cookie"], Value::Null);
    }
    for path in [
        "/",
        "//",
        "",
        "/nothing",
        "//evil.example",
        "/a?b/",
        "/a#b/",
    ] {
        let response = invoke_fallback(&app, path, "").await;
        assert_eq!(
            (&response["statusCode"], &response["headers"]["location"]),
            (&json!(404), &Value::Null),
            "{path}"
        );
    }
    let logs = app.logs().await;
    assert!(
        logs.iter()
            .all(|line| !line.contains("evil") && !line.contains("fields=id")),
        "{logs:#?}"
    );
}

#[tokio::test]
async fn a_redirect_keeps_the_method_and_the_body() {
    let app = TestApp::new().await;
    let path = "/api/auth/register/";
    let registered = app
        .send(app.request("POST", path).json(&registration("testuser")))
        .await;
    assert_eq!(
        (registered.status, &registered.json()["username"]),
        (200, &json!("testuser")),
        "{registered}"
    );
    let token = app.login("testuser", PASSWORD).await.json()["access_token"].clone();
    let user = app
        .request("GET", "/users/")
        .bearer_auth(token.as_str().expect("a token"));
    assert_eq!(app.send(user).await.json()["data"]["name"], "testuser");
}

#[tokio::test]
async fn a_path_received_by_a_broader_route_is_redirected() {
    let app = TestApp::new().await;
    let routes = app.routes();
    let mut found = 0;
    for slash in &routes {
        let Some(broad) = slash.path.strip_suffix("{slash+}") else {
            continue;
        };
        let within = |route: &&local::Route| {
            route.method == slash.method && !route.path.ends_with("{slash+}")
        };
        for route in routes.iter().filter(within) {
            let Some(rest) = route.path.strip_prefix(broad) else {
                continue;
            };
            let key = format!("{} {}", slash.method, slash.path);
            let mut event = event_at(&format!("{}/", route.path));
            event["routeKey"] = key.as_str().into();
            event["requestContext"]["routeKey"] = key.as_str().into();
            event["requestContext"]["http"]["method"] = slash.method.as_str().into();
            event["pathParameters"] = json!({ "slash": format!("{rest}/") });
            let response = app.invoke(&slash.function, &event).await;
            let redirect = (&response["statusCode"], &response["headers"]["location"]);
            assert_eq!(
                redirect,
                (&json!(308), &json!(route.path)),
                "{key}: {response}"
            );
            found += 1;
        }
    }
    assert_ne!(found, 0);
}

#[tokio::test]
async fn another_method_gets_the_allowed_methods() {
    let app = TestApp::new().await;
    let routes = app.routes();
    for any in routes
        .iter()
        .filter(|route| route.function == "fallback" && route.path != "$default")
    {
        let methods = routes
            .iter()
            .filter(|route| route.path == any.path && route.method != "ANY");
        let methods: BTreeSet<&str> = methods.map(|route| route.method.as_str()).collect();
        let response = app
            .request("PATCH", &any.path)
            .send()
            .await
            .expect("a response");
        let allowed = response
            .headers()
            .get("allow")
            .and_then(|allow| allow.to_str().ok())
            .unwrap_or_default();
        assert_eq!(
            allowed.split(", ").collect::<BTreeSet<_>>(),
            methods,
            "{}",
            any.path
        );
    }
}

#[tokio::test]
async fn another_method_on_a_path_with_a_slash_is_answered_at_once() {
    let app = TestApp::new().await;
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    let client = client.build().expect("a client");
    let mut responses = String::new();
    for (method, path) in [
        ("GET", "/api/users/name/"),
        ("DELETE", "/api/users/avatar/"),
        ("POST", "/api/users/login/"),
        ("PATCH", "/api/users/"),
        ("PUT", "/api/current_user/"),
        ("GET", "/api/captcha/check/"),
        ("DELETE", "/api/users/me/"),
        ("GET", "/api/auth/login/"),
        ("DELETE", "/users/"),
    ] {
        let method = method.parse().expect("a method");
        let request = client.request(method, format!("{}{path}", app.url()));
        let (client, request) = request.build_split();
        let request = request.expect("a request");
        let line = format!("{} {path}", request.method());
        let response = client.execute(request).await.expect("a response");
        let status = response.status().as_u16();
        let text = response.text().await.expect("a body");
        responses.push_str(&format!("{line}: {status} {text}\n"));
    }
    assert_snapshot!(responses, @r#"
    GET /api/users/name/: 404 {"code":1104,"message":"Not Found","data":{}}
    DELETE /api/users/avatar/: 404 {"code":1104,"message":"Not Found","data":{}}
    POST /api/users/login/: 404 {"code":1104,"message":"Not Found","data":{}}
    PATCH /api/users/: 404 {"code":1104,"message":"Not Found","data":{}}
    PUT /api/current_user/: 404 {"code":1104,"message":"Not Found","data":{}}
    GET /api/captcha/check/: 404 {"code":1104,"message":"Not Found","data":{}}
    DELETE /api/users/me/: 405 {"detail":"Method Not Allowed"}
    GET /api/auth/login/: 405 {"detail":"Method Not Allowed"}
    DELETE /users/: 404 {"error_code":"4002","message":"Not found"}
    "#);
}

#[tokio::test]
async fn every_response_has_the_headers_of_transport_and_isolation() {
    let app = TestApp::new().await;
    for path in [
        "/verify-email",
        "/reset-password",
        "/docs",
        "/openapi.json",
        "/api/users/me",
        "/api/users/",
        "/api/v3/view_profile",
        "/users",
        "/nothing",
        "/nothing/",
    ] {
        let response = app.request("GET", path).send().await.expect("a response");
        for (name, value) in [
            ("strict-transport-security", "max-age=31536000"),
            ("cross-origin-opener-policy", "same-origin"),
        ] {
            assert_eq!(response.headers()[name], value, "{path}");
        }
    }
}
