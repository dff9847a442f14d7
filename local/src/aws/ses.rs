//! SES version 1, emulated by `rustack-ses`. Every sender is verified; no e-mail is sent.

use std::sync::{Arc, Mutex, PoisonError};

use http_body_util::{BodyExt, Full};
use rustack_ses_core::{
    config::SesConfig, handler::RustackSesHandler, provider::RustackSes, retrospection::SentEmail,
};
use rustack_ses_http::{
    dispatch::dispatch_operation, response::error_to_response, router::resolve_operation,
};
use serde::Serialize;

use super::request::{AwsRequest, RequiredPermission};
use crate::{
    server::{ConnectionClosed, HttpResponse},
    template::{ACCOUNT, REGION},
};

/// An e-mail that a function sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CapturedEmail {
    /// Addresses of all recipients.
    pub to: Vec<String>,
    /// Subject; empty for a raw e-mail.
    pub subject: String,
    /// Plain text body, or a whole raw e-mail.
    pub text: String,
    /// HTML body; empty if there is none.
    pub html: String,
    /// Time of the call, in the format of RFC 3339.
    pub at: String,
}

/// The running service and its captured e-mails, oldest first.
pub(super) struct Ses {
    provider: Arc<RustackSes>,
    handler: RustackSesHandler,
    emails: Mutex<Vec<CapturedEmail>>,
}

impl Ses {
    pub(super) fn new() -> Ses {
        let provider = Arc::new(RustackSes::new(SesConfig::default()));
        Ses {
            handler: RustackSesHandler::new(provider.clone()),
            provider,
            emails: Mutex::default(),
        }
    }

    pub(super) async fn serve(
        &self,
        request: AwsRequest,
    ) -> Result<HttpResponse, ConnectionClosed> {
        let outcome = match resolve_operation(&form_fields(&request.body)) {
            Ok(operation) => dispatch_operation(&self.handler, operation, request.body).await,
            Err(error) => Err(error),
        };
        self.capture();
        let response = outcome.unwrap_or_else(|error| error_to_response(&error, "local"));
        let (head, body) = response.into_parts();
        let body = body
            .collect()
            .await
            .map_err(|_| ConnectionClosed)?
            .to_bytes();
        Ok(http::Response::from_parts(head, Full::new(body)))
    }

    /// Captured e-mails, newest first.
    pub(super) fn emails(&self) -> Vec<CapturedEmail> {
        self.emails
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .rev()
            .cloned()
            .collect()
    }

    /// Moves e-mails out of the provider's store, which has no order.
    fn capture(&self) {
        let mut emails = self.emails.lock().unwrap_or_else(PoisonError::into_inner);
        let store = self.provider.email_store();
        for sent in store.query(None, None) {
            store.remove(&sent.id);
            emails.push(captured(sent));
        }
    }
}

fn captured(sent: SentEmail) -> CapturedEmail {
    let (text, html) = sent
        .body
        .map(|body| (body.text_part, body.html_part))
        .unwrap_or_default();
    let destination = sent.destination;
    CapturedEmail {
        to: [
            destination.to_addresses,
            destination.cc_addresses,
            destination.bcc_addresses,
        ]
        .concat(),
        subject: sent.subject.unwrap_or_default(),
        text: text.or(sent.raw_data).unwrap_or_default(),
        html: html.unwrap_or_default(),
        at: sent.timestamp,
    }
}

/// The operation and its required permissions.
///
/// An action requires a permission on the identity of the sender's domain, and on the
/// configuration set if there is one. Both have the sender's address as a condition key.
pub(super) fn required_permissions(body: &[u8]) -> (String, Vec<RequiredPermission>) {
    let fields = form_fields(body);
    let field = |name: &str| {
        fields
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    };
    let operation = field("Action").unwrap_or_default().to_owned();
    let sender = field("Source").map(address);
    let arn = |resource: String| format!("arn:aws:ses:{REGION}:{ACCOUNT}:{resource}");
    let identity = match sender.and_then(|sender| sender.rsplit_once('@')) {
        Some((_, domain)) => arn(format!("identity/{domain}")),
        None => "*".to_owned(),
    };
    let configuration_set =
        field("ConfigurationSetName").map(|name| arn(format!("configuration-set/{name}")));
    let permission = |resource| {
        let permission = RequiredPermission::new(format!("ses:{operation}"), resource);
        match sender {
            Some(sender) => permission.with_context("ses:FromAddress", vec![sender.to_owned()]),
            None => permission,
        }
    };
    let permissions = [Some(identity), configuration_set]
        .into_iter()
        .flatten()
        .map(permission)
        .collect();
    (operation, permissions)
}

/// The address in `Name <address>` or `address`.
fn address(source: &str) -> &str {
    source
        .rsplit_once('<')
        .map_or(source, |(_, address)| address.trim_end_matches('>'))
}

fn form_fields(body: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(body).into_owned().collect()
}
