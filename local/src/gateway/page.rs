//! `/_local/`: what a person wants to see of a cloud on the own machine.

use http::Method;

use crate::{
    aws::Aws,
    server::{Answer, answer},
};

/// The mails as JSON, the page that shows them, or 404.
pub(super) fn show(method: &Method, path: &str, aws: &Aws) -> Answer {
    match (method, path) {
        (&Method::GET, "/_local/mail") => {
            let mails = serde_json::to_string(&aws.mails()).unwrap_or_default();
            answer(200, "application/json", mails)
        }
        (&Method::GET, "/_local/") => {
            answer(200, "text/html; charset=utf-8", include_str!("page.html"))
        }
        _ => answer(404, "application/json", r#"{"message":"Not Found"}"#),
    }
}
