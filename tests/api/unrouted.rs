//! Paths and methods that no endpoint has.

use std::collections::BTreeSet;

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::world::{World, registration};

impl World {
    /// What `$default` answers to a path and a query string, as the gateway hands them on.
    async fn unrouted(&self, path: &str, query: &str) -> Value {
        let mut event = event_at(path);
        event["rawQueryString"] = query.into();
        self.invoke("unrouted", &event).await
    }
}

/// An event of `$default`, at this path.
fn event_at(path: &str) -> Value {
    let event = include_str!("../../events/unrouted.json").replace("/api/auth/nothing", "");
    let mut event: Value = serde_json::from_str(&event).expect("an event");
    event["rawPath"] = path.into();
    event["requestContext"]["http"]["path"] = path.into();
    event
}

#[tokio::test]
async fn what_no_endpoint_takes_is_answered_by_the_family_that_owns_the_path() {
    let world = World::new().await;
    let mut answers = String::new();
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
        let answer = world.send(world.request(method, path)).await;
        answers.push_str(&format!(
            "{method} {path}: {} {}\n",
            answer.status, answer.text
        ));
    }
    assert_snapshot!(answers, @r#"
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
async fn every_path_answers_other_methods_in_its_familys_words() {
    let world = World::new().await;
    let paths: BTreeSet<String> = world.routes().into_iter().map(|route| route.path).collect();
    for path in paths
        .iter()
        .filter(|path| path.starts_with("/api/auth") || *path == "/api/users/me")
    {
        let answer = world.send(world.request("PATCH", path)).await;
        assert_eq!(
            (answer.status, &answer.json()["detail"]),
            (405, &json!("Method Not Allowed")),
            "{path}"
        );
    }
    for path in paths.iter().filter(|path| path.starts_with("/api/v3/")) {
        let answer = world.send(world.request("PATCH", path)).await;
        assert_eq!(
            (answer.status, &answer.json()["msg"]),
            (405, &json!("method not allowed")),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_slash_too_many_is_told_where_to_go_on_this_host_and_with_its_query() {
    let world = World::new().await;
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
        let answer = world.unrouted(path, query).await;
        let told = (
            &answer["statusCode"],
            &answer["headers"]["location"],
            &answer["body"],
        );
        assert_eq!(
            told,
            (&json!(308), &json!(location), &json!("")),
            "{path}: {answer}"
        );
        assert_eq!(answer["headers"]["set-cookie"], Value::Null);
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
        let answer = world.unrouted(path, "").await;
        assert_eq!(
            (&answer["statusCode"], &answer["headers"]["location"]),
            (&json!(404), &Value::Null),
            "{path}"
        );
    }
    let logs = world.logs().await;
    assert!(
        logs.iter()
            .all(|line| !line.contains("evil") && !line.contains("fields=id")),
        "{logs:#?}"
    );
}

#[tokio::test]
async fn a_client_that_follows_keeps_its_method_and_its_body() {
    let world = World::new().await;
    let path = "/api/auth/register/";
    let registered = world
        .send(world.request("POST", path).json(&registration("testuser")))
        .await;
    assert_eq!(
        (registered.status, &registered.json()["username"]),
        (200, &json!("testuser")),
        "{registered}"
    );
    let token =
        world.login("testuser", crate::world::PASSWORD).await.json()["access_token"].clone();
    let user = world
        .request("GET", "/users/")
        .bearer_auth(token.as_str().expect("a token"));
    assert_eq!(world.send(user).await.json()["data"]["name"], "testuser");
}

#[tokio::test]
async fn a_path_that_a_wider_twin_takes_is_told_where_its_own_route_is() {
    let world = World::new().await;
    let routes = world.routes();
    let mut found = 0;
    for twin in &routes {
        let Some(wide) = twin.path.strip_suffix("{slash+}") else {
            continue;
        };
        let within = |route: &&local::Route| {
            route.method == twin.method && !route.path.ends_with("{slash+}")
        };
        for route in routes.iter().filter(within) {
            let Some(rest) = route.path.strip_prefix(wide) else {
                continue;
            };
            let key = format!("{} {}", twin.method, twin.path);
            let mut event = event_at(&format!("{}/", route.path));
            event["routeKey"] = key.as_str().into();
            event["requestContext"]["routeKey"] = key.as_str().into();
            event["requestContext"]["http"]["method"] = twin.method.as_str().into();
            event["pathParameters"] = json!({ "slash": format!("{rest}/") });
            let answer = world.invoke(&twin.function, &event).await;
            let told = (&answer["statusCode"], &answer["headers"]["location"]);
            assert_eq!(told, (&json!(308), &json!(route.path)), "{key}: {answer}");
            found += 1;
        }
    }
    assert_ne!(found, 0);
}

#[tokio::test]
async fn another_method_is_told_the_methods_that_there_are() {
    let world = World::new().await;
    let routes = world.routes();
    for any in routes
        .iter()
        .filter(|route| route.function == "unrouted" && route.path != "$default")
    {
        let methods = routes
            .iter()
            .filter(|route| route.path == any.path && route.method != "ANY");
        let methods: BTreeSet<&str> = methods.map(|route| route.method.as_str()).collect();
        let answer = world
            .request("PATCH", &any.path)
            .send()
            .await
            .expect("an answer");
        let allowed = answer
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
