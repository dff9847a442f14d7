//! HTTP responses, and the filters of their snapshots.

use std::fmt;

use insta::internals::SettingsBindDropGuard;
use serde_json::Value;

/// An HTTP response, displayed as snapshots show it.
#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    pub content_type: Option<String>,
    pub www_authenticate: Option<String>,
    pub retry_after: Option<String>,
    pub text: String,
}

impl Response {
    /// Reads the response to its end.
    pub async fn read(response: reqwest::Response) -> Self {
        let header = |name| {
            response
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned)
        };
        Self {
            status: response.status().as_u16(),
            content_type: header("content-type"),
            www_authenticate: header("www-authenticate"),
            retry_after: header("retry-after"),
            text: response.text().await.expect("a body"),
        }
    }

    /// The body, which is JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self}"))
    }
}

impl fmt::Display for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        for (name, value) in [
            ("", &self.content_type),
            ("www-authenticate: ", &self.www_authenticate),
        ] {
            value
                .iter()
                .try_for_each(|value| write!(f, " {name}{value}"))?;
        }
        match serde_json::from_str::<Value>(&self.text) {
            Ok(json) => write!(f, "\n{json:#}"),
            Err(_) => write!(f, "\n{}", self.text),
        }
    }
}

/// Replaces what differs from run to run by its name, in all snapshots of the scope.
pub fn filters() -> SettingsBindDropGuard {
    let mut settings = insta::Settings::clone_current();
    for (pattern, name) in [
        (
            r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
            "[uuid]",
        ),
        (
            r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z",
            "[time in UTC]",
        ),
        (r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\b", "[time]"),
        (r"\b\d{15,16}\b", "[id]"),
        (r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\b", "[date and time]"),
        (r"20\d\d-\d\d-\d\d\b", "[date]"),
        (r"\b[\w-]{86}\b", "[refresh token]"),
        (r#""id": "[\w-]{22}""#, r#""id": "[session id]""#),
        (r"eyJ[\w-]+\.[\w-]+\.[\w-]+", "[token]"),
    ] {
        settings.add_filter(pattern, name);
    }
    settings.bind_to_scope()
}
