//! The running cloud: starts all parts, updates them, and stops them.

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt, path::Path, sync::Arc};

use anyhow::{Context, Result};
use arc_swap::ArcSwap;
use rustix::{fs::Mode, process::umask};
use serde_json::Value as Json;
use tempfile::TempDir;

use crate::{
    aws::{Aws, AwsCall, CapturedEmail, InjectedFault, OPERATOR, SECRET_ACCESS_KEY},
    gateway::Gateway,
    lambda::{Lambda, Log, RuntimeEnv},
    options::Options,
    secret_rotation::SecretRotation,
    server::{ConnectionClosed, Server, bind},
    streams::Streams,
    template::{REGION, Route, StackSettings, Template},
};

/// A running cloud. Dropping it ends everything, including the functions' processes.
pub struct Cloud {
    options: Options,
    template: Arc<Template>,
    gateway: Arc<ArcSwap<Gateway>>,
    lambda: Arc<Lambda>,
    aws: Arc<Aws>,
    log: Arc<Log>,
    streams: Streams,
    _secret_rotation: Option<SecretRotation>,
    port: u16,
    aws_port: u16,
    _servers: [Server; 2],
    _objects: Option<TempDir>,
}

impl Cloud {
    /// Starts the AWS services and the gateway. A function starts at its first invocation.
    ///
    /// Fails if the template is invalid, a port is in use, or the data directory is unusable.
    pub async fn start(options: Options) -> Result<Cloud> {
        let (gateway_listener, port) = bind(options.port).await?;
        let (aws_listener, aws_port) = bind(options.aws_port).await?;
        let (runtime_listener, runtime_port) = bind(0).await?;
        let template = Arc::new(read_template(&options, port)?);

        let (objects, temporary) = match &options.data {
            Some(data) => {
                make_private(data).with_context(|| format!("creating {}", data.display()))?;
                (data.join("s3"), None)
            }
            None => {
                let temporary =
                    TempDir::with_prefix("local-s3-").context("creating a temporary directory")?;
                (temporary.path().to_owned(), Some(temporary))
            }
        };
        let aws = Arc::new(Aws::start(template.clone(), options.data.as_deref(), &objects).await?);
        let log = Arc::new(Log::new(options.echo_logs));
        if options.data.is_some() {
            for line in aws.drift(&template)? {
                log.write(line);
            }
        }
        let runtime_env = RuntimeEnv {
            binaries: options.binaries.clone(),
            aws_url: url(aws_port),
            variables: options.variables.clone(),
            log: log.clone(),
        };
        let lambda = Arc::new(Lambda::new(runtime_listener, runtime_port, runtime_env));
        lambda.apply(&template.functions, &[]);
        let mut streams = Streams::new(&lambda, &log, options.data.as_deref())?;
        if options.event_sources {
            streams.apply(&template, &aws)?;
        }
        let secret_rotation = aws
            .rotation_requests()
            .map(|requests| SecretRotation::start(requests, &lambda));
        let gateway = Gateway::new(port, &template, lambda.clone(), aws.clone());
        let gateway = Arc::new(ArcSwap::from_pointee(gateway));
        let servers = [
            Gateway::start(gateway_listener, gateway.clone()),
            Server::start(aws_listener, {
                let aws = aws.clone();
                move |request, _| {
                    let aws = aws.clone();
                    // In a task of its own, so that the call completes if the client disconnects.
                    let call = tokio::spawn(async move { aws.serve(request).await });
                    async move { call.await.unwrap_or(Err(ConnectionClosed)) }
                }
            }),
        ];
        Ok(Cloud {
            options,
            template,
            gateway,
            lambda,
            aws,
            log,
            streams,
            _secret_rotation: secret_rotation,
            port,
            aws_port,
            _servers: servers,
            _objects: temporary,
        })
    }

    /// Reads the template and checks that it can be applied. Changes nothing.
    ///
    /// Fails if the template is invalid.
    pub(crate) fn plan(&self) -> Result<Template> {
        let template = read_template(&self.options, self.port)?;
        Aws::check(&template)?;
        Ok(template)
    }

    /// Replaces the template: routes, permissions, variables and event sources. Creates resources
    /// that do not exist yet. Returns the differences, one line each.
    ///
    /// Resources that the template does not contain any more keep their data.
    ///
    /// Fails if a disk or a database does, after [`Cloud::plan`] has accepted the template.
    pub(crate) fn apply(&mut self, template: Template) -> Result<Vec<String>> {
        let template = Arc::new(template);
        self.aws.apply(template.clone())?;
        let mut differences = self.template.differences(&template);
        differences.extend(self.aws.drift(&template)?);
        self.lambda.apply(&template.functions, &[]);
        if self.options.event_sources {
            self.streams.apply(&template, &self.aws)?;
        }
        let gateway = Gateway::new(self.port, &template, self.lambda.clone(), self.aws.clone());
        self.gateway.store(Arc::new(gateway));
        self.template = template;
        Ok(differences)
    }

