//! One running process of a function, which works on one invocation at a time.

use std::{
    collections::BTreeMap, convert::Infallible, future::pending, io, path::Path, process::Stdio,
    sync::Arc,
};

use tokio::{
    process::{Child, Command},
    sync::oneshot,
};

use super::{Failure, Life, Log, desk::Desk, output::Output};

/// One process. Dropping this kills it.
pub(super) struct Instance {
    pub(super) desk: Arc<Desk>,
    /// Nothing is ever sent: that it is gone is the message.
    _hold: oneshot::Sender<Infallible>,
}

impl Instance {
    /// Starts `binary` with exactly these variables, in a process group of its own: a Ctrl-C
    /// in the terminal is for us, and we end the functions. `register` makes its desk known before
    /// the process exists, which may ask for its first invocation at once.
    pub(super) fn start(
        binary: &Path,
        variables: BTreeMap<String, String>,
        log: Arc<Log>,
        life: Life,
        register: impl FnOnce(&Arc<Desk>),
    ) -> Result<Instance, Failure> {
        let failed = |error: io::Error| {
            Failure::NotStarted(format!("starting {}: {error}", binary.display()))
        };
        let (output, writer) = Output::pipe(log).map_err(failed)?;
        let desk = Arc::new(Desk::new(output));
        register(&desk);
        let child = Command::new(binary)
            .env_clear()
            .envs(variables)
            .stdin(Stdio::null())
            .stdout(writer.try_clone().map_err(failed)?)
            .stderr(writer)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let (hold, released) = oneshot::channel();
        tokio::spawn(supervise(child, desk.clone(), released, life));
        Ok(Instance { desk, _hold: hold })
    }
}

/// Reads what the process writes until it ends, and kills it once it is released.
async fn supervise(
    mut child: Child,
    desk: Arc<Desk>,
    released: oneshot::Receiver<Infallible>,
    _life: Life,
) {
    let follow = async {
        desk.output.follow().await;
        pending::<Infallible>().await
    };
    let status = tokio::select! {
        status = child.wait() => status.map_or_else(|error| error.to_string(), |status| status.to_string()),
        _ = released => {
            let _ = child.kill().await;
            "killed".to_owned()
        }
        never = follow => match never {},
    };
    desk.close(status);
}
