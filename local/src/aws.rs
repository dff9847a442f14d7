//! One door to all AWS services: who asks, for what, may they, and then the service.

mod caller;
mod dynamodb;
mod fault;
mod grant;
mod item;
mod request;
mod s3;
mod secrets;
mod service;
mod ses;
mod stream;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Result;
use http::Request;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::{sync::mpsc::UnboundedReceiver, time::sleep};

use crate::{
    Mail, RequestContext,
    live::Live,
    server::{Answer, Broken},
    template::Template,
};
use caller::Caller;
pub use fault::{Effect, Fault};
use request::Call;
pub(crate) use secrets::Rotation;
use service::Service;
pub(crate) use stream::{Record, Stream};

/// The access key id that may do everything: for tools, not for functions.
pub const OPERATOR: &str = "operator";

/// The secret access key of every function, and of the operator.
pub const SECRET_ACCESS_KEY: &str = "local";

/// One call of an AWS service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsCall {
    /// Whose signature it bears: the name of a function's binary, or [`OPERATOR`].
    pub function: String,
    /// `dynamodb`, `s3`, `ses` or `secretsmanager`.
    pub service: String,
    /// The operation, as `TransactWriteItems`.
    pub operation: String,
    /// The IAM actions it takes, as `dynamodb:PutItem`: one for each of `resources`.
    pub actions: Vec<String>,
    /// The ARNs it touches.
    pub resources: Vec<String>,
    /// What conditions may ask about: one for each of `resources`.
    pub contexts: Vec<RequestContext>,
    /// Whether the template grants it.
    pub granted: bool,
    /// How many items of a table it read.
    pub items_read: u64,
}

impl AwsCall {
    fn of(caller: &Caller, call: &Call, granted: bool) -> AwsCall {
        AwsCall {
            function: caller.name.clone(),
            service: call.service.name().to_owned(),
            operation: call.operation.clone(),
            actions: call.needs.iter().map(|need| need.action.clone()).collect(),
            resources: call.needs.iter().map(|need| need.resource.clone()).collect(),
            contexts: call.needs.iter().map(|need| need.context.clone()).collect(),
            granted,
            items_read: 0,
        }
    }
}

/// The services, and the door before them.
pub(crate) struct Aws {
    template: Live<Template>,
    dynamodb: dynamodb::DynamoDb,
    s3: Live<s3::S3>,
    objects: PathBuf,
    ses: ses::Ses,
    secrets: secrets::Secrets,
    calls: Mutex<Vec<AwsCall>>,
    faults: fault::Faults,
}

impl Aws {
    /// Starts the services and makes what the template describes, where it is not there
    /// yet. They keep everything under `data`, or in memory; S3 always keeps it in `objects`.
    pub(crate) async fn start(template: Arc<Template>, data: Option<&Path>, objects: &Path) -> Result<Aws> {
        Ok(Aws {
            dynamodb: dynamodb::DynamoDb::start(&template.tables, data).await?,
            s3: Live::new(s3::S3::start(&template, objects)?.into()),
            objects: objects.to_owned(),
            ses: ses::Ses::start(),
            secrets: secrets::Secrets::start(&template.secrets, data)?,
            calls: Mutex::default(),
            faults: fault::Faults::default(),
            template: Live::new(template),
        })
    }

    /// Makes what `template` describes and is not there yet, and grants what it grants from now
    /// on. What it describes no more stays.
    pub(crate) fn adopt(&self, template: Arc<Template>) -> Result<()> {
        self.dynamodb.adopt(&template.tables)?;
        self.secrets.adopt(&template.secrets)?;
        self.s3.set(s3::S3::start(&template, &self.objects)?.into());
        self.template.set(template);
        Ok(())
    }

    /// Answers one request to the door.
    pub(crate) async fn serve(&self, request: Request<Incoming>) -> Result<Answer, Broken> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| Broken)?.to_bytes();
        let Some(caller) = Caller::of(&head) else {
            return Ok(service::unsigned());
        };
        let template = self.template.get();
        let call = Call::read(&caller, head, body, &template);
        let refusal = grant::refusal(&template, &caller.name, &call);
        let mut record = AwsCall::of(&caller, &call, refusal.is_none());
        let answer = match refusal {
            Some(message) => Ok(call.service.refuse(message)),
            None => self.answer(&caller, call).await,
        };
        let read = answer.as_ref().ok().and_then(|answer| answer.extensions().get());
        record.items_read = read.map_or(0, |dynamodb::ItemsRead(items)| *items);
        self.calls().push(record);
        answer
    }

    /// What the service answers, or what a fault makes of it.
    async fn answer(&self, caller: &Caller, call: Call) -> Result<Answer, Broken> {
        match self.faults.next(&caller.name, &call.operation) {
            None => self.forward(call).await,
            Some(Effect::Refuse { status, kind, message }) => Ok(call.service.error(status, &kind, &message)),
            Some(Effect::CancelTransaction { reasons }) => Ok(dynamodb::cancelled(&reasons)),
            Some(Effect::LoseAnswer) => self.forward(call).await.and(Err(Broken)),
            Some(Effect::Delay(duration)) => {
                sleep(duration).await;
                self.forward(call).await
            }
        }
    }

    async fn forward(&self, call: Call) -> Result<Answer, Broken> {
        match call.service {
            Service::DynamoDb => self.dynamodb.serve(call).await,
            Service::S3 => self.s3.get().serve(call).await,
            Service::Ses => self.ses.serve(call).await,
            Service::SecretsManager => self.secrets.serve(call).await,
        }
    }

    /// An object as a distribution reads it, or the error in its place. No call of a function.
    pub(crate) async fn object(&self, bucket: &str, key: &str) -> Result<Answer, Broken> {
        self.s3.get().object(bucket, key).await
    }

    /// The stream with this ARN, of the table with this name.
    pub(crate) fn stream(&self, table: &str, arn: &str) -> Stream {
        self.dynamodb.stream(table, arn)
    }

    /// The rotations of secrets that are asked for, for the one who carries them out.
    pub(crate) fn rotations(&self) -> Option<UnboundedReceiver<Rotation>> {
        self.secrets.rotations()
    }

    /// Every call so far.
    pub(crate) fn calls(&self) -> std::sync::MutexGuard<'_, Vec<AwsCall>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The faults to come.
    pub(crate) fn faults(&self) -> &fault::Faults {
        &self.faults
    }

    /// The mails so far, newest first.
    pub(crate) fn mails(&self) -> Vec<Mail> {
        self.ses.mails()
    }
}

#[cfg(test)]
mod tests;
