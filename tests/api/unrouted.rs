//! Paths and methods that no endpoint has.

use std::collections::BTreeSet;

use insta::assert_snapshot;
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn what_no_endpoint_takes_is_answered_by_the_family_that_owns_the_path() {
    let world = World::new().await;
    let mut answers = String::new();
    for (method, path) in [
        ("GET", "/api/auth/nothing"),
        ("GET", "/api/users/me/"),
        ("GET", "/"),
        ("GET", "/%2e%2e/%00"),
        ("GET", "/api/auth/login"),
        ("DELETE", "/api/users/me"),
        ("POST", "/api/users/me"),
        ("PUT", "/api/auth/register"),
    ] {
        let answer = world.send(world.request(method, path)).await;
        answers.push_str(&format!("{method} {path}: {} {}\n", answer.status, answer.text));
    }
    assert_snapshot!(answers, @r#"
    GET /api/auth/nothing: 404 {"detail":"Not Found"}
    GET /api/users/me/: 404 {"detail":"Not Found"}
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
    let paths: BTreeSet<String> = world.cloud.routes().into_iter().map(|route| route.path).collect();
    for path in paths.iter().filter(|path| path.starts_with("/api/auth") || *path == "/api/users/me") {
        let answer = world.send(world.request("PATCH", path)).await;
        assert_eq!((answer.status, &answer.json()["detail"]), (405, &json!("Method Not Allowed")), "{path}");
    }
    for path in paths.iter().filter(|path| path.starts_with("/api/v3/")) {
        let answer = world.send(world.request("PATCH", path)).await;
        assert_eq!((answer.status, &answer.json()["msg"]), (405, &json!("method not allowed")), "{path}");
    }
}
