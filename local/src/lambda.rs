//! Lambda: runs the function binaries.
//!
//! A process starts on first use and is reused. Dropping an [`Instance`](instance::Instance) kills
//! its process; dropping [`Lambda`] kills all.

mod instance;
mod log;
mod pool;
mod runtime_api;
mod slot;

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
    task::JoinSet,
};

use crate::{server::Server, template::Function};
use instance::InstanceFactory;
pub(crate) use instance::RuntimeEnv;
pub(crate) use log::Log;
use pool::Pool;
pub(crate) use slot::Failure;
use slot::Slots;

/// All functions of the template.
pub(crate) struct Lambda {
    pools: ArcSwap<Pools>,
    factory: Arc<InstanceFactory>,
    invocations: Mutex<JoinSet<()>>,
    /// Closed once no process has a [`ShutdownGuard`](instance::ShutdownGuard).
    shutdown: Mutex<Option<mpsc::Receiver<Infallible>>>,
    _runtime_api: Server,
}

/// The instances of every function, by its name.
type Pools = BTreeMap<String, Arc<Pool>>;

impl Lambda {
    /// Serves the Runtime API on `listener`, at this port. There is no function yet.
    pub(crate) fn new(listener: TcpListener, port: u16, env: RuntimeEnv) -> Lambda {
        let (guard, shutdown) = mpsc::channel(1);
        let slots = Arc::new(Slots::default());
        let runtime_url = format!("http://127.0.0.1:{port}");
        Lambda {
            pools: ArcSwap::default(),
            factory: InstanceFactory::new(env, slots.clone(), runtime_url, guard).into(),
            invocations: Mutex::default(),
            shutdown: Mutex::new(Some(shutdown)),
            _runtime_api: runtime_api::start(listener, slots),
        }
    }

    /// Replaces the set of functions.
    ///
    /// A function that changed or is named in `restart` gets new instances. Its old ones complete
    /// their invocations first.
    pub(crate) fn apply(&self, functions: &[Function], restart: &[String]) {
        let former = self.pools.load_full();
        let pool = |function: &Function| {
            let unchanged = former
                .get(&function.name)
                .filter(|pool| pool.function == *function)
                .filter(|_| !restart.contains(&function.name));
            match unchanged {
                Some(pool) => pool.clone(),
                None => Arc::new(Pool::new(function.clone(), self.factory.clone())),
            }
        };
        let pools = functions
            .iter()
            .map(|function| (function.name.clone(), pool(function)));
        self.pools.store(Arc::new(pools.collect()));
    }

    /// Invokes a function and waits for its response. Both are JSON.
    ///
    /// As on AWS, the function keeps running if the caller stops waiting.
    pub(crate) async fn invoke(&self, function: &str, event: Bytes) -> Result<Bytes, Failure> {
        let pools = self.pools.load_full();
        let pool = pools.get(function).ok_or(Failure::UnknownFunction)?.clone();
        let (sender, outcome) = oneshot::channel();
        {
            let mut invocations = self
                .invocations
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            while invocations.try_join_next().is_some() {}
            invocations.spawn(async move {
                let _ = sender.send(pool.invoke(event).await);
            });
        }
        let stopped = |_| {
            Err(Failure::Exited {
                status: "the cloud has stopped".to_owned(),
                received: true,
            })
        };
        outcome.await.unwrap_or_else(stopped)
    }

    /// Completes when the last process has exited.
    ///
    /// The processes exit once everything that holds `self` is dropped.
    pub(crate) fn stopped(&self) -> impl Future<Output = ()> + use<> {
        let shutdown = self
            .shutdown
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        async move {
            if let Some(mut shutdown) = shutdown {
                shutdown.recv().await;
            }
        }
    }
}
