//! The endpoint of all AWS services: authentication, authorization, fault injection, call log.

mod authorize;
mod call_log;
mod dynamodb;
mod fault;
mod request;
mod s3;
mod secrets;
mod service;
mod ses;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Result;
use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{Request, request::Parts};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::{sync::mpsc::UnboundedReceiver, time::sleep};

use crate::{
    server::{ConnectionClosed, HttpResponse},
    template::Template,
};
pub use call_log::AwsCall;
pub(crate) use dynamodb::{Record, Stream};
pub use fault::{Effect, Hold, InjectedFault};
use request::{AwsRequest, Principal, target_operation};
pub use request::{OPERATOR, SECRET_ACCESS_KEY};
pub(crate) use secrets::RotationRequest;
use service::Service;
pub use ses::CapturedEmail;

/// All services and their endpoint.
pub(crate) struct Aws {
    template: ArcSwap<Template>,
    dynamodb: dynamodb::DynamoDb,
    s3: ArcSwap<s3::S3>,
    objects: PathBuf,
    ses: ses::Ses,
    secrets: secrets::Secrets,
    calls: call_log::CallLog,
    faults: fault::InjectedFaults,
}

impl Aws {
    /// Starts the services and creates missing resources of the template.
    ///
    /// Data is in the directory `data`, or in memory; S3 objects are always in `objects`.
    pub(crate) async fn start(
        template: Arc<Template>,
        data: Option<&Path>,
        objects: &Path,
    ) -> Result<Aws> {
        Ok(Aws {
            dynamodb: dynamodb::DynamoDb::start(&template.tables, data).await?,
            s3: ArcSwap::from_pointee(s3::S3::open(&template, objects)?),
            objects: objects.to_owned(),
            ses: ses::Ses::new(),
            secrets: secrets::Secrets::open(&template.secrets, data)?,
            calls: call_log::CallLog::default(),
            faults: fault::InjectedFaults::default(),
            template: ArcSwap::new(template),
        })
    }

    /// Checks that every resource of `template` can be created. Creates none.
    pub(crate) fn check(template: &Template) -> Result<()> {
        dynamodb::check(&template.tables)?;
        secrets::check(&template.secrets)
    }

    /// Replaces the template: creates resources that do not exist yet, and grants its permissions
    /// from now on. Resources that it does not contain any more keep their data.
    ///
    /// Fails if a disk or a database does, or if [`Aws::check`] would.
    pub(crate) fn apply(&self, template: Arc<Template>) -> Result<()> {
        let s3 = s3::S3::open(&template, &self.objects)?;
        self.dynamodb.create_tables(&template.tables)?;
        self.secrets.apply(&template.secrets)?;
        self.s3.store(s3.into());
        self.template.store(template);
        Ok(())
    }

    /// Tables that differ from their definition in the template, one line each. An existing table
    /// is never changed.
    pub(crate) fn drift(&self, template: &Template) -> Result<Vec<String>> {
        let tables = self.dynamodb.drift(&template.tables)?;
        Ok(tables
            .iter()
            .map(|name| format!("kept the table {name} as it was created"))
            .collect())
    }

    /// Serves one request to the endpoint.
    pub(crate) async fn serve(
        &self,
        request: Request<Incoming>,
    ) -> Result<HttpResponse, ConnectionClosed> {
        let (head, body) = request.into_parts();
        let body = body
            .collect()
            .await
            .map_err(|_| ConnectionClosed)?
            .to_bytes();
        let Some(principal) = Principal::parse(&head) else {
            return Ok(service::missing_signature());
        };
        let template = self.template.load_full();
        let request = parse(principal.service, head, body, &template);
        let authorized = authorize::authorize(&template, &principal.name, &request);
        let number = self
            .calls
            .push(&principal.name, &request, authorized.is_ok());
        let response = match authorized {
            Err(message) => Ok(request.service.access_denied(&message)),
            Ok(()) => self.execute(&principal.name, request).await,
        };
        if let Ok(response) = &response
            && let Some(dynamodb::ItemsRead(items)) = response.extensions().get()
        {
            self.calls.set_items_read(number, *items);
        }
        response
    }

    /// Executes a request, or what an injected fault replaces it with.
    async fn execute(
        &self,
        principal: &str,
        request: AwsRequest,
    ) -> Result<HttpResponse, ConnectionClosed> {
        match self.faults.next_effect(principal, &request.operation) {
            None => self.forward(request).await,
            Some(Effect::Refuse {
                status,
                kind,
                message,
            }) => Ok(request.service.error(status, &kind, &message)),
            Some(Effect::CancelTransaction { reasons }) => {
                Ok(dynamodb::transaction_cancelled(&reasons))
            }
            Some(Effect::LoseAnswer) => self.forward(request).await.and(Err(ConnectionClosed)),
            Some(Effect::Delay(duration)) => {
                sleep(duration).await;
                self.forward(request).await
            }
            Some(Effect::Hold(hold)) => {
                hold.wait().await;
                self.forward(request).await
            }
        }
    }

    async fn forward(&self, request: AwsRequest) -> Result<HttpResponse, ConnectionClosed> {
        match request.service {
            Service::DynamoDb => self.dynamodb.serve(request).await,
            Service::S3 => self.s3.load_full().serve(request).await,
            Service::Ses => self.ses.serve(request).await,
            Service::SecretsManager => self.secrets.serve(request).await,
        }
    }

    /// Gets an object for a distribution. The call log does not contain it.
    pub(crate) async fn object(
        &self,
        bucket: &str,
        key: &str,
    ) -> Result<HttpResponse, ConnectionClosed> {
        self.s3.load_full().object(bucket, key).await
    }

    /// The stream with this ARN, of the table with this name.
    pub(crate) fn stream(&self, table: &str, arn: &str) -> Stream {
        self.dynamodb.stream(table, arn)
    }

    /// Receiver of rotation requests; `None` after the first call.
    pub(crate) fn rotation_requests(&self) -> Option<UnboundedReceiver<RotationRequest>> {
        self.secrets.rotation_requests()
    }

    /// The newest calls, including those without a response yet.
    pub(crate) fn calls(&self) -> Vec<AwsCall> {
        self.calls.to_vec()
    }

    /// Clears the call log.
    pub(crate) fn clear_calls(&self) {
        self.calls.clear();
    }

    /// Adds a fault after those already injected.
    pub(crate) fn inject(&self, fault: InjectedFault) {
        self.faults.inject(fault);
    }

    /// Removes all faults.
    pub(crate) fn clear_faults(&self) {
        self.faults.clear();
    }

    /// Captured e-mails, newest first.
    pub(crate) fn emails(&self) -> Vec<CapturedEmail> {
        self.ses.emails()
    }
}

/// Determines a request's operation and required permissions.
fn parse(service: Service, head: Parts, body: Bytes, template: &Template) -> AwsRequest {
    let (operation, permissions) = match service {
        Service::DynamoDb => {
            dynamodb::required_permissions(&target_operation(&head), &body, &template.tables)
        }
        Service::SecretsManager => {
            secrets::required_permissions(&target_operation(&head), &body, &template.secrets)
        }
        Service::Ses => ses::required_permissions(&body),
        Service::S3 => s3::required_permissions(&head),
    };
    AwsRequest {
        service,
        operation,
        permissions,
        head,
        body,
    }
}

#[cfg(test)]
mod tests;
