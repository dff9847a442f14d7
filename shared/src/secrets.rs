//! Secrets Manager: a secret's current and previous version, read once per instance.

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::SdkError;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;

use crate::Fault;
use crate::env::Env;

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

/// Reads both versions of the secret that the variable names.
///
/// # Errors
/// Where the current version cannot be read or is shorter than 32 bytes.
pub(crate) async fn versions(env: &Env, variable: &str) -> Result<Versions, Fault> {
    let (client, id) = (env.secrets_manager(), env.text(variable)?);
    let (current, previous) =
        tokio::try_join!(stage(&client, &id, "AWSCURRENT"), stage(&client, &id, "AWSPREVIOUS"))?;
    let current = current.ok_or_else(|| Fault::new(format!("the secret {variable} has no value")))?;
    let all = std::iter::once(&current).chain(&previous);
    if all.into_iter().any(|secret| secret.value.len() < FEWEST_BYTES) {
        return Err(Fault::new(format!("the secret {variable} is shorter than {FEWEST_BYTES} bytes")));
    }
    Ok(Versions { current, previous })
}

/// A secret that is read when it is needed, and as it is then.
pub(crate) struct Unread {
    client: Client,
    id: String,
}

impl Unread {
    /// The secret that the variable names; where it names none, reading fails.
    pub(crate) fn of(env: &Env, variable: &str) -> Result<Self, Fault> {
        Ok(Self { client: env.secrets_manager(), id: env.text(variable)? })
    }

    /// The secret's current value.
    pub(crate) async fn read(&self) -> Result<String, Fault> {
        let secret = stage(&self.client, &self.id, "AWSCURRENT").await?;
        Ok(secret.ok_or_else(|| Fault::new("a secret has no value"))?.value)
    }
}

async fn stage(client: &Client, id: &str, stage: &str) -> Result<Option<Secret>, Fault> {
    let found = client.get_secret_value().secret_id(id).version_stage(stage).send().await;
    match found {
        Ok(found) => {
            let value = found.secret_string.ok_or_else(|| Fault::new("a secret is not a string"))?;
            Ok(Some(Secret { id: found.version_id.unwrap_or_default(), value }))
        }
        Err(SdkError::ServiceError(error)) if absent(error.err()) => Ok(None),
        Err(error) => {
            let code = error.as_service_error().and_then(|error| error.meta().code().map(str::to_owned));
            Err(Fault::new(format!("GetSecretValue: {}", code.as_deref().unwrap_or("no answer"))))
        }
    }
}

fn absent(error: &GetSecretValueError) -> bool {
    error.is_resource_not_found_exception()
}
