//! What is asked for: the operation, and the IAM actions and resources that it takes.

use bytes::Bytes;
use http::request::Parts;

use super::{caller::Caller, item, s3, secrets, service::Service, ses};
use crate::{RequestContext, Template};

/// Something that must be granted.
#[derive(Debug)]
pub(super) struct Need {
    /// The IAM action.
    pub(super) action: String,
    /// The ARN it is taken on.
    pub(super) resource: String,
    /// What conditions may ask about it.
    pub(super) context: RequestContext,
}

impl Need {
    /// A need that no condition can ask about.
    pub(super) fn new(action: String, resource: String) -> Need {
        Need {
            action,
            resource,
            context: RequestContext::new(),
        }
    }

    /// With the values of a condition key.
    pub(super) fn about(mut self, key: &str, values: Vec<String>) -> Need {
        self.context.insert(key.to_owned(), values);
        self
    }
}

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
            Service::DynamoDb => item::read(&target(&head), &body, &template.tables),
            Service::SecretsManager => secrets::read(&target(&head), &body, &template.secrets),
            Service::Ses => ses::read(&body),
            Service::S3 => s3::read(&head),
        };
        Call {
            service,
            operation,
            needs,
            head,
            body,
        }
    }
}

/// The operation that the header `X-Amz-Target` names, behind the name of the service.
fn target(head: &Parts) -> String {
    let target = head
        .headers
        .get("x-amz-target")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    target.rsplit('.').next().unwrap_or_default().to_owned()
}
