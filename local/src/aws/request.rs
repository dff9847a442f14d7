//! What is asked for: the operation, and the IAM actions and resources that it takes.

use bytes::Bytes;
use http::request::Parts;

use super::{caller::Caller, dynamodb, s3, secrets, service::Service, ses};
use crate::Template;

/// An IAM action and the ARN it is taken on.
pub(super) type Need = (String, String);

/// One request, read.
pub(super) struct Call {
    pub(super) service: Service,
    /// As `TransactWriteItems`.
    pub(super) operation: String,
    /// Everything that must be granted.
    pub(super) needs: Vec<Need>,
    pub(super) head: Parts,
    pub(super) body: Bytes,
}

impl Call {
    pub(super) fn read(caller: &Caller, head: Parts, body: Bytes, template: &Template) -> Call {
        let service = caller.service;
        let (operation, needs) = match service {
            Service::DynamoDb => dynamodb::read(&target(&head), &body),
            Service::SecretsManager => secrets::read(&target(&head), &body, &template.secrets),
            Service::Ses => ses::read(&body),
            Service::S3 => s3::read(&head),
        };
        Call { service, operation, needs, head, body }
    }
}

/// The operation that the header `X-Amz-Target` names, behind the name of the service.
fn target(head: &Parts) -> String {
    let target = head.headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    target.rsplit('.').next().unwrap_or_default().to_owned()
}
