//! Who asks: read from the signature (version 4) of a request, in its header or its query.

use http::{header::AUTHORIZATION, request::Parts};

use super::service::Service;

/// The name and the service in a signature's credential.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Caller {
    /// The access key id: a function's name, or the operator's.
    pub(super) name: String,
    pub(super) service: Service,
}

impl Caller {
    /// Nothing where there is no signature, or one for a service that is not here.
    pub(super) fn of(head: &Parts) -> Option<Caller> {
        let header = head
            .headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let credential = header
            .and_then(|header| {
                header
                    .strip_prefix("AWS4-HMAC-SHA256")?
                    .split_once("Credential=")
            })
            .map(|(_, rest)| rest.split(',').next().unwrap_or(rest).trim().to_owned())
            .or_else(|| presigned(head.uri.query()?))?;
        // <access key id>/<date>/<region>/<service>/aws4_request
        let mut parts = credential.split('/');
        let name = parts.next()?.to_owned();
        let service = Service::named(parts.nth(2)?)?;
        Some(Caller { name, service })
    }
}

fn presigned(query: &str) -> Option<String> {
    let mut fields = form_urlencoded::parse(query.as_bytes());
    fields
        .find(|(name, _)| name == "X-Amz-Credential")
        .map(|(_, credential)| credential.into_owned())
}
