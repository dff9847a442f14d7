//! AWS requests: principal, service, operation and required permissions.

use bytes::Bytes;
use http::{header::AUTHORIZATION, request::Parts};

use super::service::Service;
use crate::template::RequestContext;

/// Access key id of the operator: a principal with every permission, for tools and tests.
pub const OPERATOR: &str = "operator";

/// Secret access key of every principal.
pub const SECRET_ACCESS_KEY: &str = "local";

/// The principal and service in a request's signature (version 4).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Principal {
    /// Access key id: a function's name, or [`OPERATOR`].
    pub(super) name: String,
    pub(super) service: Service,
}

impl Principal {
    /// Parses the credential in the `Authorization` header or a presigned URL.
    ///
    /// `None` if there is no signature, or one for a service that is not supported.
    pub(super) fn parse(head: &Parts) -> Option<Principal> {
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
            .or_else(|| presigned_credential(head.uri.query()?))?;
        // <access key id>/<date>/<region>/<service>/aws4_request
        let mut parts = credential.split('/');
        let name = parts.next()?.to_owned();
        let service = Service::from_name(parts.nth(2)?)?;
        Some(Principal { name, service })
    }
}

fn presigned_credential(query: &str) -> Option<String> {
    let mut fields = form_urlencoded::parse(query.as_bytes());
    fields
        .find(|(name, _)| name == "X-Amz-Credential")
        .map(|(_, credential)| credential.into_owned())
}

/// A permission that a request requires.
#[derive(Debug)]
pub(super) struct RequiredPermission {
    /// IAM action, e.g. `dynamodb:PutItem`.
    pub(super) action: String,
    /// ARN of the resource.
    pub(super) resource: String,
    /// Condition keys and their values.
    pub(super) context: RequestContext,
}

impl RequiredPermission {
    /// A permission without condition keys.
    pub(super) fn new(action: String, resource: String) -> RequiredPermission {
        RequiredPermission {
            action,
            resource,
            context: RequestContext::new(),
        }
    }

    /// Adds a condition key.
    pub(super) fn with_context(mut self, key: &str, values: Vec<String>) -> RequiredPermission {
        self.context.insert(key.to_owned(), values);
        self
    }
}

/// A parsed request to one of the services.
pub(super) struct AwsRequest {
    pub(super) service: Service,
    /// Operation, e.g. `TransactWriteItems`.
    pub(super) operation: String,
    /// All of them must be granted.
    pub(super) permissions: Vec<RequiredPermission>,
    pub(super) head: Parts,
    pub(super) body: Bytes,
}

/// The operation in the header `X-Amz-Target`, e.g. `DynamoDB_20120810.PutItem`.
pub(super) fn target_operation(head: &Parts) -> String {
    let target = head
        .headers
        .get("x-amz-target")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    target.rsplit('.').next().unwrap_or_default().to_owned()
}
