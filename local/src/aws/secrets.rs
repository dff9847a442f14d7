//! Secrets Manager, played by `rustack-secretsmanager` in memory. The values it starts with
//! are kept in `secrets.json`, so that what they sign and encrypt outlives a restart.

mod rotation;

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, anyhow};
use bytes::Bytes;
use http::{HeaderValue, request::Parts};
use http_body_util::{BodyExt, Full};
use rustack_secretsmanager_core::{
    config::SecretsManagerConfig, handler::RustackSecretsManagerHandler, provider::RustackSecretsManager,
};
use rustack_secretsmanager_http::{
    dispatch::dispatch_operation, response::error_to_response, router::resolve_operation,
};
use serde_json::{Value as Json, json};
use tokio::sync::mpsc::UnboundedReceiver;

use super::{
    request::{Call, Need},
    service::Service,
};
use crate::{
    live::Live,
    server::{Answer, Broken, answer},
    template::Secret,
};
pub(crate) use rotation::Rotation;
use rotation::Rotations;

/// The running service.
pub(super) struct Secrets {
    provider: Arc<RustackSecretsManager>,
    handler: RustackSecretsManagerHandler,
    secrets: Live<Vec<Secret>>,
    file: Option<PathBuf>,
    rotations: Rotations,
}

impl Secrets {
    /// Makes every secret, with the value it had before if `data` knows one.
    pub(super) fn start(secrets: &[Secret], data: Option<&Path>) -> Result<Secrets> {
        let provider = Arc::new(RustackSecretsManager::new(SecretsManagerConfig::default()));
        let own = Secrets {
            handler: RustackSecretsManagerHandler::new(provider.clone()),
            provider,
            secrets: Live::new(Arc::default()),
            file: data.map(|data| data.join("secrets.json")),
            rotations: Rotations::new(),
        };
        own.adopt(secrets)?;
        Ok(own)
    }

    /// Makes the secrets that are not there yet.
    pub(super) fn adopt(&self, secrets: &[Secret]) -> Result<()> {
        let made = self.secrets.get();
        let mut values: BTreeMap<String, String> = match &self.file {
            Some(file) if file.exists() => serde_json::from_str(&fs::read_to_string(file)?)
                .with_context(|| format!("reading {}", file.display()))?,
            _ => BTreeMap::new(),
        };
        let known = values.len();
        for secret in secrets.iter().filter(|secret| find(&made, &secret.name).is_none()) {
            let value = match values.get(&secret.name).or(secret.value.as_ref()) {
                Some(value) => value.clone(),
                None => generate(&self.provider, &secret.generate)?,
            };
            values.insert(secret.name.clone(), value.clone());
            let create = json!({ "Name": secret.name, "SecretString": value });
            self.provider.handle_create_secret(serde_json::from_value(create)?).map_err(failed)?;
        }
        if let Some(file) = self.file.as_ref().filter(|_| values.len() > known) {
            keep(file, &values).with_context(|| format!("writing {}", file.display()))?;
        }
        // One that the template names no more is still there, and not made again when it comes back.
        let gone = made.iter().filter(|one| find(secrets, &one.name).is_none());
        self.secrets.set(Arc::new(secrets.iter().chain(gone).cloned().collect()));
        Ok(())
    }

    /// The rotations that are asked for from here on, for the one who carries them out.
    pub(super) fn rotations(&self) -> Option<UnboundedReceiver<Rotation>> {
        self.rotations.to_do()
    }

    pub(super) async fn serve(&self, call: Call) -> Result<Answer, Broken> {
        let request: Json = serde_json::from_slice(&call.body).unwrap_or_default();
        let secrets = self.secrets.get();
        let Some(secret) = request["SecretId"].as_str().and_then(|id| find(&secrets, id)) else {
            return self.ask(call.head, call.body).await;
        };
        // The provider gives each secret an ARN of its own, so that ours is replaced by the name.
        let mut named = request.clone();
        named["SecretId"] = json!(secret.name);
        if call.operation == "RotateSecret" {
            return self.rotate(secret, &named, call.head).await;
        }
        let told = self.ask(call.head, named.to_string().into()).await?;
        match call.operation.as_str() {
            "PutSecretValue" if told.status().is_success() => {
                self.rotations.filled(secret, request["ClientRequestToken"].as_str());
                Ok(told)
            }
            "CancelRotateSecret" => {
                self.rotations.cancel(secret);
                Ok(told)
            }
            "DescribeSecret" => self.described(secret, told).await,
            _ => Ok(told),
        }
    }

