//! Lambda: the real binaries, started on first use and kept warm.
//!
//! Ownership is life: whoever drops an [`Instance`](instance::Instance) kills its process,
//! and whoever drops [`Lambda`] kills them all.

mod desk;
mod instance;
mod log;
mod output;
mod pool;
mod runtime_api;
mod variables;

use std::{
    collections::BTreeMap,
    convert::Infallible,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicUsize},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
    task::JoinSet,
};

use crate::{Function, Template, live::Live, server::Server};
pub(crate) use log::Log;
use pool::Pool;
use runtime_api::Desks;

/// Every function, ready to be invoked.
pub(crate) struct Lambda {
    pools: Live<Pools>,
    workshop: Arc<Workshop>,
    running: Mutex<JoinSet<()>>,
    lives: Mutex<Option<mpsc::Receiver<Infallible>>>,
    _runtime_api: Server,
}

/// The instances of every function, by the name of its binary.
type Pools = BTreeMap<String, Arc<Pool>>;

/// Where the functions live.
pub(crate) struct Surroundings {
    /// The directory of the binaries.
    pub(crate) binaries: PathBuf,
    /// The URL of the AWS door.
    pub(crate) aws_url: String,
    /// Environment variables for every function, over those of the template.
    pub(crate) variables: BTreeMap<String, String>,
    /// Where the lines go that they write.
    pub(crate) log: Arc<Log>,
}

/// Where instances are made.
struct Workshop {
    surroundings: Surroundings,
    desks: Arc<Desks>,
    runtime_url: String,
    started: AtomicUsize,
    life: Life,
}

/// Held by every process that lives.
type Life = mpsc::Sender<Infallible>;

/// Why an invocation has no answer.
#[derive(Debug, Clone)]
pub(crate) enum Failure {
    /// There is no such function.
    Unknown,
    /// As many instances run as may.
    Throttled,
    /// The function said that it failed: its error, as JSON.
    Reported(Bytes),
    /// The process could not be started.
    NotStarted(String),
    /// The process ended; before it took the invocation, or while it worked on it.
    Exited { status: String, taken: bool },
    /// The process took too long, and was killed.
    TimedOut(Duration),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::Unknown => f.write_str("there is no such function"),
            Failure::Throttled => f.write_str("Rate Exceeded."),
            Failure::Reported(error) => f.write_str(&String::from_utf8_lossy(error)),
            Failure::NotStarted(reason) => f.write_str(reason),
            Failure::Exited { status, .. } => write!(f, "Runtime exited: {status}"),
            Failure::TimedOut(limit) => {
                write!(f, "Task timed out after {:.2} seconds", limit.as_secs_f64())
            }
        }
    }
}

impl std::error::Error for Failure {}

impl Lambda {
    /// The functions of `template`. None of them is started yet. `listener` is for the
    /// Runtime API, at this port.
    pub(crate) fn new(
        template: &Template,
        listener: TcpListener,
        port: u16,
        surroundings: Surroundings,
    ) -> Lambda {
        let (life, lives) = mpsc::channel(1);
        let desks = Arc::new(Desks::default());
        let runtime_url = format!("http://127.0.0.1:{port}");
        let started = AtomicUsize::new(0);
        let workshop = Workshop {
            surroundings,
            desks: desks.clone(),
            runtime_url,
            started,
            life,
        };
        let lambda = Lambda {
            pools: Live::new(Arc::default()),
            workshop: Arc::new(workshop),
            running: Mutex::default(),
            lives: Mutex::new(Some(lives)),
            _runtime_api: runtime_api::start(listener, desks),
        };
        lambda.adopt(&template.functions, &[]);
        lambda
    }

    /// Makes `functions` those that there are. One that is not what it was, or is named in
    /// `anew`, has new instances from now on; its old ones end with what they work on.
    pub(crate) fn adopt(&self, functions: &[Function], anew: &[String]) {
        let before = self.pools.get();
        let pool = |function: &Function| {
            let kept = before
                .get(&function.name)
                .filter(|pool| pool.function == *function);
            let kept = kept.filter(|_| !anew.contains(&function.name)).cloned();
            kept.unwrap_or_else(|| Arc::new(Pool::new(function.clone(), self.workshop.clone())))
        };
        let pools = functions
            .iter()
            .map(|function| (function.name.clone(), pool(function)));
        self.pools.set(Arc::new(pools.collect()));
    }

    /// Hands `event` to an instance of the function, and waits for its answer. Both are JSON.
    /// As on AWS, the function goes on when nobody waits any more.
    pub(crate) async fn invoke(&self, function: &str, event: Bytes) -> Result<Bytes, Failure> {
        let pool = self
            .pools
            .get()
            .get(function)
            .ok_or(Failure::Unknown)?
            .clone();
        let (answer, answered) = oneshot::channel();
        {
            let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
            while running.try_join_next().is_some() {}
            running.spawn(async move {
                let _ = answer.send(pool.invoke(event).await);
            });
        }
        let ended = |_| {
            Err(Failure::Exited {
                status: "the cloud has ended".to_owned(),
                taken: true,
            })
        };
        answered.await.unwrap_or_else(ended)
    }

    /// Returns once no process is left, when everything that holds this is dropped meanwhile.
    pub(crate) fn end(&self) -> impl Future<Output = ()> + use<> {
        let lives = self
            .lives
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        async move {
            if let Some(mut lives) = lives {
                lives.recv().await;
            }
        }
    }
}
