//! Execution of secret rotations: four invocations of the rotation function.
//!
//! A rotation stops at the first step that fails. Secrets Manager would retry; here, the next
//! `RotateSecret` call does.

use std::sync::{Arc, Weak};

use serde_json::json;
use tokio::{sync::mpsc::UnboundedReceiver, task::AbortHandle};

use crate::{aws::RotationRequest, lambda::Lambda};

const STEPS: [&str; 4] = ["createSecret", "setSecret", "testSecret", "finishSecret"];

/// The task that executes rotations. Dropping it aborts the task.
pub(crate) struct SecretRotation(AbortHandle);

impl SecretRotation {
    /// Executes the requests one after another.
    pub(crate) fn start(
        mut requests: UnboundedReceiver<RotationRequest>,
        lambda: &Arc<Lambda>,
    ) -> SecretRotation {
        let lambda = Arc::downgrade(lambda);
        let execute_all = async move {
            while let Some(request) = requests.recv().await {
                execute(&request, &lambda).await;
            }
        };
        SecretRotation(tokio::spawn(execute_all).abort_handle())
    }
}

impl Drop for SecretRotation {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn execute(request: &RotationRequest, lambda: &Weak<Lambda>) {
    for step in STEPS {
        let event = json!({
            "Step": step,
            "SecretId": request.secret_arn,
            "ClientRequestToken": request.version_id,
        });
        let Some(lambda) = lambda.upgrade() else {
            return;
        };
        let event = event.to_string().into();
        if lambda.invoke(&request.function, event).await.is_err() {
            return; // `Lambda` has logged the failure
        }
    }
}