    /// Begins a rotation, which the provider would only pretend.
    async fn rotate(&self, secret: &Secret, request: &Json, mut head: Parts) -> Result<Answer, Broken> {
        head.headers.insert("x-amz-target", HeaderValue::from_static("secretsmanager.DescribeSecret"));
        let about = json!({ "SecretId": secret.name }).to_string();
        let told = self.ask(head, about.into()).await?;
        let told = self.described(secret, told).await?.into_body().collect().await.map_err(|_| Broken)?;
        let told = serde_json::from_slice(&told.to_bytes()).unwrap_or_default();
        Ok(match self.rotations.ask(secret, request, &told) {
            Ok(version) => {
                let body = json!({ "ARN": secret.arn, "Name": secret.name, "VersionId": version });
                answer(200, "application/x-amz-json-1.1", body.to_string())
            }
            Err(why) => Service::SecretsManager.error(400, "InvalidRequestException", why),
        })
    }

    async fn described(&self, secret: &Secret, told: Answer) -> Result<Answer, Broken> {
        let status = told.status().as_u16();
        let body = told.into_body().collect().await.map_err(|_| Broken)?.to_bytes();
        let mut body: Json = serde_json::from_slice(&body).map_err(|_| Broken)?;
        self.rotations.describe(secret, &mut body);
        Ok(answer(status, "application/x-amz-json-1.1", body.to_string()))
    }

    async fn ask(&self, head: Parts, body: Bytes) -> Result<Answer, Broken> {
        let outcome = match resolve_operation(&head.headers) {
            Ok(operation) => dispatch_operation(&self.handler, operation, body).await,
            Err(error) => Err(error),
        };
        let answer = outcome.unwrap_or_else(|error| error_to_response(&error, "local"));
        let (head, body) = answer.into_parts();
        let body = body.collect().await.map_err(|_| Broken)?.to_bytes();
        Ok(http::Response::from_parts(head, Full::new(body)))
    }
}

/// The value that CloudFormation's `GenerateSecretString` gives: a password, or a JSON object
/// with a password in it.
fn generate(provider: &RustackSecretsManager, how: &Json) -> Result<String> {
    let mut password = how.as_object().cloned().unwrap_or_default();
    let template = password.remove("SecretStringTemplate");
    let key = password.remove("GenerateStringKey");
    let answer = provider
        .handle_get_random_password(&serde_json::from_value(Json::Object(password))?)
        .map_err(failed)?;
    let password = answer.random_password.context("no password was generated")?;
    match (template.as_ref().and_then(Json::as_str), key.as_ref().and_then(Json::as_str)) {
        (Some(template), Some(key)) => {
            let mut object: Json = serde_json::from_str(template).context("SecretStringTemplate")?;
            object[key] = json!(password);
            Ok(object.to_string())
        }
        _ => Ok(password),
    }
}

/// Writes the file for its owner's eyes only.
fn keep(file: &Path, values: &BTreeMap<String, String>) -> Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file)?;
    Ok(file.write_all(serde_json::to_string_pretty(values)?.as_bytes())?)
}

/// The operation and what it takes.
pub(super) fn read(operation: &str, body: &[u8], secrets: &[Secret]) -> (String, Vec<Need>) {
    let body: Json = serde_json::from_slice(body).unwrap_or_default();
    let resource = match (body["SecretId"].as_str(), operation) {
        (Some(id), _) => find(secrets, id).map_or(id, |secret| secret.arn.as_str()).to_owned(),
        (None, _) => "*".to_owned(),
    };
    (operation.to_owned(), vec![Need::new(format!("secretsmanager:{operation}"), resource)])
}

fn find<'a>(secrets: &'a [Secret], id: &str) -> Option<&'a Secret> {
    secrets.iter().find(|secret| secret.name == id || secret.arn == id)
}

fn failed(error: impl std::fmt::Debug) -> anyhow::Error {
    anyhow!("Secrets Manager: {error:?}")
}
