//! How a secret comes to be: its value, and the versions that it had.

use anyhow::{Context, Result, anyhow};
use rustack_secretsmanager_core::provider::RustackSecretsManager;
use serde_json::{Value as Json, json};

use super::kept::Version;

/// The value that CloudFormation's `GenerateSecretString` gives: a password, or a JSON object
/// with a password in it.
pub(super) fn generate(provider: &RustackSecretsManager, how: &Json) -> Result<String> {
    let mut password = how.as_object().cloned().unwrap_or_default();
    let template = password.remove("SecretStringTemplate");
    let key = password.remove("GenerateStringKey");
    let answer = provider
        .handle_get_random_password(&serde_json::from_value(Json::Object(password))?)
        .map_err(failed)?;
    let password = answer
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

/// Makes a secret that has these versions.
pub(super) fn make(
    provider: &RustackSecretsManager,
    name: &str,
    versions: &[Version],
) -> Result<()> {
    for (at, Version(id, value)) in versions.iter().enumerate() {
        let what = json!({ "Name": name, "SecretId": name, "SecretString": value, "ClientRequestToken": id });
        if at == 0 {
            provider
                .handle_create_secret(serde_json::from_value(what)?)
                .map_err(failed)?;
        } else {
            provider
                .handle_put_secret_value(serde_json::from_value(what)?)
                .map_err(failed)?;
        }
    }
    Ok(())
}

/// The version of a secret at this stage, if there is one and it is a text.
pub(super) fn version(
    provider: &RustackSecretsManager,
    name: &str,
    stage: &str,
) -> Option<Version> {
    let which = serde_json::from_value(json!({ "SecretId": name, "VersionStage": stage })).ok()?;
    let found = provider.handle_get_secret_value(&which).ok()?;
    Some(Version(found.version_id?, found.secret_string?))
}

fn failed(error: impl std::fmt::Debug) -> anyhow::Error {
    anyhow!("Secrets Manager: {error:?}")
}
