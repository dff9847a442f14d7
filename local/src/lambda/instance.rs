//! Instances: processes of functions, and their environment.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    future::pending,
    io,
    path::PathBuf,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    process::{Child, Command},
    sync::{mpsc, oneshot},
};

use super::{
    log::{Log, LogPipe},
    slot::{Failure, InvocationSlot, Slots},
};
use crate::{
    aws::SECRET_ACCESS_KEY,
    template::{Function, REGION},
};

/// What all instances have in common.
pub(crate) struct RuntimeEnv {
    /// Directory of the binaries.
    pub(crate) binaries: PathBuf,
    /// URL of the AWS endpoint.
    pub(crate) aws_url: String,
    /// Environment variables of every function. They override those of the template.
    pub(crate) variables: BTreeMap<String, String>,
    /// Destination of log lines.
    pub(crate) log: Arc<Log>,
}

/// Held by every running process. The receiver ends when the last one is dropped.
pub(super) type ShutdownGuard = mpsc::Sender<Infallible>;

/// Starts instances.
pub(super) struct InstanceFactory {
    env: RuntimeEnv,
    slots: Arc<Slots>,
    runtime_url: String,
    /// Number of instances started so far.
    started: AtomicUsize,
    guard: ShutdownGuard,
}

/// One process. Dropping it kills the process.
pub(super) struct Instance {
    pub(super) slot: Arc<InvocationSlot>,
    /// Nothing is sent: the supervisor waits for the channel to close.
    _alive: oneshot::Sender<Infallible>,
}

impl InstanceFactory {
    /// A factory for instances that find the Runtime API at `runtime_url`.
    pub(super) fn new(
        env: RuntimeEnv,
        slots: Arc<Slots>,
        runtime_url: String,
        guard: ShutdownGuard,
    ) -> InstanceFactory {
        InstanceFactory {
            env,
            slots,
            runtime_url,
            started: AtomicUsize::new(0),
            guard,
        }
    }

    pub(super) fn log(&self) -> &Log {
        &self.env.log
    }

    /// Starts a process of `function`.
    ///
    /// It has a process group of its own, so that Ctrl-C in a terminal does not reach it. Its slot
    /// is registered first, because a process may ask for an invocation at once.
    pub(super) fn start(&self, function: &Function) -> Result<Instance, Failure> {
        let binary = self.env.binaries.join(&function.name);
        let failed = |error: io::Error| {
            Failure::NotStarted(format!("starting {}: {error}", binary.display()))
        };
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        let id = format!("{}-{number}", function.name);
        // The runtime accepts an address with a path only if it has a scheme.
        let runtime_api = format!("{}/{id}", self.runtime_url);
        let (output, writer) = LogPipe::new(self.env.log.clone()).map_err(failed)?;
        let slot = Arc::new(InvocationSlot::new(output));
        self.slots.add(id, function.name.clone(), &slot);
        let child = Command::new(&binary)
            .env_clear()
            .envs(self.variables(function, &runtime_api))
            .stdin(Stdio::null())
            .stdout(writer.try_clone().map_err(failed)?)
            .stderr(writer)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let (alive, released) = oneshot::channel();
        tokio::spawn(supervise(child, slot.clone(), released, self.guard.clone()));
        Ok(Instance {
            slot,
            _alive: alive,
        })
    }

    /// Environment of an instance: Lambda's variables and the template's, and no other.
    fn variables(&self, function: &Function, runtime_api: &str) -> BTreeMap<String, String> {
        let name = &function.name;
        let lambda = [
            ("AWS_LAMBDA_FUNCTION_NAME", name.clone()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
            (
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
                function.memory.to_string(),
            ),
            ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{name}")),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "local".to_owned()),
            ("AWS_LAMBDA_RUNTIME_API", runtime_api.to_owned()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_DEFAULT_REGION", REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", name.clone()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY.to_owned()),
            ("AWS_SESSION_TOKEN", "local".to_owned()),
            ("AWS_ENDPOINT_URL", self.env.aws_url.clone()),
            ("_HANDLER", "bootstrap".to_owned()),
            ("TZ", ":UTC".to_owned()),
        ];
        let mut variables: BTreeMap<String, String> = lambda
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        variables.extend(function.variables.clone());
        variables.extend(self.env.variables.clone());
        variables.extend(backtrace_variable());
        variables
    }
}

/// Copies the process's output to the log until it exits. Kills it when the instance is dropped.
async fn supervise(
    mut child: Child,
    slot: Arc<InvocationSlot>,
    released: oneshot::Receiver<Infallible>,
    _guard: ShutdownGuard,
) {
    let log_output = async {
        slot.output.read_to_end().await;
        pending::<Infallible>().await
    };
    let status = tokio::select! {
        status = child.wait() => status.map_or_else(|error| error.to_string(), |status| status.to_string()),
        _ = released => {
            let _ = child.kill().await;
            "killed".to_owned()
        }
        never = log_output => match never {},
    };
    slot.close(status);
}

/// `RUST_BACKTRACE`, if this process has it.
#[expect(
    clippy::disallowed_methods,
    reason = "the environment of functions is assembled here"
)]
fn backtrace_variable() -> Option<(String, String)> {
    let name = "RUST_BACKTRACE".to_owned();
    std::env::var(&name).ok().map(|value| (name, value))
}
