//! `cargo xtask smoke URL`: a request for each route of a deployed stack.
//!
//! The requests carry no token and no body, and change no data. Each route is requested with and
//! without a trailing slash, and no redirect is followed. A response passes if it comes from the
//! route's own function. An unknown route has the status 404 or 405. A rejection by API Gateway or
//! Lambda has the status 403, 429 or 5xx. A path with a trailing slash gets the response of its route,
//! or a redirect to it if it has no trailing-slash route.

use std::fs;

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_yaml_ng::Value;

use crate::http::{self, Response};
use crate::workspace::Workspace;

/// The statuses that the functions return for a request without token and body.
const ACCEPTED: [&str; 5] = ["200", "400", "401", "413", "422"];

/// The status of a redirect that keeps the method and the body.
const REDIRECT: &str = "308";

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
    check(workspace, &arguments.url, SlashRoutes::Work).await
}

/// Whether the trailing-slash routes work.
#[derive(Clone, Copy)]
pub enum SlashRoutes {
    /// As on AWS.
    Work,
    /// As in an emulator that has its own idea of a trailing slash.
    AreIgnored,
}

/// Requests all routes of the template from the stack at `url`.
pub async fn check(workspace: &Workspace, url: &str, slash_routes: SlashRoutes) -> Result<()> {
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
    let mut redirects = 0;
    for Route {
        method,
        path,
        slash,
    } in &routes
    {
        let bare = request(method, path, &[]).await?;
        if !ACCEPTED.contains(&bare.status.as_str()) {
            fail(&format!("{method} {path}"), &bare);
        }
        let response = request(method, &format!("{path}/"), &[]).await?;
        let is_redirect = response.status == REDIRECT;
        redirects += usize::from(is_redirect);
        let is_right = match (slash_routes, *slash) {
            (SlashRoutes::Work, true) => response == bare,
            (SlashRoutes::Work, false) => is_redirect,
            (SlashRoutes::AreIgnored, _) => is_redirect || response == bare,
        };
        if !is_right {
            fail(&format!("{method} {path}/"), &response);
        }
    }
    for file in FILES {
        let path = format!("/docs/{file}");
        let response = request("GET", &path, &["--compressed"]).await?;
        if response.status != "200" {
            fail(&format!("GET {path}"), &response);
        }
    }
    let unknown = request("GET", "/no/such/path", &[]).await?;
    if (unknown.status.as_str(), unknown.body.as_str()) != ("404", r#"{"detail":"Not Found"}"#) {
        fail("GET /no/such/path", &unknown);
    }

    println!(
        "{} routes requested, with and without a trailing slash, which {redirects} redirect; \
         {failures} responses were wrong",
        routes.len()
    );
    ensure!(failures == 0, "{url} returned {failures} wrong responses");
    Ok(())
}

/// A route of the template.
#[derive(Debug, PartialEq)]
struct Route {
    method: String,
    path: String,
    /// Whether it has a trailing-slash route.
    slash: bool,
}

/// The routes of the template's events, in its order, but those for any method and those with
/// parameters.
fn routes(template: &str) -> Result<Vec<Route>> {
    let template: Value = serde_yaml_ng::from_str(template)?;
    let resources = template.get("Resources").and_then(Value::as_mapping);
    let resources = resources.context("the template has no resources")?.values();
    let events = resources.filter_map(|resource| resource.get("Properties")?.get("Events"));
    let events = events
        .filter_map(Value::as_mapping)
        .flat_map(|events| events.values());
    let keys = events.filter_map(|event| {
        let properties = event.get("Properties")?;
        let text = |name| Some(properties.get(name)?.as_str()?.to_owned());
        Some((text("Method")?, text("Path")?))
    });
    let keys: Vec<_> = keys.collect();
    let bare = keys.iter();
    let bare = bare.filter(|(method, path)| method != "ANY" && !path.contains('{'));
    let routes = bare.map(|(method, path)| Route {
        method: method.clone(),
        path: path.clone(),
        slash: keys.contains(&(method.clone(), format!("{path}/{{slash+}}"))),
    });
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
        Slash: { Type: HttpApi, Properties: { ApiId: !Ref Api, Method: POST, Path: '/api/login/{slash+}' } }
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
        let route = |method: &str, path: &str, slash| Route {
            method: method.to_owned(),
            path: path.to_owned(),
            slash,
        };
        let wanted = [
            route("POST", "/api/login", true),
            route("GET", "/page", false),
        ];
        assert_eq!(routes(TEMPLATE).unwrap(), wanted);
    }

    #[test]
    fn a_template_without_routes_is_an_error() {
        assert!(routes("Resources: { Table: { Type: 'AWS::DynamoDB::Table' } }").is_err());
        assert!(routes("Outputs: {}").is_err());
    }
}
