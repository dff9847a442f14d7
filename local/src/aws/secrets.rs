//! Secrets Manager, emulated by `rustack-secretsmanager` in memory.
//!
//! Added here: persistence of the newest versions, and rotation.

mod rotation;
mod versions;

use std::{path::Path, sync::Arc};

use anyhow::{Context, Result};
use arc_swap::ArcSwap;
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
    request::{AwsRequest, RequiredPermission},
    service::Service,
};
use crate::{
    server::{ConnectionClosed, HttpResponse, response},
    template::Secret,
};
pub(crate) use rotation::RotationRequest;
use rotation::Rotations;
use versions::PersistedVersions;

const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

/// Operations that can make another version current.
const WRITES: [&str; 3] = ["PutSecretValue", "UpdateSecret", "UpdateSecretVersionStage"];

/// The running service.
pub(super) struct Secrets {
    provider: Arc<RustackSecretsManager>,
    handler: RustackSecretsManagerHandler,
    /// Every secret that was created.
    secrets: ArcSwap<Vec<Secret>>,
    persisted: PersistedVersions,
    rotations: Rotations,
}

impl Secrets {
    /// Creates every secret, with the versions persisted in `data`, if any.
    pub(super) fn open(secrets: &[Secret], data: Option<&Path>) -> Result<Secrets> {
        let provider = Arc::new(new_provider());
        let own = Secrets {
            handler: RustackSecretsManagerHandler::new(provider.clone()),
            provider,
            secrets: ArcSwap::default(),
            persisted: PersistedVersions::load(data)?,
            rotations: Rotations::new(),
        };
        own.apply(secrets)?;
        Ok(own)
    }

    /// Creates the secrets that do not exist yet. The other definitions replace the former ones.
    pub(super) fn apply(&self, secrets: &[Secret]) -> Result<()> {
        let existing = self.secrets.load_full();
        for secret in secrets {
            if find(&existing, &secret.name).is_none() {
                self.create(secret).with_context(|| creating(secret))?;
            }
        }
        // A secret that the template no longer contains still exists.
        let removed = existing
            .iter()
            .filter(|secret| find(secrets, &secret.name).is_none());
        let all = secrets.iter().chain(removed).cloned().collect();
        self.secrets.store(Arc::new(all));
        Ok(())
    }

    fn create(&self, secret: &Secret) -> Result<()> {
        let name = &secret.name;
        let versions = match self.persisted.get(name) {
            Some(versions) => versions,
            None => vec![versions::first_version(&self.provider, secret)?],
        };
        self.persisted.replace(name, || Some(versions.clone()))?;
        versions::create(&self.provider, name, &versions)
    }

    /// Receiver of rotation requests; `None` after the first call.
    pub(super) fn rotation_requests(&self) -> Option<UnboundedReceiver<RotationRequest>> {
        self.rotations.requests()
    }

    pub(super) async fn serve(
        &self,
        request: AwsRequest,
    ) -> Result<HttpResponse, ConnectionClosed> {
        let body: Json = serde_json::from_slice(&request.body).unwrap_or_default();
        let secrets = self.secrets.load_full();
        let id = body["SecretId"].as_str();
        let Some(secret) = id.and_then(|id| find(&secrets, id)) else {
            return self.forward(request.head, request.body).await;
        };
        // The provider assigns ARNs of its own, so the secret's name replaces our ARN.
        let mut named = body.clone();
        named["SecretId"] = json!(secret.name);
        if request.operation == "RotateSecret" {
            return self.rotate(secret, &named, request.head).await;
        }
        let response = self.forward(request.head, named.to_string().into()).await?;
        let is_success = response.status().is_success();
        if is_success
            && WRITES.contains(&request.operation.as_str())
            && let Err(error) = self.persist(&secret.name)
        {
            let message = format!("{error:#}");
            return Ok(Service::SecretsManager.error(500, "InternalServiceError", &message));
        }
        match request.operation.as_str() {
            "PutSecretValue" if is_success => {
                let version = body["ClientRequestToken"].as_str();
                self.rotations.value_put(secret, version);
                Ok(response)
            }
            "CancelRotateSecret" => {
                self.rotations.cancel(secret);
                Ok(response)
            }
            "DescribeSecret" => self.complete_description(secret, response).await,
            _ => Ok(response),
        }
    }

