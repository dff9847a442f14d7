//! Requests from other client IP addresses than the test's own.

use std::collections::BTreeMap;

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::{Response, TestApp};

impl TestApp {
    /// Sends `request` from the client IP address `ip`, such as `203.0.113.9` or `2001:db8::1`. It
    /// reaches the function directly, as the gateway would pass it on.
    pub async fn send_from(&self, ip: &str, request: RequestBuilder) -> Response {
        let request = request.build().expect("a request");
        let (method, path) = (request.method().as_str(), request.url().path());
        let route_path = path.trim_end_matches('/');
        let routes = self.routes();
        let mut routes = routes.iter();
        let route = routes.find(|route| route.method == method && route.path == route_path);
        let route_key = format!("{method} {route_path}");
        let body = request.body().and_then(|body| body.as_bytes());
        let headers = request.headers().iter();
        let headers: BTreeMap<&str, &str> = headers
            .map(|(name, value)| (name.as_str(), value.to_str().expect("a text")))
            .collect();
        let event = json!({
            "version": "2.0", "routeKey": route_key, "rawPath": path, "rawQueryString": "",
            "headers": headers, "body": String::from_utf8_lossy(body.unwrap_or_default()),
            "isBase64Encoded": false,
            "requestContext": {
                "accountId": "000000000000", "apiId": "api", "domainName": "api.example.com",
                "domainPrefix": "api", "requestId": "JKJaXmPLvHcESHA=", "routeKey": route_key,
                "stage": "$default", "time": "29/Dec/2024:10:00:00 +0000",
                "timeEpoch": 1_735_466_400_000_u64,
                "http": {
                    "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": ip,
                    "userAgent": "test",
                },
            },
        });
        let response = self.invoke(&route.expect("a route").function, &event).await;
        let header = |name: &str| response["headers"][name].as_str().map(str::to_owned);
        Response {
            status: response["statusCode"].as_u64().expect("a status") as u16,
            content_type: header("content-type"),
            www_authenticate: header("www-authenticate"),
            retry_after: header("retry-after"),
            text: response["body"].as_str().unwrap_or_default().to_owned(),
        }
    }

    /// Sends a JSON body from the client IP address `ip`.
    pub async fn send_json_from(
        &self,
        ip: &str,
        method: &str,
        path: &str,
        body: &Value,
    ) -> Response {
        self.send_from(ip, self.request(method, path).json(body))
            .await
    }

    /// Logs in from the client IP address `ip`.
    pub async fn login_from(&self, ip: &str, username: &str, password: &str) -> Response {
        self.send_from(ip, self.login_request(username, password))
            .await
    }
}
