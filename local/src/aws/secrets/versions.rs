//! Versions of secrets: their generation, and their persistence in `secrets.json`.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use anyhow::{Context, Result, anyhow};
use rustack_secretsmanager_core::provider::RustackSecretsManager;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::{json_file, template::Secret};

/// Id and value of one version of a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Version(pub(super) String, pub(super) String);

/// Versions of each secret, by its name: the previous one, if any, then the current one.
type Versions = BTreeMap<String, Vec<Version>>;

/// The persisted versions. What they signed and encrypted stays valid after a restart.
pub(super) struct PersistedVersions {
    file: Option<PathBuf>,
    versions: Mutex<Versions>,
}

impl PersistedVersions {
    /// Loads the file in the directory `data`. Without one, versions are in memory only.
    pub(super) fn load(data: Option<&Path>) -> Result<PersistedVersions> {
        let file = data.map(|data| data.join("secrets.json"));
        let versions = file.as_deref().map(json_file::load).transpose()?.flatten();
        Ok(PersistedVersions {
            file,
            versions: Mutex::new(versions.unwrap_or_default()),
        })
    }

    /// The versions of a secret, if any.
    pub(super) fn get(&self, secret: &str) -> Option<Vec<Version>> {
        self.versions().get(secret).cloned()
    }

    /// Replaces the versions of a secret by those that `read` returns, if any.
    ///
    /// `read` runs under the lock, so the last call persists the newest versions.
    pub(super) fn replace(
        &self,
        secret: &str,
        read: impl FnOnce() -> Option<Vec<Version>>,
    ) -> Result<()> {
        let mut versions = self.versions();
        if let Some(new) = read() {
            versions.insert(secret.to_owned(), new);
        }
        match &self.file {
            Some(file) => json_file::save(file, &*versions),
            None => Ok(()),
        }
    }

    fn versions(&self) -> MutexGuard<'_, Versions> {
        self.versions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first version of a secret: the template's value or a generated one.
pub(super) fn first_version(provider: &RustackSecretsManager, secret: &Secret) -> Result<Version> {
    let value = match &secret.value {
        Some(value) => value.clone(),
        None => generate(provider, &secret.generate)?,
    };
    Ok(Version(uuid::Uuid::new_v4().to_string(), value))
}

/// Generates a value as `GenerateSecretString` specifies: a password, or a JSON object with one.
fn generate(provider: &RustackSecretsManager, specification: &Json) -> Result<String> {
    let mut password = specification.as_object().cloned().unwrap_or_default();
    let template = password.remove("SecretStringTemplate");
    let key = password.remove("GenerateStringKey");
    let response = provider
        .handle_get_random_password(&serde_json::from_value(Json::Object(password))?)
        .map_err(provider_error)?;
    let password = response
        .random_password
        .context("no password was generated")?;
    match (
        template.as_ref().and_then(Json::as_str),
        key.as_ref().and_then(Json::as_str),
    ) {
        (Some(template), Some(key)) => {
            let mut object: Json =
                serde_json::from_str(template).context("SecretStringTemplate")?;
            object[key] = json!(password);
            Ok(object.to_string())
        }
        _ => Ok(password),
    }
}

/// Creates a secret with these versions, oldest first.
pub(super) fn create(
    provider: &RustackSecretsManager,
    name: &str,
    versions: &[Version],
) -> Result<()> {
    for (index, Version(id, value)) in versions.iter().enumerate() {
        let request = json!({
            "Name": name,
            "SecretId": name,
            "SecretString": value,
            "ClientRequestToken": id,
        });
        if index == 0 {
            provider
                .handle_create_secret(serde_json::from_value(request)?)
                .map_err(provider_error)?;
        } else {
            provider
                .handle_put_secret_value(serde_json::from_value(request)?)
                .map_err(provider_error)?;
        }
    }
    Ok(())
}

/// The previous version, if any, and the current one. `None` if the current one is not text.
pub(super) fn newest(provider: &RustackSecretsManager, name: &str) -> Option<Vec<Version>> {
    let version = |stage: &str| {
        let request = json!({ "SecretId": name, "VersionStage": stage });
        let request = serde_json::from_value(request).ok()?;
        let response = provider.handle_get_secret_value(&request).ok()?;
        Some(Version(response.version_id?, response.secret_string?))
    };
    let current = version("AWSCURRENT")?;
    Some(
        version("AWSPREVIOUS")
            .into_iter()
            .chain([current])
            .collect(),
    )
}

fn provider_error(error: impl std::fmt::Debug) -> anyhow::Error {
    anyhow!("Secrets Manager: {error:?}")
}
