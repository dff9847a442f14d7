//! The whole: started in one call, gone when dropped.

use std::{collections::BTreeMap, fs, path::PathBuf, sync::Arc};

use anyhow::{Context, Result};
use serde_json::Value as Json;
use tempfile::TempDir;

use crate::{
    AwsCall, Fault, Mail, Route, Template,
    aws::Aws,
    gateway::Gateway,
    lambda::{Lambda, Log, Surroundings},
    server::{Broken, Server, bind},
};

/// What to start, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// The template.
    pub template: PathBuf,
    /// The directory of the functions' binaries, as `target/debug`.
    pub binaries: PathBuf,
    /// The directory to keep all data in. None keeps it in memory, and objects of S3 in a
    /// temporary directory.
    pub data: Option<PathBuf>,
    /// The gateway's port; 0 picks one.
    pub port: u16,
    /// The port of the AWS door; 0 picks one.
    pub aws_port: u16,
    /// Values for parameters of the template, in place of its defaults.
    pub parameters: BTreeMap<String, String>,
    /// Environment variables for every function, over those of the template.
    pub variables: BTreeMap<String, String>,
    /// Whether what the functions write also goes to our stderr.
    pub echo_logs: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            template: PathBuf::from("template.yaml"),
            binaries: PathBuf::from("target/debug"),
            data: None,
            port: 0,
            aws_port: 0,
            parameters: BTreeMap::new(),
            variables: BTreeMap::new(),
            echo_logs: false,
        }
    }
}

/// A running cloud. Dropping it ends everything, every function's process with it.
pub struct Cloud {
    template: Arc<Template>,
    lambda: Arc<Lambda>,
    aws: Arc<Aws>,
    log: Arc<Log>,
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
        let template = Arc::new(Template::read(&options.template, &options.parameters)?);
        let (gateway, port) = bind(options.port).await?;
        let (door, aws_port) = bind(options.aws_port).await?;
        let (runtime, runtime_port) = bind(0).await?;

        let (objects, temporary) = match &options.data {
            Some(data) => {
                fs::create_dir_all(data).with_context(|| format!("making {}", data.display()))?;
                (data.join("s3"), None)
            }
            None => {
                let temporary = TempDir::with_prefix("local-s3-").context("making a temporary directory")?;
                (temporary.path().to_owned(), Some(temporary))
            }
        };
        let aws = Arc::new(Aws::start(template.clone(), options.data.as_deref(), &objects).await?);
        let log = Arc::new(Log::new(options.echo_logs));
        let surroundings = Surroundings {
            binaries: options.binaries,
            aws_url: format!("http://127.0.0.1:{aws_port}"),
            variables: options.variables,
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
        let gateway = Gateway::start(gateway, port, template.routes(), lambda.clone(), aws.clone());
        Ok(Cloud {
            template,
            lambda,
            aws,
            log,
            port,
            aws_port,
            _servers: [gateway, door],
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
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The door to all AWS services, as `http://127.0.0.1:8001`.
    pub fn aws_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.aws_port)
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
        self.template.physical_id(logical).unwrap_or_default().to_owned()
    }

    /// Every AWS call so far, in order, granted or not.
    pub fn calls(&self) -> Vec<AwsCall> {
        self.aws.calls().clone()
    }

    /// Forgets the calls so far.
    pub fn clear_calls(&self) {
        self.aws.calls().clear();
    }

    /// Every line that the functions wrote so far, in order. A failed invocation adds a line
    /// that says how.
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

    /// Invokes the function whose binary has this name with an event, past the gateway.
    ///
    /// Fails with the function's own error, or with what became of its process.
    pub async fn invoke(&self, function: &str, event: &Json) -> Result<Json> {
        let answer = self.lambda.invoke(function, event.to_string().into()).await?;
        serde_json::from_slice(&answer).context("the answer is no JSON")
    }
}
