//! The secret's side of a rotation: its versions by their stages, and what moves them
//! (<https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html>).

use std::fmt::Write;

use aws_sdk_secretsmanager::Client;

use super::{fault, long_enough, secret};
use crate::env::{Env, Resource};
use crate::{Error, Fault, Flaw, Result, random};

/// The token key, as the function sees it that rotates it.
pub struct Rotation {
    client: Client,
    id: String,
}

/// How far a version is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// It is to become the current one.
    Pending {
        /// The id of the version that is current until then.
        current: String,
    },
    /// It is the current one.
    Current,
}

impl Resource for Rotation {
    async fn open(env: &Env) -> Result<Self, Fault> {
        Ok(Self {
            client: env.secrets_manager(),
            id: env.text("TOKEN_KEY")?,
        })
    }
}

impl Rotation {
    /// How far the version `version` of the secret `secret` is.
    ///
    /// # Errors
    /// [`Error::Invalid`] where it is another secret, one that is not being rotated, or a
    /// version that is neither current nor pending.
    pub async fn stage(&self, secret: &str, version: &str) -> Result<Stage> {
        let flaw = |field, why| Error::Invalid(Flaw::of(field, why));
        if secret != self.id {
            return Err(flaw(
                "SecretId",
                "is not the secret that this function rotates",
            ));
        }
        let told = self
            .client
            .describe_secret()
            .secret_id(&self.id)
            .send()
            .await;
        let told = told.map_err(|error| fault("DescribeSecret", &error))?;
        if told.rotation_enabled != Some(true) {
            return Err(flaw(
                "SecretId",
                "is a secret whose rotation is not enabled",
            ));
        }
        let versions = told.version_ids_to_stages.unwrap_or_default();
        let has = |stages: &[String], stage: &str| stages.iter().any(|label| label == stage);
        let stages = versions
            .get(version)
            .ok_or_else(|| flaw("ClientRequestToken", "is no version"))?;
        if has(stages, "AWSCURRENT") {
            return Ok(Stage::Current);
        }
        if !has(stages, "AWSPENDING") {
            return Err(flaw(
                "ClientRequestToken",
                "is a version that is not pending",
            ));
        }
        let current = versions
            .iter()
            .find(|(_, stages)| has(stages, "AWSCURRENT"));
        let (current, _) = current.ok_or_else(|| Fault::new("a secret has no current version"))?;
        Ok(Stage::Pending {
            current: current.clone(),
        })
    }

    /// Gives the version a new value, 256 random bits, unless it has one already.
    ///
    /// # Errors
    /// Only a fault of ours.
    pub async fn create(&self, version: &str) -> Result<(), Fault> {
        if self.value(version).await?.is_some() {
            return Ok(());
        }
        let mut value = String::new();
        for byte in random::bytes::<32>()? {
            let _ = write!(value, "{byte:02x}"); // a text takes whatever is written
        }
        let put = self
            .client
            .put_secret_value()
            .secret_id(&self.id)
            .client_request_token(version);
        let put = put
            .secret_string(value)
            .version_stages("AWSPENDING")
            .send()
            .await;
        put.map_err(|error| fault("PutSecretValue", &error))?;
        Ok(())
    }

    /// Whether the version can be read, and is long enough to be used.
    ///
    /// # Errors
    /// A fault where not.
    pub async fn test(&self, version: &str) -> Result<(), Fault> {
        let value = self.value(version).await?;
        long_enough(&value.ok_or_else(|| Fault::new("a pending version has no value"))?)
    }

    /// Makes the version the current one in the place of `current`, which Secrets Manager then
    /// calls the previous one.
    ///
    /// # Errors
    /// Only a fault of ours.
    pub async fn finish(&self, version: &str, current: &str) -> Result<(), Fault> {
        let update = self
            .client
            .update_secret_version_stage()
            .secret_id(&self.id);
        let update = update
            .version_stage("AWSCURRENT")
            .remove_from_version_id(current);
        let update = update.move_to_version_id(version).send().await;
        update.map_err(|error| fault("UpdateSecretVersionStage", &error))?;
        Ok(())
    }

    async fn value(&self, version: &str) -> Result<Option<super::Secret>, Fault> {
        let get = self
            .client
            .get_secret_value()
            .secret_id(&self.id)
            .version_id(version);
        secret(get.version_stage("AWSPENDING").send().await)
    }
}
