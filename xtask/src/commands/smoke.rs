//! `cargo xtask smoke URL`: a request for each route of a deployed stack.
//!
//! The requests carry no token and no body, and change no data. Each route is requested with and
//! without a trailing slash. A response passes if it comes from the route's own function. An
//! unknown route has the status 404 or 405. A rejection by API Gateway or Lambda has the status
//! 403, 429 or 5xx.

use std::fs;

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_yaml_ng::Value;

use crate::http::{self, Response};
use crate::workspace::Workspace;

/// The statuses that the functions return for a request without token and body.
const ACCEPTED: [&str; 5] = ["200", "400", "401", "413", "422"];

/// The files of the API documentation, which are binary for API Gateway.
const FILES: [&str; 3] = [
    "swagger-ui.css",
    "swagger-ui-bundle.js",
    "redoc.standalone.js",
];

/// Request each route of a deployed stack, with and without a trailing slash
///
/// The requests carry no token and no body, and change no data.
#[derive(Args)]
pub struct Arguments {
    /// The stack's output `Url`
    url: String,
}

/// Requests all routes of the template.
pub async fn run(workspace: &Workspace, arguments: Arguments) -> Result<()> {
    check(workspace, &arguments.url).await
}

/// Requests all routes of the template from the stack at `url`.
pub async fn check(workspace: &Workspace, url: &str) -> Result<()> {
    let url = url.trim_end_matches('/');
    let request = async |method: &str, path: &str, more: &[&str]| {
        let mut arguments = vec!["--show-error", "--max-time", "20", "--request", method];
        arguments.extend(more);
        http::request(workspace, &format!("{url}{path}"), &arguments).await
    };
    let mut failures = 0;
    let mut fail = |route: &str, response: &Response| {
        let body: String = response.body.chars().take(200).collect();
        println!("FAILED {route}: {} {body}", response.status);
        failures += 1;
    };

    let routes = routes(&fs::read_to_string(workspace.path("template.yaml"))?)?;
    for (method, path) in &routes {
        let bare = request(method, path, &["--location"]).await?;
        if !ACCEPTED.contains(&bare.status.as_str()) {
            fail(&format!("{method} {path}"), &bare);
        }
        let slash = request(method, &format!("{path}/"), &["--location"]).await?;
        if bare != slash {
            fail(&format!("{method} {path}/"), &slash);
        }
    }
    for file in FILES {
        let path = format!("/docs/{file}");
        let response = request("GET", &path, &["--compressed"]).await?;
        if response.status != "200" {
            fail(&format!("GET {path}"), &response);
        }
    }
    let unknown = request("GET", "/no/such/path", &["--location"]).await?;
    if (unknown.status.as_str(), unknown.body.as_str()) != ("404", r#"{"detail":"Not Found"}"#) {
        fail("GET /no/such/path", &unknown);
    }

    println!(
        "{} routes requested, with and without a trailing slash; {failures} responses were wrong",
        routes.len()
    );
    ensure!(failures == 0, "{url} returned {failures} wrong responses");
    Ok(())
}

/// The methods and paths of the template's events, in its order.
///
/// A trailing-slash route, and a route for any method, have no request of their own: the requests
/// for the bare path reach them.
fn routes(template: &str) -> Result<Vec<(String, String)>> {
    let template: Value = serde_yaml_ng::from_str(template)?;
    let resources = template.get("Resources").and_then(Value::as_mapping);
    let resources = resources.context("the template has no resources")?.values();
    let events = resources.filter_map(|resource| resource.get("Properties")?.get("Events"));
    let events = events
        .filter_map(Value::as_mapping)
        .flat_map(|events| events.values());
    let routes = events.filter_map(|event| {
        let properties = event.get("Properties")?;
        let text = |name| Some(properties.get(name)?.as_str()?.to_owned());
        Some((text("Method")?, text("Path")?))
    });
    let routes = routes.filter(|(method, path)| method != "ANY" && !path.contains('{'));
    let routes: Vec<_> = routes.collect();
    ensure!(!routes.is_empty(), "the template has no routes");
    Ok(routes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    Properties: { TableName: !Sub '${AWS::StackName}' }
  Login:
    Type: AWS::Serverless::Function
    Properties:
      Role: !GetAtt LoginRole.Arn
      Events:
        Route: { Type: HttpApi, Properties: { ApiId: !Ref Api, Method: POST, Path: /api/login } }
        Slash: { Type: HttpApi, Properties: { Method: POST, Path: '/api/login/{slash+}' } }
  Fallback:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        Other: { Type: HttpApi, Properties: { Method: ANY, Path: /api/login } }
        Stream: { Type: DynamoDB, Properties: { Stream: !GetAtt Table.StreamArn } }
        Page:
          Type: HttpApi
          Properties:
            Path: /page
            Method: GET
";

    #[test]
    fn routes_are_all_but_those_for_any_method_and_trailing_slashes() {
        let pair = |method: &str, path: &str| (method.to_owned(), path.to_owned());
        let wanted = [pair("POST", "/api/login"), pair("GET", "/page")];
        assert_eq!(routes(TEMPLATE).unwrap(), wanted);
    }

    #[test]
    fn a_template_without_routes_is_an_error() {
        assert!(routes("Resources: { Table: { Type: 'AWS::DynamoDB::Table' } }").is_err());
        assert!(routes("Outputs: {}").is_err());
    }
}
