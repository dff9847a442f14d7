//! Secrets Manager's side of a rotation: calls the function for one step after another, and
//! stops where one fails. AWS would try again; here, whoever asks for the rotation again does.

use std::sync::{Arc, Weak};

use serde_json::json;
use tokio::{sync::mpsc::UnboundedReceiver, task::AbortHandle};

use crate::{aws::Rotation, lambda::Lambda};

const STEPS: [&str; 4] = ["createSecret", "setSecret", "testSecret", "finishSecret"];

/// What carries rotations out. Dropping it ends it.
pub(crate) struct Rotations(AbortHandle);

impl Rotations {
    pub(crate) fn start(mut to_do: UnboundedReceiver<Rotation>, lambda: &Arc<Lambda>) -> Rotations {
        let lambda = Arc::downgrade(lambda);
        let carry_out = async move {
            while let Some(rotation) = to_do.recv().await {
                carry_out(&rotation, &lambda).await;
            }
        };
        Rotations(tokio::spawn(carry_out).abort_handle())
    }
}

impl Drop for Rotations {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn carry_out(
    Rotation {
        function,
        secret,
        version,
    }: &Rotation,
    lambda: &Weak<Lambda>,
) {
    for step in STEPS {
        let event = json!({ "Step": step, "SecretId": secret, "ClientRequestToken": version });
        let Some(lambda) = lambda.upgrade() else {
            return;
        };
        if lambda
            .invoke(function, event.to_string().into())
            .await
            .is_err()
        {
            return; // the log has why
        }
    }
}