    /// Starts new processes for these functions at their next invocation. The old ones complete
    /// their invocations first.
    pub fn restart(&self, functions: &[String]) {
        self.lambda.apply(&self.template.functions, functions);
    }

    /// Stops everything. Returns when every process of a function has exited.
    pub async fn stop(self) {
        let stopped = self.lambda.stopped();
        drop(self);
        stopped.await;
    }

    /// URL of the gateway, e.g. `http://127.0.0.1:8000`.
    pub fn url(&self) -> String {
        url(self.port)
    }

    /// URL of the AWS endpoint, e.g. `http://127.0.0.1:8001`.
    pub fn aws_url(&self) -> String {
        url(self.aws_port)
    }

    /// The current template.
    pub fn template(&self) -> &Template {
        &self.template
    }

    /// Every route of the gateway.
    pub fn routes(&self) -> Vec<Route> {
        self.template.routes()
    }

    /// Result of `!Ref logical`, e.g. the name of a table; empty if there is no such resource.
    pub fn physical_id(&self, logical: &str) -> String {
        self.template
            .physical_id(logical)
            .unwrap_or_default()
            .to_owned()
    }

    /// Environment variables for a client with every permission: the AWS endpoint, credentials, and
    /// the variables of all functions.
    pub fn operator_env(&self) -> BTreeMap<String, String> {
        let functions = self.template.functions.iter();
        let mut variables: BTreeMap<_, _> = functions
            .flat_map(|function| function.variables.clone())
            .collect();
        let client = [
            ("AWS_ENDPOINT_URL", self.aws_url().as_str()),
            ("AWS_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", OPERATOR),
            ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        variables.extend(client);
        variables
    }

    /// The newest AWS calls, oldest first, including denied and pending ones. At most 20,000.
    pub fn calls(&self) -> Vec<AwsCall> {
        self.aws.calls()
    }

    /// Clears the call log.
    pub fn clear_calls(&self) {
        self.aws.clear_calls();
    }

    /// The newest log lines of all functions, oldest first. At most 20,000. A failed invocation
    /// adds a line with its cause.
    pub fn logs(&self) -> Vec<String> {
        self.log.lines()
    }

    /// Captured e-mails, newest first.
    pub fn emails(&self) -> Vec<CapturedEmail> {
        self.aws.emails()
    }

    /// Injects a fault into later AWS calls. A call meets at most one: the first that matches.
    pub fn inject(&self, fault: InjectedFault) {
        self.aws.inject(fault);
    }

    /// Removes all injected faults.
    pub fn clear_faults(&self) {
        self.aws.clear_faults();
    }

    /// Waits until every stream record written before this call is delivered or discarded.
    ///
    /// Never returns if a function always fails and the template sets no limit.
    pub async fn settle(&self) {
        self.streams.settle().await;
    }

    /// Dead letters of discarded stream records, oldest first.
    ///
    /// Fields: `requestContext` with `functionArn`, `condition` (`RetryAttemptsExhausted` or
    /// `MaximumRecordAgeExceeded`) and `approximateInvokeCount`; `DDBStreamBatchInfo` with
    /// `shardId`, `startSequenceNumber`, `endSequenceNumber`, `batchSize` and `streamArn`.
    pub fn dead_letters(&self) -> Vec<Json> {
        self.streams.dead_letters()
    }

    /// Invokes a function by its name, without the gateway.
    ///
    /// Fails with the function's own error or the failure of its process.
    pub async fn invoke(&self, function: &str, event: &Json) -> Result<Json> {
        let event = event.to_string().into();
        let response = self.lambda.invoke(function, event).await?;
        serde_json::from_slice(&response).context("the response is not JSON")
    }
}

fn read_template(options: &Options, port: u16) -> Result<Template> {
    let settings = StackSettings {
        name: options.stack_name.clone(),
        parameters: options.parameters.clone(),
        api_url: url(port),
    };
    Template::read(&options.template, &settings)
}

/// Creates a directory that only its owner can use. So are all files that this process and its
/// functions create later: they hold e-mails, secrets and personal data.
fn make_private(directory: &Path) -> std::io::Result<()> {
    umask(Mode::RWXG | Mode::RWXO);
    fs::create_dir_all(directory)?;
    fs::set_permissions(directory, fs::Permissions::from_mode(0o700))
}

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}
