//! Secrets Manager, played by `rustack-secretsmanager` in memory. What it needs to go on after a
//! restart is kept in `secrets.json`.

mod kept;
mod make;
mod rotation;

use std::{path::Path, sync::Arc};

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{HeaderValue, request::Parts};
use http_body_util::{BodyExt, Full};
use rustack_secretsmanager_core::{
    config::SecretsManagerConfig, handler::RustackSecretsManagerHandler,
    provider::RustackSecretsManager,
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
pub(super) use kept::Versions;
use kept::{Kept, Version};
use make::{generate, make, version};
pub(crate) use rotation::Rotation;
use rotation::Rotations;

/// The operations after which another version may be the current one.
const CHANGES: [&str; 3] = ["PutSecretValue", "UpdateSecret", "UpdateSecretVersionStage"];

/// The running service.
pub(super) struct Secrets {
    provider: Arc<RustackSecretsManager>,
    handler: RustackSecretsManagerHandler,
    secrets: Live<Vec<Secret>>,
    kept: Kept,
    rotations: Rotations,
}

impl Secrets {
    /// Makes every secret, with the versions it had before if `data` knows some.
    pub(super) fn start(secrets: &[Secret], data: Option<&Path>) -> Result<Secrets> {
        let provider = Arc::new(RustackSecretsManager::new(SecretsManagerConfig::default()));
        let own = Secrets {
            handler: RustackSecretsManagerHandler::new(provider.clone()),
            provider,
            secrets: Live::new(Arc::default()),
            kept: Kept::open(data)?,
            rotations: Rotations::new(),
        };
        own.adopt(secrets, own.prepare(secrets)?)?;
        Ok(own)
    }

    /// The versions of the secrets that are not there yet. Makes none.
    ///
    /// Fails where one cannot be made.
    pub(super) fn prepare(&self, secrets: &[Secret]) -> Result<Versions> {
        let trial = RustackSecretsManager::new(SecretsManagerConfig::default());
        let made = self.secrets.get();
        let kept = self.kept.versions();
        let mut new = Versions::new();
        for secret in secrets
            .iter()
            .filter(|secret| find(&made, &secret.name).is_none())
        {
            let making = || format!("making the secret {}", secret.name);
            let versions = match (kept.get(&secret.name), &secret.value) {
                (Some(versions), _) => versions.clone(),
                (None, Some(value)) => vec![Version::of(value.clone())],
                (None, None) => vec![Version::of(
                    generate(&trial, &secret.generate).with_context(making)?,
                )],
            };
            make(&trial, &secret.name, &versions).with_context(making)?;
            new.insert(secret.name.clone(), versions);
        }
        Ok(new)
    }

    /// Makes the secrets that are new, and goes by these from now on.
    pub(super) fn adopt(&self, secrets: &[Secret], new: Versions) -> Result<()> {
        self.kept.change(|| new.clone())?;
        for (name, versions) in &new {
            make(&self.provider, name, versions)?;
        }
        let made = self.secrets.get();
        // One that the template names no more is still there, and not made again when it comes back.
        let gone = made.iter().filter(|one| find(secrets, &one.name).is_none());
        self.secrets
            .set(Arc::new(secrets.iter().chain(gone).cloned().collect()));
        Ok(())
    }

    /// The rotations that are asked for from here on, for the one who carries them out.
    pub(super) fn rotations(&self) -> Option<UnboundedReceiver<Rotation>> {
        self.rotations.to_do()
    }

    pub(super) async fn serve(&self, call: Call) -> Result<Answer, Broken> {
        let request: Json = serde_json::from_slice(&call.body).unwrap_or_default();
        let secrets = self.secrets.get();
        let Some(secret) = request["SecretId"]
            .as_str()
            .and_then(|id| find(&secrets, id))
        else {
            return self.ask(call.head, call.body).await;
        };
        // The provider gives each secret an ARN of its own, so that ours is replaced by the name.
        let mut named = request.clone();
        named["SecretId"] = json!(secret.name);
        if call.operation == "RotateSecret" {
            return self.rotate(secret, &named, call.head).await;
        }
        let told = self.ask(call.head, named.to_string().into()).await?;
        if CHANGES.contains(&call.operation.as_str())
            && told.status().is_success()
            && let Err(error) = self.keep(&secret.name)
        {
            let why = format!("{error:#}");
            return Ok(Service::SecretsManager.error(500, "InternalServiceError", &why));
        }
        match call.operation.as_str() {
            "PutSecretValue" if told.status().is_success() => {
                self.rotations
                    .filled(secret, request["ClientRequestToken"].as_str());
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

    /// Keeps what are now the current version of a secret, if it is a text, and the one before.
    fn keep(&self, name: &str) -> Result<()> {
        self.kept.change(|| {
            let Some(current) = version(&self.provider, name, "AWSCURRENT") else {
                return Versions::new();
            };
            let former = version(&self.provider, name, "AWSPREVIOUS");
            [(
                name.to_owned(),
                former.into_iter().chain([current]).collect(),
            )]
            .into()
        })
    }

    /// Begins a rotation, which the provider would only pretend.
    async fn rotate(
        &self,
        secret: &Secret,
        request: &Json,
        mut head: Parts,
    ) -> Result<Answer, Broken> {
        head.headers.insert(
            "x-amz-target",
            HeaderValue::from_static("secretsmanager.DescribeSecret"),
        );
        let about = json!({ "SecretId": secret.name }).to_string();
        let told = self.ask(head, about.into()).await?;
        let told = self
            .described(secret, told)
            .await?
            .into_body()
            .collect()
            .await
            .map_err(|_| Broken)?;
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
        let body = told
            .into_body()
            .collect()
            .await
            .map_err(|_| Broken)?
            .to_bytes();
        let mut body: Json = serde_json::from_slice(&body).map_err(|_| Broken)?;
        self.rotations.describe(secret, &mut body);
        Ok(answer(
            status,
            "application/x-amz-json-1.1",
            body.to_string(),
        ))
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

/// The operation and what it takes.
pub(super) fn read(operation: &str, body: &[u8], secrets: &[Secret]) -> (String, Vec<Need>) {
    let body: Json = serde_json::from_slice(body).unwrap_or_default();
    let resource = match (body["SecretId"].as_str(), operation) {
        (Some(id), _) => find(secrets, id)
            .map_or(id, |secret| secret.arn.as_str())
            .to_owned(),
        (None, _) => "*".to_owned(),
    };
    (
        operation.to_owned(),
        vec![Need::new(format!("secretsmanager:{operation}"), resource)],
    )
}

fn find<'a>(secrets: &'a [Secret], id: &str) -> Option<&'a Secret> {
    secrets
        .iter()
        .find(|secret| secret.name == id || secret.arn == id)
}

#[cfg(test)]
mod tests;
