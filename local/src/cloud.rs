//! The whole: started in one call, gone when dropped.

use std::{fs, sync::Arc};

use anyhow::{Context, Result};
use serde_json::Value as Json;
use tempfile::TempDir;

use crate::{
    AwsCall, Fault, Mail, Options, Route, Template,
    aws::Aws,
    gateway::Gateway,
    lambda::{Lambda, Log, Surroundings},
    live::Live,
    rotations::Rotations,
    server::{Broken, Server, bind},
    streams::Streams,
};

mod reload;

/// A running cloud. Dropping it ends everything, every function's process with it.
pub struct Cloud {
    options: Options,
    template: Arc<Template>,
    gateway: Arc<Live<Gateway>>,
    lambda: Arc<Lambda>,
    aws: Arc<Aws>,
    log: Arc<Log>,
    streams: Streams,
    _rotations: Option<Rotations>,
    port: u16,
    aws_port: u16,
    _servers: [Server; 2],
    _objects: Option<TempDir>,
}

impl Cloud {
    /// Starts the services and the gateway. Functions start when they are first invoked.
    ///
    /// Fails if the template does not read, a port is taken, or the data directory is of no
    /// use.
    pub async fn start(options: Options) -> Result<Cloud> {
        let (front, port) = bind(options.port).await?;
        let template = Template::read(&options.template, &options.parameters, &url(port))?;
        let template = Arc::new(template);
        let (door, aws_port) = bind(options.aws_port).await?;
        let (runtime, runtime_port) = bind(0).await?;

        let (objects, temporary) = match &options.data {
            Some(data) => {
                fs::create_dir_all(data).with_context(|| format!("making {}", data.display()))?;
                (data.join("s3"), None)
            }
            None => {
                let temporary =
                    TempDir::with_prefix("local-s3-").context("making a temporary directory")?;
                (temporary.path().to_owned(), Some(temporary))
            }
        };
        let aws = Arc::new(Aws::start(template.clone(), options.data.as_deref(), &objects).await?);
        let log = Arc::new(Log::new(options.echo_logs));
        if options.data.is_some() {
            aws.differing(&template)?
                .into_iter()
                .for_each(|line| log.write(line));
        }
        let surroundings = Surroundings {
            binaries: options.binaries.clone(),
            aws_url: url(aws_port),
            variables: options.variables.clone(),
            log: log.clone(),
        };
        let lambda = Arc::new(Lambda::new(&template, runtime, runtime_port, surroundings));
        let door = {
            let aws = aws.clone();
            Server::start(door, move |request, _| {
                let aws = aws.clone();
                // A call is carried out also when nobody waits for it any more.
                let call = tokio::spawn(async move { aws.serve(request).await });
                async move { call.await.unwrap_or(Err(Broken)) }
            })
        };
        let gateway = Gateway::new(port, &template, lambda.clone(), aws.clone());
        let gateway = Arc::new(Live::new(Arc::new(gateway)));
        let front = Gateway::start(front, gateway.clone());
        let mut streams = Streams::new(&lambda, &log, options.data.as_deref())?;
        if options.streams {
            streams.adopt(&template, streams.prepare(&template, &aws)?);
        }
        let rotations = aws
            .rotations()
            .map(|to_do| Rotations::start(to_do, &lambda));
        Ok(Cloud {
            options,
            template,
            gateway,
            lambda,
            aws,
            log,
            streams,
            _rotations: rotations,
            port,
            aws_port,
            _servers: [front, door],
            _objects: temporary,
        })
    }

    /// Ends everything, and returns once every function's process has been killed.
    pub async fn stop(self) {
        let ended = self.lambda.end();
        drop(self);
        ended.await;
    }

    /// The gateway, as `http://127.0.0.1:8000`.
    pub fn url(&self) -> String {
        url(self.port)
    }

    /// The door to all AWS services, as `http://127.0.0.1:8001`.
    pub fn aws_url(&self) -> String {
        url(self.aws_port)
    }

    /// What the template describes.
    pub fn template(&self) -> &Template {
        &self.template
    }

    /// Every route of the gateway.
    pub fn routes(&self) -> Vec<Route> {
        self.template.routes()
    }

    /// What `!Ref logical` is, as the name of a table; empty if there is no such resource.
    pub fn physical_id(&self, logical: &str) -> String {
        self.template
            .physical_id(logical)
            .unwrap_or_default()
            .to_owned()
    }

    /// The newest AWS calls, in order, granted or not, answered or not yet: some thousands.
    pub fn calls(&self) -> Vec<AwsCall> {
        self.aws.calls().to_vec()
    }

    /// Forgets the calls so far.
    pub fn clear_calls(&self) {
        self.aws.calls().clear();
    }

    /// The newest lines that the functions wrote, in order: some thousands. A failed invocation
    /// adds a line that says how.
    pub fn logs(&self) -> Vec<String> {
        self.log.lines()
    }

    /// Every mail that was sent so far, newest first.
    pub fn mails(&self) -> Vec<Mail> {
        self.aws.mails()
    }

    /// Lets a fault befall later calls. A call meets at most one fault: the first injected
    /// that matches.
    pub fn inject(&self, fault: Fault) {
        self.aws.faults().inject(fault);
    }

    /// Takes back every fault.
    pub fn clear_faults(&self) {
        self.aws.faults().clear();
    }

    /// Returns when everything that was written to the tables before this call has been handed
    /// on to the functions that follow their streams: delivered, or given up.
    ///
    /// Never returns where a function fails for ever and the template sets no limit.
    pub async fn settle(&self) {
        self.streams.settle().await;
    }

    /// What the functions failed to take from streams, in order, as the queue is told that the
    /// template names for it: `requestContext` with `functionArn`, `condition`
    /// (`RetryAttemptsExhausted` or `MaximumRecordAgeExceeded`) and `approximateInvokeCount`;
    /// `DDBStreamBatchInfo` with `shardId`, `startSequenceNumber`, `endSequenceNumber`,
    /// `batchSize` and `streamArn`.
    pub fn dead_letters(&self) -> Vec<Json> {
        self.streams.letters()
    }

    /// Invokes the function whose binary has this name with an event, past the gateway.
    ///
    /// Fails with the function's own error, or with what became of its process.
    pub async fn invoke(&self, function: &str, event: &Json) -> Result<Json> {
        let answer = self
            .lambda
            .invoke(function, event.to_string().into())
            .await?;
        serde_json::from_slice(&answer).context("the answer is no JSON")
    }
}

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}
