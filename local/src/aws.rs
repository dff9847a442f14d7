//! One door to all AWS services: who asks, for what, may they, and then the service.

mod called;
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
    Mail,
    live::Live,
    recent::Recent,
    server::{Answer, Broken},
    template::Template,
};
pub use called::AwsCall;
use caller::Caller;
pub use fault::{Effect, Fault, Hold};
use request::Call;
pub(crate) use secrets::Rotation;
use service::Service;
pub(crate) use stream::{Record, Stream};

/// The access key id that may do everything: for tools, not for functions.
pub const OPERATOR: &str = "operator";

/// The secret access key of every function, and of the operator.
pub const SECRET_ACCESS_KEY: &str = "local";

/// The services, and the door before them.
pub(crate) struct Aws {
    template: Live<Template>,
    dynamodb: dynamodb::DynamoDb,
    s3: Live<s3::S3>,
    objects: PathBuf,
    ses: ses::Ses,
    secrets: secrets::Secrets,
    calls: Mutex<Recent<AwsCall>>,
    faults: fault::Faults,
}

/// A template that can be adopted, and the versions of the secrets that are new in it.
pub(crate) struct Prepared {
    template: Arc<Template>,
    secrets: secrets::Versions,
}

impl Aws {
    /// Starts the services and makes what the template describes, where it is not there
    /// yet. They keep everything under `data`, or in memory; S3 always keeps it in `objects`.
    pub(crate) async fn start(
        template: Arc<Template>,
        data: Option<&Path>,
        objects: &Path,
    ) -> Result<Aws> {
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

    /// What it takes to adopt `template`. Makes nothing.
    ///
    /// Fails where something that it describes cannot be made.
    pub(crate) fn prepare(&self, template: Arc<Template>) -> Result<Prepared> {
        self.dynamodb.prepare(&template.tables)?;
        Ok(Prepared {
            secrets: self.secrets.prepare(&template.secrets)?,
            template,
        })
    }

    /// Makes what the template describes and is not there yet, and grants what it grants from now
    /// on. What it describes no more stays.
    pub(crate) fn adopt(&self, Prepared { template, secrets }: Prepared) -> Result<()> {
        let s3 = s3::S3::start(&template, &self.objects)?;
        self.dynamodb.adopt(&template.tables)?;
        self.secrets.adopt(&template.secrets, secrets)?;
        self.s3.set(s3.into());
        self.template.set(template);
        Ok(())
    }

    /// Of the tables that were there before, in words, which are not what the template describes.
    pub(crate) fn differing(&self, template: &Template) -> Result<Vec<String>> {
        let tables = self.dynamodb.differing(&template.tables)?;
        Ok(tables
            .iter()
            .map(|name| format!("left the table {name} as it was made"))
            .collect())
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
        let number = self
            .calls()
            .push(AwsCall::of(&caller, &call, refusal.is_none()));
        let answer = match refusal {
            Some(message) => Ok(call.service.refuse(message)),
            None => self.answer(&caller, call).await,
        };
        let read = answer
            .as_ref()
            .ok()
            .and_then(|answer| answer.extensions().get());
        if let (Some(dynamodb::ItemsRead(items)), Some(record)) =
            (read, self.calls().get_mut(number))
        {
            record.items_read = *items;
        }
        answer
    }

    /// What the service answers, or what a fault makes of it.
    async fn answer(&self, caller: &Caller, call: Call) -> Result<Answer, Broken> {
        match self.faults.next(&caller.name, &call.operation) {
            None => self.forward(call).await,
            Some(Effect::Refuse {
                status,
                kind,
                message,
            }) => Ok(call.service.error(status, &kind, &message)),
            Some(Effect::CancelTransaction { reasons }) => Ok(dynamodb::cancelled(&reasons)),
            Some(Effect::LoseAnswer) => self.forward(call).await.and(Err(Broken)),
            Some(Effect::Delay(duration)) => {
                sleep(duration).await;
                self.forward(call).await
            }
            Some(Effect::Hold(hold)) => {
                hold.wait().await;
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

    /// The calls so far, also those that are not answered yet.
    pub(crate) fn calls(&self) -> std::sync::MutexGuard<'_, Recent<AwsCall>> {
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
