//! Log of AWS calls, for tests.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::request::AwsRequest;
use crate::{ring_buffer::RingBuffer, template::RequestContext};

/// One call of an AWS service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsCall {
    /// Name of the function that signed it, or [`OPERATOR`](crate::OPERATOR).
    pub function: String,
    /// `dynamodb`, `s3`, `ses` or `secretsmanager`.
    pub service: String,
    /// Operation, e.g. `TransactWriteItems`.
    pub operation: String,
    /// Required IAM actions, e.g. `dynamodb:PutItem`. The three lists have the same length.
    pub actions: Vec<String>,
    /// ARN of each action's resource.
    pub resources: Vec<String>,
    /// Condition keys of each action.
    pub contexts: Vec<RequestContext>,
    /// Whether the template grants all required actions.
    pub granted: bool,
    /// Number of items read from a table; 0 until the response.
    pub items_read: u64,
}

/// The newest calls, in the order of their arrival.
#[derive(Debug, Default)]
pub(super) struct CallLog(Mutex<RingBuffer<AwsCall>>);

impl CallLog {
    /// Appends a call before it is executed. Returns its number in the log.
    pub(super) fn push(&self, principal: &str, request: &AwsRequest, granted: bool) -> usize {
        let permissions = || request.permissions.iter();
        self.calls().push(AwsCall {
            function: principal.to_owned(),
            service: request.service.name().to_owned(),
            operation: request.operation.clone(),
            actions: permissions().map(|one| one.action.clone()).collect(),
            resources: permissions().map(|one| one.resource.clone()).collect(),
            contexts: permissions().map(|one| one.context.clone()).collect(),
            granted,
            items_read: 0,
        })
    }

    pub(super) fn set_items_read(&self, number: usize, items: u64) {
        if let Some(call) = self.calls().get_mut(number) {
            call.items_read = items;
        }
    }

    pub(super) fn to_vec(&self) -> Vec<AwsCall> {
        self.calls().to_vec()
    }

    pub(super) fn clear(&self) {
        self.calls().clear();
    }

    fn calls(&self) -> MutexGuard<'_, RingBuffer<AwsCall>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
