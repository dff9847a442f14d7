//! SES version 1, played by `rustack-ses`: every address is verified, and no mail leaves.

use std::sync::{Arc, Mutex, PoisonError};

use http_body_util::{BodyExt, Full};
use rustack_ses_core::{
    config::SesConfig, handler::RustackSesHandler, provider::RustackSes, retrospection::SentEmail,
};
use rustack_ses_http::{
    dispatch::dispatch_operation, response::error_to_response, router::resolve_operation,
};

use super::request::{Call, Need};
use crate::{
    Mail,
    server::{Answer, Broken},
    template::{ACCOUNT, REGION},
};

/// The running service, and the mails it got, oldest first.
pub(super) struct Ses {
    provider: Arc<RustackSes>,
    handler: RustackSesHandler,
    mails: Mutex<Vec<Mail>>,
}

impl Ses {
    pub(super) fn start() -> Ses {
        let provider = Arc::new(RustackSes::new(SesConfig::default()));
        Ses {
            handler: RustackSesHandler::new(provider.clone()),
            provider,
            mails: Mutex::default(),
        }
    }

    pub(super) async fn serve(&self, call: Call) -> Result<Answer, Broken> {
        let fields = fields(&call.body);
        let outcome = match resolve_operation(&fields) {
            Ok(operation) => dispatch_operation(&self.handler, operation, call.body).await,
            Err(error) => Err(error),
        };
        self.collect();
        let answer = outcome.unwrap_or_else(|error| error_to_response(&error, "local"));
        let (head, body) = answer.into_parts();
        let body = body.collect().await.map_err(|_| Broken)?.to_bytes();
        Ok(http::Response::from_parts(head, Full::new(body)))
    }

    /// Newest first.
    pub(super) fn mails(&self) -> Vec<Mail> {
        self.mails
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .rev()
            .cloned()
            .collect()
    }

    /// Takes the mails out of the provider's store, which keeps no order.
    fn collect(&self) {
        let mut mails = self.mails.lock().unwrap_or_else(PoisonError::into_inner);
        let store = self.provider.email_store();
        for sent in store.query(None, None) {
            store.remove(&sent.id);
            mails.push(mail(sent));
        }
    }
}

fn mail(sent: SentEmail) -> Mail {
    let (text, html) = sent
        .body
        .map(|body| (body.text_part, body.html_part))
        .unwrap_or_default();
    let destination = sent.destination;
    Mail {
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

/// The operation and what it takes: an action on the identity of the sender's domain, and on
/// the configuration set where one is named. Either may depend on the sender's address.
pub(super) fn read(body: &[u8]) -> (String, Vec<Need>) {
    let fields = fields(body);
    let field = |name: &str| {
        fields
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    };
    let operation = field("Action").unwrap_or_default().to_owned();
    let address = field("Source").map(address);
    let arn = |resource: String| format!("arn:aws:ses:{REGION}:{ACCOUNT}:{resource}");
    let identity = match address.and_then(|address| address.rsplit_once('@')) {
        Some((_, domain)) => arn(format!("identity/{domain}")),
        None => "*".to_owned(),
    };
    let set = field("ConfigurationSetName").map(|name| arn(format!("configuration-set/{name}")));
    let need = |resource| {
        let need = Need::new(format!("ses:{operation}"), resource);
        match address {
            Some(address) => need.about("ses:FromAddress", vec![address.to_owned()]),
            None => need,
        }
    };
    let needs = [Some(identity), set]
        .into_iter()
        .flatten()
        .map(need)
        .collect();
    (operation, needs)
}

/// The address of `Name <address>`, or of itself.
fn address(source: &str) -> &str {
    source
        .rsplit_once('<')
        .map_or(source, |(_, address)| address.trim_end_matches('>'))
}

fn fields(body: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(body).into_owned().collect()
}
