//! Secrets Manager: a secret's current and previous version.

mod rotating;
mod rotation;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::operation::get_secret_value::{
    GetSecretValueError, GetSecretValueOutput,
};

use crate::Fault;
use crate::env::Env;

pub(crate) use rotating::Rotating;
pub use rotation::{Rotation, Stage};

/// The fewest bytes a secret may have: HS256 and AES-256 both want 256 bits.
const FEWEST_BYTES: usize = 32;

/// One version of a secret.
#[derive(Clone)]
pub(crate) struct Secret {
    /// The version's id; not secret.
    pub id: String,
    /// The value.
    pub value: String,
}

/// A secret: the version to use, and the one whose work is still accepted.
pub(crate) struct Versions {
    pub current: Secret,
    pub previous: Option<Secret>,
}

impl Versions {
    fn find(&self, wanted: impl Fn(&Secret) -> bool) -> Option<&Secret> {
        std::iter::once(&self.current)
            .chain(&self.previous)
            .find(|version| wanted(version))
    }
}

/// A secret that is read when it is needed, and as it is then.
pub(crate) struct Unread {
    client: Client,
    id: String,
}

impl Unread {
    /// The secret that the variable names; where it names none, reading fails.
    pub(crate) fn of(env: &Env, variable: &str) -> Result<Self, Fault> {
        Ok(Self {
            client: env.secrets_manager(),
            id: env.text(variable)?,
        })
    }

    /// The secret's current value.
    pub(crate) async fn read(&self) -> Result<String, Fault> {
        let secret = stage(&self.client, &self.id, "AWSCURRENT").await?;
        Ok(secret
            .ok_or_else(|| Fault::new("a secret has no value"))?
            .value)
    }

    /// The secret's current version and the one before.
    ///
    /// # Errors
    /// Where the current version cannot be read, or one is shorter than 32 bytes.
    async fn versions(&self) -> Result<Versions, Fault> {
        let of = |label| stage(&self.client, &self.id, label);
        let (current, previous) = tokio::try_join!(of("AWSCURRENT"), of("AWSPREVIOUS"))?;
        let current = current.ok_or_else(|| Fault::new("a secret has no value"))?;
        std::iter::once(&current)
            .chain(&previous)
            .try_for_each(long_enough)?;
        Ok(Versions { current, previous })
    }
}

fn long_enough(secret: &Secret) -> Result<(), Fault> {
    let short = || Fault::new(format!("a secret is shorter than {FEWEST_BYTES} bytes"));
    if secret.value.len() < FEWEST_BYTES {
        Err(short())
    } else {
        Ok(())
    }
}

async fn stage(client: &Client, id: &str, stage: &str) -> Result<Option<Secret>, Fault> {
    secret(
        client
            .get_secret_value()
            .secret_id(id)
            .version_stage(stage)
            .send()
            .await,
    )
}

/// What an answer holds; nothing where there is no such version, or it has no value yet.
fn secret(
    found: Result<GetSecretValueOutput, SdkError<GetSecretValueError>>,
) -> Result<Option<Secret>, Fault> {
    match found {
        Ok(found) => {
            let value = found
                .secret_string
                .ok_or_else(|| Fault::new("a secret is not a string"))?;
            Ok(Some(Secret {
                id: found.version_id.unwrap_or_default(),
                value,
            }))
        }
        Err(SdkError::ServiceError(error)) if error.err().is_resource_not_found_exception() => {
            Ok(None)
        }
        Err(error) => Err(fault("GetSecretValue", &error)),
    }
}

fn fault(operation: &str, error: &impl ProvideErrorMetadata) -> Fault {
    Fault::new(format!(
        "{operation}: {}",
        error.code().unwrap_or("no answer")
    ))
}
