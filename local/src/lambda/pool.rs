//! The instances of one function.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Semaphore;

use super::{
    instance::{Instance, InstanceFactory},
    slot::Failure,
};
use crate::template::Function;

/// Maximum number of instances of a function without reserved concurrency. Further invocations
/// wait; AWS would run up to a thousand.
const MAX_INSTANCES: usize = 10;

/// A function and its instances.
pub(super) struct Pool {
    pub(super) function: Function,
    factory: Arc<InstanceFactory>,
    idle: Mutex<Vec<Instance>>,
    permits: Semaphore,
}

impl Pool {
    pub(super) fn new(function: Function, factory: Arc<InstanceFactory>) -> Pool {
        Pool {
            permits: Semaphore::new(function.reserved_concurrency.unwrap_or(MAX_INSTANCES)),
            function,
            factory,
            idle: Mutex::default(),
        }
    }

    /// Invokes the function on an idle or a new instance. Logs a failure.
    pub(super) async fn invoke(&self, event: Bytes) -> Result<Bytes, Failure> {
        let _permit = match self.function.reserved_concurrency {
            Some(_) => self.permits.try_acquire().map_err(|_| Failure::Throttled)?,
            None => self
                .permits
                .acquire()
                .await
                .map_err(|_| Failure::Throttled)?,
        };
        let outcome = self.invoke_instance(event).await;
        if let Err(failure) = &outcome {
            self.factory
                .log()
                .write(format!("{}: {failure}", self.function.name));
        }
        outcome
    }

    async fn invoke_instance(&self, event: Bytes) -> Result<Bytes, Failure> {
        loop {
            let idle = self.idle().pop();
            let is_new = idle.is_none();
            let instance = match idle {
                Some(instance) => instance,
                None => self.factory.start(&self.function)?,
            };
            let outcome = instance
                .slot
                .invoke(event.clone(), self.function.timeout)
                .await;
            match &outcome {
                // An idle instance that exited earlier has not failed this invocation.
                Err(Failure::Exited {
                    received: false, ..
                }) if !is_new => continue,
                Ok(_) | Err(Failure::Reported(_)) if !instance.slot.is_closed() => {
                    self.idle().push(instance)
                }
                _ => {}
            }
            return outcome;
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Instance>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
