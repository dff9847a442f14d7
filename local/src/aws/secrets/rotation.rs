//! Rotations, which the provider knows by name only: a version that is pending and has no value
//! yet, and who is to be called for it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde_json::{Value as Json, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::template::Secret;

/// A rotation that has been asked for.
#[derive(Debug)]
pub(crate) struct Rotation {
    /// The binary of the function that carries it out.
    pub(crate) function: String,
    /// The secret's ARN.
    pub(crate) secret: String,
    /// The id of the version to come.
    pub(crate) version: String,
}

/// The rotations of all secrets.
pub(super) struct Rotations {
    /// The version that is pending without a value, by the secret's name.
    empty: Mutex<BTreeMap<String, String>>,
    /// The names of the secrets whose rotation was cancelled.
    cancelled: Mutex<BTreeSet<String>>,
    asked: UnboundedSender<Rotation>,
    to_do: Mutex<Option<UnboundedReceiver<Rotation>>>,
}

impl Rotations {
    pub(super) fn new() -> Rotations {
        let (asked, to_do) = unbounded_channel();
        Rotations {
            empty: Mutex::default(),
            cancelled: Mutex::default(),
            asked,
            to_do: Mutex::new(Some(to_do)),
        }
    }

    /// What is asked for from here on, for the one who carries it out.
    pub(super) fn to_do(&self) -> Option<UnboundedReceiver<Rotation>> {
        self.to_do
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// Begins a rotation of `secret`, which `told` describes: the version to come. One that has
    /// not ended is asked for again, and the error says so, as AWS's does.
    pub(super) fn ask(
        &self,
        secret: &Secret,
        request: &Json,
        told: &Json,
    ) -> Result<String, &'static str> {
        let Some(function) = secret.rotator.clone() else {
            return Err("No Lambda rotation function ARN is associated with this secret.");
        };
        self.cancelled().remove(&secret.name);
        let ask = |version: String| {
            let _ = self.asked.send(Rotation {
                function,
                secret: secret.arn.clone(),
                version,
            });
        };
        if let Some(version) = half_way(told) {
            ask(version.to_owned());
            return Err("A previous rotation isn't complete. That rotation will be reattempted.");
        }
        let version = request["ClientRequestToken"].as_str().map(str::to_owned);
        let version = version.unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
        self.empty().insert(secret.name.clone(), version.clone());
        ask(version.clone());
        Ok(version)
    }

    /// The description of `secret` with what only we know of it.
    pub(super) fn describe(&self, secret: &Secret, told: &mut Json) {
        told["RotationEnabled"] =
            json!(secret.rotator.is_some() && !self.cancelled().contains(&secret.name));
        let Some(version) = self.empty().get(&secret.name).cloned() else {
            return;
        };
        let versions = told["VersionIdsToStages"].as_object_mut();
        for stages in versions
            .into_iter()
            .flat_map(|versions| versions.values_mut())
        {
            stages
                .as_array_mut()
                .into_iter()
                .for_each(|stages| stages.retain(|stage| stage != "AWSPENDING"));
        }
        told["VersionIdsToStages"][version] = json!(["AWSPENDING"]);
    }

    /// The version has a value now.
    pub(super) fn filled(&self, secret: &Secret, version: Option<&str>) {
        let mut empty = self.empty();
        if empty.get(&secret.name).map(String::as_str) == version {
            empty.remove(&secret.name);
        }
    }

    /// Ends the rotations of `secret`, also the one that is under way.
    pub(super) fn cancel(&self, secret: &Secret) {
        self.empty().remove(&secret.name);
        self.cancelled().insert(secret.name.clone());
    }

    fn cancelled(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.cancelled
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn empty(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.empty.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The version that is pending, and not current yet.
fn half_way(told: &Json) -> Option<&str> {
    let has = |stages: &Json, stage: &str| {
        stages
            .as_array()
            .is_some_and(|stages| stages.contains(&json!(stage)))
    };
    let mut versions = told["VersionIdsToStages"].as_object()?.iter();
    let pending =
        versions.find(|(_, stages)| has(stages, "AWSPENDING") && !has(stages, "AWSCURRENT"));
    pending.map(|(version, _)| version.as_str())
}
