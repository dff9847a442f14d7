//! The instances of one function: as many as it needs, up to its limit.

use std::sync::{Arc, Mutex, PoisonError, atomic::Ordering};

use bytes::Bytes;
use tokio::sync::Semaphore;

use super::{Failure, Workshop, instance::Instance, variables};
use crate::Function;

/// How many instances a function may have at once where the template does not say. More
/// invocations wait; AWS would let a thousand run.
const INSTANCES: usize = 10;

/// One function and its instances.
pub(super) struct Pool {
    pub(super) function: Function,
    workshop: Arc<Workshop>,
    idle: Mutex<Vec<Instance>>,
    places: Semaphore,
}

impl Pool {
    pub(super) fn new(function: Function, workshop: Arc<Workshop>) -> Pool {
        Pool {
            places: Semaphore::new(function.reserved.unwrap_or(INSTANCES)),
            function,
            workshop,
            idle: Mutex::default(),
        }
    }

    /// One invocation, on an idle instance or else on a new one. A failure is also logged.
    pub(super) async fn invoke(&self, event: Bytes) -> Result<Bytes, Failure> {
        let _place = match self.function.reserved {
            Some(_) => self.places.try_acquire().map_err(|_| Failure::Throttled)?,
            None => self
                .places
                .acquire()
                .await
                .map_err(|_| Failure::Throttled)?,
        };
        let outcome = self.run(event).await;
        if let Err(failure) = &outcome {
            self.workshop
                .surroundings
                .log
                .write(format!("{}: {failure}", self.function.name));
        }
        outcome
    }

    async fn run(&self, event: Bytes) -> Result<Bytes, Failure> {
        loop {
            let idle = self.idle().pop();
            let fresh = idle.is_none();
            let instance = match idle {
                Some(instance) => instance,
                None => self.start()?,
            };
            let outcome = instance
                .desk
                .run(event.clone(), self.function.timeout)
                .await;
            match &outcome {
                // It had ended before it could know of this invocation: that is no failure of it.
                Err(Failure::Exited { taken: false, .. }) if !fresh => continue,
                Ok(_) | Err(Failure::Reported(_)) if !instance.desk.is_closed() => {
                    self.idle().push(instance)
                }
                _ => {}
            }
            return outcome;
        }
    }

    fn start(&self) -> Result<Instance, Failure> {
        let Workshop {
            surroundings,
            desks,
            runtime_url,
            started,
            life,
        } = &*self.workshop;
        let number = started.fetch_add(1, Ordering::Relaxed);
        let id = format!("{}-{number}", self.function.name);
        // The runtime takes an address with a path only with the scheme before it.
        let variables = variables::of(&self.function, surroundings, &format!("{runtime_url}/{id}"));
        let binary = surroundings.binaries.join(&self.function.name);
        let register = |desk: &_| desks.add(id, self.function.name.clone(), desk);
        Instance::start(
            &binary,
            variables,
            surroundings.log.clone(),
            life.clone(),
            register,
        )
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Instance>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
