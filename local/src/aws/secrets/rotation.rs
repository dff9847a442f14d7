//! State of secret rotations. The provider itself does not rotate.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde_json::{Value as Json, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::template::Secret;

/// Request to execute a rotation.
#[derive(Debug)]
pub(crate) struct RotationRequest {
    /// Name of the rotation function.
    pub(crate) function: String,
    /// ARN of the secret.
    pub(crate) secret_arn: String,
    /// Id of the new version.
    pub(crate) version_id: String,
}

/// Rotations of all secrets.
pub(super) struct Rotations {
    /// Id of the pending version without a value, by secret name.
    pending: Mutex<BTreeMap<String, String>>,
    /// Names of the secrets whose rotation was cancelled.
    cancelled: Mutex<BTreeSet<String>>,
    sender: UnboundedSender<RotationRequest>,
    receiver: Mutex<Option<UnboundedReceiver<RotationRequest>>>,
}

impl Rotations {
    pub(super) fn new() -> Rotations {
        let (sender, receiver) = unbounded_channel();
        Rotations {
            pending: Mutex::default(),
            cancelled: Mutex::default(),
            sender,
            receiver: Mutex::new(Some(receiver)),
        }
    }

    /// Receiver of the requests; `None` after the first call.
    pub(super) fn requests(&self) -> Option<UnboundedReceiver<RotationRequest>> {
        self.receiver
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// Requests a rotation. `description` is the secret's `DescribeSecret` response.
    ///
    /// Returns the id of the new version. If the previous rotation is incomplete, requests that one
    /// again and returns an error, as AWS does.
    pub(super) fn rotate(
        &self,
        secret: &Secret,
        request: &Json,
        description: &Json,
    ) -> Result<String, &'static str> {
        let Some(function) = secret.rotation_function.clone() else {
            return Err("No Lambda rotation function ARN is associated with this secret.");
        };
        self.cancelled().remove(&secret.name);
        let send = |version_id: String| {
            let _ = self.sender.send(RotationRequest {
                function,
                secret_arn: secret.arn.clone(),
                version_id,
            });
        };
        if let Some(version) = incomplete_version(description) {
            send(version.to_owned());
            return Err("A previous rotation isn't complete. That rotation will be reattempted.");
        }
        let version = request["ClientRequestToken"].as_str().map(str::to_owned);
        let version = version.unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
        self.pending().insert(secret.name.clone(), version.clone());
        send(version.clone());
        Ok(version)
    }

    /// Adds to a `DescribeSecret` response what the provider does not know.
    pub(super) fn complete_description(&self, secret: &Secret, description: &mut Json) {
        let is_enabled =
            secret.rotation_function.is_some() && !self.cancelled().contains(&secret.name);
        description["RotationEnabled"] = json!(is_enabled);
        let Some(version) = self.pending().get(&secret.name).cloned() else {
            return;
        };
        let versions = description["VersionIdsToStages"].as_object_mut();
        for stages in versions
            .into_iter()
            .flat_map(|versions| versions.values_mut())
            .filter_map(Json::as_array_mut)
        {
            stages.retain(|stage| stage != "AWSPENDING");
        }
        description["VersionIdsToStages"][version] = json!(["AWSPENDING"]);
    }

    /// Marks a version as no longer pending: it has a value.
    pub(super) fn value_put(&self, secret: &Secret, version: Option<&str>) {
        let mut pending = self.pending();
        if pending.get(&secret.name).map(String::as_str) == version {
            pending.remove(&secret.name);
        }
    }

    /// Cancels the rotations of a secret, including an incomplete one.
    pub(super) fn cancel(&self, secret: &Secret) {
        self.pending().remove(&secret.name);
        self.cancelled().insert(secret.name.clone());
    }

    fn cancelled(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.cancelled
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn pending(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The version that is pending and not current.
fn incomplete_version(description: &Json) -> Option<&str> {
    let has = |stages: &Json, stage: &str| {
        stages
            .as_array()
            .is_some_and(|stages| stages.contains(&json!(stage)))
    };
    let mut versions = description["VersionIdsToStages"].as_object()?.iter();
    let pending =
        versions.find(|(_, stages)| has(stages, "AWSPENDING") && !has(stages, "AWSCURRENT"));
    pending.map(|(version, _)| version.as_str())
}
