//! The process of a function: startup, then a loop of invocations.
//!
//! The Lambda runtime logs nothing itself. So each failure is logged before it is returned to it.

use lambda_runtime::Context;
use tokio::sync::OnceCell;

use super::panic_guard::{self, catch_panic};
use crate::aws::{Config, Connections, FromConfig};
use crate::domain::{Error, InternalError, Result};
use crate::telemetry::log::{self, InvocationIds};

/// The result of an invocation.
pub(super) type LambdaResult<T> = Result<T, lambda_runtime::Error>;

/// Opens the resources and runs `serve` with them. If they cannot be opened, the process ends with
/// status 1: the invocation fails, and Lambda starts another process.
pub(super) fn run<R: FromConfig>(serve: impl AsyncFnOnce(&'static R) -> LambdaResult<()>) {
    start(async |resources: &'static Resources<R>| {
        let opened = resources.open().await.map_err(Error::into_internal)?;
        serve(opened).await.map_err(runtime_error)
    });
}

/// Runs `serve` even if the resources cannot be opened. `serve` opens them again when it needs them.
pub(super) fn run_lazily<R: FromConfig>(
    serve: impl AsyncFnOnce(&'static Resources<R>) -> LambdaResult<()>,
) {
    start(async |resources: &'static Resources<R>| {
        if let Err(error) = resources.open().await {
            log::cannot_start(&error.into_internal());
        }
        serve(resources).await.map_err(runtime_error)
    });
}

/// The lazily opened resources of a function. After a failure, the next call tries again.
pub(super) struct Resources<R> {
    connections: Connections,
    opened: OnceCell<R>,
}

impl<R: FromConfig> Resources<R> {
    pub(super) async fn open(&self) -> Result<&R> {
        self.opened
            .get_or_try_init(|| catch_panic(async { Ok(R::open(&self.connections).await?) }))
            .await
    }
}

/// Runs `serve` with the environment of this process. If a variable that Lambda sets is missing, the
/// process ends with status 1.
fn start<R: FromConfig>(
    serve: impl AsyncFnOnce(&'static Resources<R>) -> Result<(), InternalError>,
) {
    panic_guard::install();
    let config = Config::from_environment();
    log::open(|name| config.get(name));
    let connections = match Connections::new(config) {
        Ok(connections) => connections,
        Err(error) => return exit_with(&error),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let outcome = runtime
        .map_err(|error| InternalError::new(format!("runtime: {error}")))
        .and_then(|runtime| {
            let resources = Resources {
                connections,
                opened: OnceCell::new(),
            };
            runtime.block_on(serve(Box::leak(Box::new(resources))))
        });
    if let Err(error) = outcome {
        exit_with(&error);
    }
}

fn runtime_error(error: lambda_runtime::Error) -> InternalError {
    InternalError::new(format!("Lambda: {error}"))
}

fn exit_with(error: &InternalError) {
    log::cannot_start(error);
    std::process::exit(1);
}

/// Logs an event that the function does not know. Returns the error of the invocation.
pub(super) fn unknown_event(context: &Context) -> lambda_runtime::Error {
    log::unknown_event(&invocation_ids(context));
    "the event is none that this function takes".into()
}

/// Lambda's ids of the invocation. The trace id is the `Root` of a header such as
/// `Root=1-…;Parent=…;Sampled=1`.
pub(super) fn invocation_ids(context: &Context) -> InvocationIds {
    let trace = context.xray_trace_id.as_deref().unwrap_or_default();
    let root = trace.split(';').find_map(|part| part.strip_prefix("Root="));
    InvocationIds {
        function_request_id: context.request_id.clone(),
        xray_trace_id: root.map(str::to_owned),
    }
}
