//! Faults on demand: what AWS does to its callers now and then, when a test wants it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::Semaphore;

/// A fault that befalls later calls.
#[derive(Debug, Clone)]
pub struct Fault {
    /// Only calls of this function; of any, if none is named.
    pub function: Option<String>,
    /// Only calls of this operation, as `PutItem`.
    pub operation: String,
    /// How many calls it befalls; `usize::MAX` means all.
    pub times: usize,
    /// How many matching calls it lets pass before.
    pub skip: usize,
    /// What it does to them.
    pub effect: Effect,
}

/// What a fault does. None of it changes what the template grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// The service answers with an error, in its own format, and does nothing.
    Refuse {
        /// The HTTP status.
        status: u16,
        /// The error's name, as `ProvisionedThroughputExceededException`.
        kind: String,
        /// Its message.
        message: String,
    },
    /// DynamoDB cancels the transaction, with a reason for each element: `TransactionConflict`,
    /// `ThrottlingError`, `None`, …
    CancelTransaction {
        /// The codes, by position.
        reasons: Vec<String>,
    },
    /// The call is carried out, and then the connection breaks without an answer.
    LoseAnswer,
    /// The call waits for so long, and then is carried out.
    Delay(Duration),
    /// The call waits until the test releases it, and then is carried out.
    Hold(Hold),
}

/// Where a call waits. Clones are one.
#[derive(Debug, Clone)]
pub struct Hold(Arc<Gates>);

#[derive(Debug)]
struct Gates {
    reached: Semaphore,
    released: Semaphore,
}

impl Default for Hold {
    fn default() -> Hold {
        Hold(Arc::new(Gates {
            reached: Semaphore::new(0),
            released: Semaphore::new(0),
        }))
    }
}

impl PartialEq for Hold {
    fn eq(&self, other: &Hold) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Hold {}

impl Hold {
    /// Returns once a call waits, and consumes its arrival.
    pub async fn reached(&self) {
        if let Ok(arrival) = self.0.reached.acquire().await {
            arrival.forget();
        }
    }

    /// Lets all calls go on, those that wait and later ones.
    pub fn release(&self) {
        self.0.released.close();
    }

    pub(super) async fn wait(&self) {
        self.0.reached.add_permits(1);
        let _ = self.0.released.acquire().await; // no permit is ever added: it ends with the close
    }
}

/// The faults to come, in the order of their injection.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<Vec<Fault>>);

impl Faults {
    pub(crate) fn inject(&self, fault: Fault) {
        self.faults().push(fault);
    }

    pub(crate) fn clear(&self) {
        self.faults().clear();
    }

    /// What befalls this call: the first fault that matches and lets it not pass. The faults
    /// behind that one do not see the call.
    pub(super) fn next(&self, function: &str, operation: &str) -> Option<Effect> {
        let mut faults = self.faults();
        let matching = faults.iter_mut().filter(|fault| {
            fault.times > 0
                && fault.operation == operation
                && fault
                    .function
                    .as_deref()
                    .is_none_or(|name| name == function)
        });
        for fault in matching {
            if fault.skip > 0 {
                fault.skip -= 1;
                continue;
            }
            if fault.times != usize::MAX {
                fault.times -= 1;
            }
            return Some(fault.effect.clone());
        }
        None
    }

    fn faults(&self) -> std::sync::MutexGuard<'_, Vec<Fault>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
