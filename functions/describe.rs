//! Prints the endpoints' declarations, the grants' attributes and the API's description as JSON.
//!
//! `cargo xtask generate` runs it (`cargo run --example describe`).

use accounts::{ENDPOINTS, Operations};
use serde_json::{Map, Value, json};
use shared::{Endpoint, grant_attributes, openapi};
use utoipa::OpenApi;

/// The head of the description.
#[derive(OpenApi)]
#[openapi(
    info(title = "accounts", license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")),
    tags(
        (name = "profile", description = "Codes are texts, in `error_code`."),
        (name = "whale", description = "The status is 200 for every code in the body. Paths work with and without the slash at their end."),
        (name = "campus", description = "`success` tells, and `errType` of an error."),
        (name = "center", description = "The object itself, or a `detail`."),
        (name = "pages", description = "Where links in mails lead."),
    ),
)]
struct Description;

fn main() -> serde_json::Result<()> {
    let mut description = Description::openapi();
    description.merge(Operations::openapi());
    let openapi = openapi::finish(serde_json::to_value(description)?, ENDPOINTS);
    let endpoints: Vec<Value> = ENDPOINTS
        .iter()
        .map(|endpoint| declaration(endpoint, &openapi))
        .collect();
    let attributes: Map<String, Value> = grant_attributes()
        .into_iter()
        .map(|(grant, attributes)| (grant.to_owned(), json!(attributes)))
        .collect();
    let description =
        json!({ "endpoints": endpoints, "attributes": attributes, "openapi": openapi });
    println!("{description}");
    Ok(())
}

fn declaration(endpoint: &Endpoint, openapi: &Value) -> Value {
    let method = endpoint.method.to_string();
    let security = openapi.get("paths").and_then(|paths| {
        paths
            .get(endpoint.path)?
            .get(method.to_lowercase())?
            .get("security")
    });
    let variables = endpoint.grants.iter().flat_map(|grant| grant.variables());
    json!({
        "name": format!("{}-{}", endpoint.folder(), endpoint.file()).replace('_', "-"),
        "folder": endpoint.folder(),
        "method": method,
        "path": endpoint.route_path(),
        "trailing_slash_route": endpoint.has_trailing_slash_route(ENDPOINTS),
        "rejects_other_methods": endpoint.rejects_other_methods(),
        "authenticated": security.is_some(),
        "grants": endpoint.grants.iter().map(|grant| format!("{grant:?}")).collect::<Vec<_>>(),
        "variables": variables.collect::<Vec<_>>(),
        "memory": format!("{:?}", endpoint.memory),
    })
}
