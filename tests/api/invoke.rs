//! The way to a function past its routes, which only this machine's own tools may take.

use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn a_tool_invokes_a_function_and_a_web_page_does_not() {
    let Some(world) = World::embedded().await else {
        return;
    };
    let command =
        json!({"command": "create-administrator", "username": "root", "email": "root@b.co"});
    let post = |path: &str| world.request("POST", path).json(&command);
    let path = "/_local/invoke/admin";
    for request in [
        post(path).header("origin", "https://evil.example"),
        post(path).header("origin", "null"),
        post(path).header("host", "evil.example"),
        world
            .request("POST", path)
            .header("content-type", "text/plain")
            .body(command.to_string()),
        world.request("POST", path).body(command.to_string()),
    ] {
        assert_eq!(world.send(request).await.status, 403);
    }
    assert_eq!(world.send(world.request("GET", path)).await.status, 405);
    assert_eq!(world.send(post("/_local/invoke/nothing")).await.status, 404);
    assert!(world.items().await.is_empty());
    let made = world.send(post(path)).await;
    assert_eq!(made.json()["user"]["username"], "root", "{made}");
}
