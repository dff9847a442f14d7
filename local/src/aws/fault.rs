//! Fault injection: errors, lost responses and delays of AWS calls.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Semaphore;

/// A fault that later calls meet.
#[derive(Debug, Clone)]
pub struct InjectedFault {
    /// Name of the calling function; `None` matches every principal.
    pub function: Option<String>,
    /// Operation, e.g. `PutItem`.
    pub operation: String,
    /// Number of calls that meet it; `usize::MAX` is unlimited.
    pub times: usize,
    /// Number of matching calls before the first one that meets it.
    pub skip: usize,
    /// What happens to the calls.
    pub effect: Effect,
}

/// Effect of a fault. Permissions are checked first, so a fault does not change them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// The service responds with an error, in its own format, and does nothing.
    Refuse {
        /// HTTP status.
        status: u16,
        /// Error code, e.g. `ProvisionedThroughputExceededException`.
        kind: String,
        /// Error message.
        message: String,
    },
    /// DynamoDB cancels the transaction.
    CancelTransaction {
        /// Reason of each item, by position: `TransactionConflict`, `ThrottlingError`, `None`, …
        reasons: Vec<String>,
    },
    /// The call is executed, and then the connection closes without a response.
    LoseAnswer,
    /// The call is executed after this delay.
    Delay(Duration),
    /// The call is executed after the test releases it.
    Hold(Hold),
}

/// A gate at which calls wait. Clones share one gate.
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
    /// Waits until a call arrives. Each call that returns consumes one arrival.
    pub async fn reached(&self) {
        if let Ok(arrival) = self.0.reached.acquire().await {
            arrival.forget();
        }
    }

    /// Opens the gate, for waiting and for later calls.
    pub fn release(&self) {
        self.0.released.close();
    }

    pub(super) async fn wait(&self) {
        self.0.reached.add_permits(1);
        // No permit is ever added; `release` closes the semaphore, which ends this wait.
        let _ = self.0.released.acquire().await;
    }
}

/// Faults in the order of their injection.
#[derive(Debug, Default)]
pub(super) struct InjectedFaults(Mutex<Vec<InjectedFault>>);

impl InjectedFaults {
    pub(super) fn inject(&self, fault: InjectedFault) {
        self.faults().push(fault);
    }

    pub(super) fn clear(&self) {
        self.faults().clear();
    }

    /// The effect on this call: that of the first matching fault which does not skip it.
    ///
    /// Later faults do not count the call.
    pub(super) fn next_effect(&self, principal: &str, operation: &str) -> Option<Effect> {
        let mut faults = self.faults();
        let matching = faults.iter_mut().filter(|fault| {
            fault.times > 0
                && fault.operation == operation
                && fault
                    .function
                    .as_deref()
                    .is_none_or(|name| name == principal)
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

    fn faults(&self) -> MutexGuard<'_, Vec<InjectedFault>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
