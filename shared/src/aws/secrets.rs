//! Secrets of Secrets Manager, in their current and previous versions.

mod cached;
mod rotation;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::operation::get_secret_value::{
    GetSecretValueError, GetSecretValueOutput,
};

use crate::aws::Connections;
use crate::domain::InternalError;

pub(crate) use cached::{CachedSecret, CodeKey, TokenKey};
pub use rotation::{RotatedSecret, SecretRotation, Stage};

/// The minimum length of a secret: HS256 and AES-256 need 256 bits.
const MIN_BYTES: usize = 32;

/// One version of a secret.
#[derive(Clone)]
pub(crate) struct Secret {
    /// The version id. It is not confidential.
    pub id: String,
    /// The value.
    pub value: String,
}

/// A secret's current version, and the previous one, which is still accepted.
pub(crate) struct Versions {
    pub current: Secret,
    /// `None` also if it was not read.
    pub previous: Option<Secret>,
}

impl Versions {
    fn find(&self, matches: impl Fn(&Secret) -> bool) -> Option<&Secret> {
        std::iter::once(&self.current)
            .chain(&self.previous)
            .find(|version| matches(version))
    }
}

/// A reference to a secret. Each read fetches the current value.
pub(crate) struct SecretRef {
    client: Client,
    id: String,
}

impl SecretRef {
    /// The secret with the id in the environment variable `variable`.
    ///
    /// # Errors
    /// If the variable is not set.
    pub(crate) fn from_variable(
        connections: &Connections,
        variable: &str,
    ) -> Result<Self, InternalError> {
        Ok(Self {
            client: connections.clients.secrets_manager(),
            id: connections.config.required(variable)?,
        })
    }

    /// The secret's current value.
    ///
    /// # Errors
    /// Also if the variable is empty, since the stack does not have the secret.
    pub(crate) async fn read(&self) -> Result<String, InternalError> {
        if self.id.is_empty() {
            return Err(InternalError::new("the stack does not have the secret"));
        }
        let secret = stage(&self.client, &self.id, "AWSCURRENT").await?;
        Ok(secret
            .ok_or_else(|| InternalError::new("a secret has no value"))?
            .value)
    }

    /// Reads the current version, and the previous one if `with_previous`.
    ///
    /// # Errors
    /// If the current version cannot be read, or either is shorter than 32 bytes.
    async fn versions(&self, with_previous: bool) -> Result<Versions, InternalError> {
        // One after the other, since two reads at once need two connections.
        let current = stage(&self.client, &self.id, "AWSCURRENT").await?;
        let current = current.ok_or_else(|| InternalError::new("a secret has no value"))?;
        let previous = if with_previous {
            stage(&self.client, &self.id, "AWSPREVIOUS").await?
        } else {
            None
        };
        std::iter::once(&current)
            .chain(&previous)
            .try_for_each(check_length)?;
        Ok(Versions { current, previous })
    }
}

fn check_length(secret: &Secret) -> Result<(), InternalError> {
    let too_short = || InternalError::new(format!("a secret is shorter than {MIN_BYTES} bytes"));
    if secret.value.len() < MIN_BYTES {
        Err(too_short())
    } else {
        Ok(())
    }
}

async fn stage(client: &Client, id: &str, stage: &str) -> Result<Option<Secret>, InternalError> {
    let get = client.get_secret_value().secret_id(id).version_stage(stage);
    parse_response(Box::pin(get.send()).await)
}

/// Parses a response. `None` if the version does not exist or has no value yet.
fn parse_response(
    response: Result<GetSecretValueOutput, SdkError<GetSecretValueError>>,
) -> Result<Option<Secret>, InternalError> {
    match response {
        Ok(output) => {
            let value = output
                .secret_string
                .ok_or_else(|| InternalError::new("a secret is not a string"))?;
            Ok(Some(Secret {
                id: output.version_id.unwrap_or_default(),
                value,
            }))
        }
        Err(SdkError::ServiceError(error)) if error.err().is_resource_not_found_exception() => {
            Ok(None)
        }
        Err(error) => Err(service_error("GetSecretValue", error)),
    }
}

fn service_error<E>(operation: &str, error: E) -> InternalError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let code = error.code().unwrap_or("no answer");
    InternalError::new(format!("{operation}: {code}")).with_source(error)
}
