//! A call, as it is told of afterwards.

use super::{caller::Caller, request::Call};
use crate::RequestContext;

/// One call of an AWS service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsCall {
    /// Whose signature it bears: the name of a function's binary, or [`OPERATOR`](super::OPERATOR).
    pub function: String,
    /// `dynamodb`, `s3`, `ses` or `secretsmanager`.
    pub service: String,
    /// The operation, as `TransactWriteItems`.
    pub operation: String,
    /// The IAM actions it takes, as `dynamodb:PutItem`: one for each of `resources`.
    pub actions: Vec<String>,
    /// The ARNs it touches.
    pub resources: Vec<String>,
    /// What conditions may ask about: one for each of `resources`.
    pub contexts: Vec<RequestContext>,
    /// Whether the template grants it.
    pub granted: bool,
    /// How many items of a table it read; none before it is answered.
    pub items_read: u64,
}

impl AwsCall {
    pub(super) fn of(caller: &Caller, call: &Call, granted: bool) -> AwsCall {
        AwsCall {
            function: caller.name.clone(),
            service: call.service.name().to_owned(),
            operation: call.operation.clone(),
            actions: call.needs.iter().map(|need| need.action.clone()).collect(),
            resources: call
                .needs
                .iter()
                .map(|need| need.resource.clone())
                .collect(),
            contexts: call.needs.iter().map(|need| need.context.clone()).collect(),
            granted,
            items_read: 0,
        }
    }
}