    /// Persists the current and previous version of a secret. Ignores binary values.
    fn persist(&self, name: &str) -> Result<()> {
        self.persisted
            .replace(name, || versions::newest(&self.provider, name))
    }

    /// Handles `RotateSecret`.
    async fn rotate(
        &self,
        secret: &Secret,
        request: &Json,
        mut head: Parts,
    ) -> Result<HttpResponse, ConnectionClosed> {
        head.headers.insert(
            "x-amz-target",
            HeaderValue::from_static("secretsmanager.DescribeSecret"),
        );
        let describe = json!({ "SecretId": secret.name }).to_string();
        let response_body = self.forward(head, describe.into()).await?;
        let description = self.complete_description(secret, response_body).await?;
        let description = collect(description).await?;
        let description = serde_json::from_slice(&description).unwrap_or_default();
        Ok(match self.rotations.rotate(secret, request, &description) {
            Ok(version) => {
                let body = json!({ "ARN": secret.arn, "Name": secret.name, "VersionId": version });
                response(200, CONTENT_TYPE, body.to_string())
            }
            Err(message) => Service::SecretsManager.error(400, "InvalidRequestException", message),
        })
    }

    async fn complete_description(
        &self,
        secret: &Secret,
        description: HttpResponse,
    ) -> Result<HttpResponse, ConnectionClosed> {
        let status = description.status().as_u16();
        let body = collect(description).await?;
        let mut body: Json = serde_json::from_slice(&body).map_err(|_| ConnectionClosed)?;
        self.rotations.complete_description(secret, &mut body);
        Ok(response(status, CONTENT_TYPE, body.to_string()))
    }

    async fn forward(&self, head: Parts, body: Bytes) -> Result<HttpResponse, ConnectionClosed> {
        let outcome = match resolve_operation(&head.headers) {
            Ok(operation) => dispatch_operation(&self.handler, operation, body).await,
            Err(error) => Err(error),
        };
        let response = outcome.unwrap_or_else(|error| error_to_response(&error, "local"));
        let (head, body) = response.into_parts();
        let body = body
            .collect()
            .await
            .map_err(|_| ConnectionClosed)?
            .to_bytes();
        Ok(http::Response::from_parts(head, Full::new(body)))
    }
}

/// Checks that each of these secrets can be created. Creates none.
pub(super) fn check(secrets: &[Secret]) -> Result<()> {
    let trial = new_provider();
    secrets.iter().try_for_each(|secret| {
        versions::first_version(&trial, secret)
            .and_then(|version| versions::create(&trial, &secret.name, &[version]))
            .with_context(|| creating(secret))
    })
}

fn creating(secret: &Secret) -> String {
    format!("creating the secret {}", secret.name)
}

fn new_provider() -> RustackSecretsManager {
    RustackSecretsManager::new(SecretsManagerConfig::default())
}

async fn collect(response: HttpResponse) -> Result<Bytes, ConnectionClosed> {
    let body = response.into_body().collect().await;
    Ok(body.map_err(|_| ConnectionClosed)?.to_bytes())
}

/// The operation and its required permission.
pub(super) fn required_permissions(
    operation: &str,
    body: &[u8],
    secrets: &[Secret],
) -> (String, Vec<RequiredPermission>) {
    let body: Json = serde_json::from_slice(body).unwrap_or_default();
    let resource = match body["SecretId"].as_str() {
        Some(id) => find(secrets, id)
            .map_or(id, |secret| secret.arn.as_str())
            .to_owned(),
        None => "*".to_owned(),
    };
    let action = format!("secretsmanager:{operation}");
    (
        operation.to_owned(),
        vec![RequiredPermission::new(action, resource)],
    )
}

/// Finds a secret by its name or ARN.
fn find<'a>(secrets: &'a [Secret], id: &str) -> Option<&'a Secret> {
    secrets
        .iter()
        .find(|secret| secret.name == id || secret.arn == id)
}

#[cfg(test)]
mod tests;
