//! Paths below `/_local/`: only under names of this machine, and functions only for its tools.

use serde_json::json;

use crate::support::TestApp;

#[tokio::test]
async fn a_tool_invokes_a_function_and_a_web_page_cannot() {
    let app = TestApp::new().await;
    let command =
        json!({"command": "create-administrator", "username": "root", "email": "root@b.co"});
    let post = |path: &str| app.request("POST", path).json(&command);
    let path = "/_local/invoke/admin";
    for request in [
        post(path).header("origin", "https://evil.example"),
        post(path).header("origin", "null"),
        post(path).header("host", "evil.example"),
        app.request("POST", path)
            .header("content-type", "text/plain")
            .body(command.to_string()),
        app.request("POST", path).body(command.to_string()),
    ] {
        assert_eq!(app.send(request).await.status, 403);
    }
    assert_eq!(app.send(app.request("GET", path)).await.status, 405);
    assert_eq!(app.send(post("/_local/invoke/nothing")).await.status, 404);
    assert!(app.items().await.is_empty());
    let created = app.send(post(path)).await;
    assert_eq!(created.json()["user"]["username"], "root", "{created}");
}

#[tokio::test]
async fn local_paths_answer_only_under_names_of_this_machine() {
    let app = TestApp::new().await;
    for path in ["/_local/", "/_local/mail", "/_local/nothing"] {
        for host in [
            "evil.example",
            "evil.example:8000",
            "localhost.evil.example",
            "10.0.0.1",
        ] {
            let request = app.request("GET", path).header("host", host);
            assert_eq!(app.send(request).await.status, 403, "{path} {host}");
        }
    }
    for host in [
        "localhost",
        "localhost:1",
        "127.0.0.1:8000",
        "[::1]",
        "[::1]:8000",
    ] {
        let request = app.request("GET", "/_local/mail").header("host", host);
        assert_eq!(app.send(request).await.status, 200, "{host}");
    }
    let api = app
        .request("GET", "/openapi.json")
        .header("host", "accounts.example.com");
    assert_eq!(
        app.send(api).await.status,
        200,
        "the API has other names, too"
    );
}
