//! Rotation of a secret: its versions' stages, and their transitions
//! (<https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html>).

use std::fmt::Write;

use aws_sdk_secretsmanager::Client;

use super::{check_length, parse_response, service_error};
use crate::aws::{Connections, FromConfig};
use crate::domain::{Error, InternalError, InvalidField, Result, random};

/// The keys that the function rotates.
pub struct SecretRotation {
    client: Client,
    ids: [String; 2],
}

/// One secret in its rotation.
pub struct RotatedSecret<'a> {
    client: &'a Client,
    id: &'a str,
}

/// The stage of a version in a rotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// The version will become the current one.
    Pending {
        /// The id of the current version.
        current: String,
    },
    /// The version is the current one.
    Current,
}

impl FromConfig for SecretRotation {
    async fn open(connections: &Connections) -> Result<Self, InternalError> {
        Ok(Self {
            client: connections.clients.secrets_manager(),
            ids: [
                connections.config.required("TOKEN_KEY")?,
                connections.config.required("CODE_KEY")?,
            ],
        })
    }
}

impl SecretRotation {
    /// The secret with this id.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the function rotates no such secret.
    pub fn secret(&self, id: &str) -> Result<RotatedSecret<'_>> {
        let id = self
            .ids
            .iter()
            .find(|known| *known == id)
            .ok_or_else(|| invalid("SecretId", "is not a secret that this function rotates"))?;
        Ok(RotatedSecret {
            client: &self.client,
            id,
        })
    }
}

fn invalid(field: &str, reason: &str) -> Error {
    Error::Invalid(InvalidField::new(field, reason))
}

impl RotatedSecret<'_> {
    /// The stage of the version `version`.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the secret's rotation is not enabled, or the version is neither current
    /// nor pending.
    pub async fn stage(&self, version: &str) -> Result<Stage> {
        let description = self
            .client
            .describe_secret()
            .secret_id(self.id)
            .send()
            .await;
        let description = description.map_err(|error| service_error("DescribeSecret", error))?;
        if description.rotation_enabled != Some(true) {
            return Err(invalid(
                "SecretId",
                "is a secret whose rotation is not enabled",
            ));
        }
        let versions = description.version_ids_to_stages.unwrap_or_default();
        let has = |stages: &[String], stage: &str| stages.iter().any(|label| label == stage);
        let stages = versions
            .get(version)
            .ok_or_else(|| invalid("ClientRequestToken", "is no version"))?;
        if has(stages, "AWSCURRENT") {
            return Ok(Stage::Current);
        }
        if !has(stages, "AWSPENDING") {
            return Err(invalid(
                "ClientRequestToken",
                "is a version that is not pending",
            ));
        }
        let current = versions
            .iter()
            .find(|(_, stages)| has(stages, "AWSCURRENT"));
        let (current, _) =
            current.ok_or_else(|| InternalError::new("a secret has no current version"))?;
        Ok(Stage::Pending {
            current: current.clone(),
        })
    }

    /// Sets the version's value to 256 random bits, unless it has one. Idempotent.
    ///
    /// # Errors
    /// Only an internal error.
    pub async fn create(&self, version: &str) -> Result<(), InternalError> {
        if self.value(version).await?.is_some() {
            return Ok(());
        }
        let mut value = String::new();
        for byte in random::bytes::<32>()? {
            let _ = write!(value, "{byte:02x}"); // writing to a `String` cannot fail
        }
        let put = self
            .client
            .put_secret_value()
            .secret_id(self.id)
            .client_request_token(version);
        let put = put
            .secret_string(value)
            .version_stages("AWSPENDING")
            .send()
            .await;
        put.map_err(|error| service_error("PutSecretValue", error))?;
        Ok(())
    }

    /// Checks that the version can be read and has the minimum length.
    ///
    /// # Errors
    /// An internal error if not.
    pub async fn test(&self, version: &str) -> Result<(), InternalError> {
        let value = self.value(version).await?;
        check_length(&value.ok_or_else(|| InternalError::new("a pending version has no value"))?)
    }

    /// Makes `version` the current one instead of `current`, which becomes the previous one.
    ///
    /// # Errors
    /// Only an internal error.
    pub async fn finish(&self, version: &str, current: &str) -> Result<(), InternalError> {
        let update = self.client.update_secret_version_stage().secret_id(self.id);
        let update = update
            .version_stage("AWSCURRENT")
            .remove_from_version_id(current);
        let update = update.move_to_version_id(version).send().await;
        update.map_err(|error| service_error("UpdateSecretVersionStage", error))?;
        Ok(())
    }

    async fn value(&self, version: &str) -> Result<Option<super::Secret>, InternalError> {
        let get = self
            .client
            .get_secret_value()
            .secret_id(self.id)
            .version_id(version);
        parse_response(get.version_stage("AWSPENDING").send().await)
    }
}
