//! The invocation slot of a process: hands over an event and waits for the response.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    sync::{Notify, oneshot},
    time::sleep,
};

use super::log::LogPipe;
use crate::clock;

/// Maximum time until a new process requests its first invocation.
///
/// Lambda allows ten seconds. A machine that runs many tests at once may need more.
const INIT_TIMEOUT: Duration = Duration::from_secs(60);

/// Why an invocation has no response.
#[derive(Debug, Clone)]
pub(crate) enum Failure {
    /// There is no such function.
    UnknownFunction,
    /// The reserved concurrency is used up.
    Throttled,
    /// The function reported an error: its JSON.
    Reported(Bytes),
    /// The process could not be started.
    NotStarted(String),
    /// The process exited, before or after it received the invocation.
    Exited { status: String, received: bool },
    /// The process exceeded the timeout and was killed.
    TimedOut(Duration),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::UnknownFunction => f.write_str("there is no such function"),
            Failure::Throttled => f.write_str("Rate Exceeded."),
            Failure::Reported(error) => f.write_str(&String::from_utf8_lossy(error)),
            Failure::NotStarted(reason) => f.write_str(reason),
            Failure::Exited { status, .. } => write!(f, "Runtime exited: {status}"),
            Failure::TimedOut(timeout) => {
                write!(
                    f,
                    "Task timed out after {:.2} seconds",
                    timeout.as_secs_f64()
                )
            }
        }
    }
}

impl std::error::Error for Failure {}

type Outcome = Result<Bytes, Failure>;

/// The slot of one process. It holds one invocation at a time.
pub(super) struct InvocationSlot {
    state: Mutex<SlotState>,
    filled: Notify,
    pub(super) output: LogPipe,
}

#[derive(Default)]
struct SlotState {
    /// The invocation that the process has not received yet.
    waiting: Option<Invocation>,
    /// Request id of the current invocation, and the receiver of its outcome.
    current: Option<(String, oneshot::Sender<Outcome>)>,
    /// Exit status of the process.
    exited: Option<String>,
}

struct Invocation {
    request_id: String,
    event: Bytes,
    timeout: Duration,
    received: oneshot::Sender<()>,
}

/// An invocation that the process has received.
pub(super) struct ReceivedInvocation {
    pub(super) request_id: String,
    pub(super) event: Bytes,
    /// Deadline, in milliseconds since 1970.
    pub(super) deadline: i64,
}

impl InvocationSlot {
    pub(super) fn new(output: LogPipe) -> InvocationSlot {
        InvocationSlot {
            state: Mutex::default(),
            filled: Notify::new(),
            output,
        }
    }

    /// Offers `event` to the process and waits for the response.
    ///
    /// `timeout` starts when the process receives the event.
    pub(super) async fn invoke(&self, event: Bytes, timeout: Duration) -> Outcome {
        let (received, was_received) = oneshot::channel();
        let (sender, mut outcome) = oneshot::channel();
        let request_id = uuid::Uuid::new_v4().to_string();
        {
            let mut state = self.state();
            if let Some(status) = state.exited.clone() {
                return Err(Failure::Exited {
                    status,
                    received: false,
                });
            }
            state.current = Some((request_id.clone(), sender));
            state.waiting = Some(Invocation {
                request_id,
                event,
                timeout,
                received,
            });
        }
        self.filled.notify_one();

        let killed = |_| {
            Err(Failure::Exited {
                status: "killed".to_owned(),
                received: true,
            })
        };
        tokio::select! {
            biased;
            outcome = &mut outcome => return outcome.unwrap_or_else(killed),
            Ok(()) = was_received => {}
            () = sleep(INIT_TIMEOUT) => return Err(Failure::TimedOut(INIT_TIMEOUT)),
        }
        tokio::select! {
            biased;
            outcome = outcome => outcome.unwrap_or_else(killed),
            () = sleep(timeout) => Err(Failure::TimedOut(timeout)),
        }
    }

    /// Waits for an invocation and marks it as received.
    pub(super) async fn receive(&self) -> ReceivedInvocation {
        loop {
            let waiting = self.state().waiting.take();
            if let Some(invocation) = waiting {
                let _ = invocation.received.send(());
                return ReceivedInvocation {
                    request_id: invocation.request_id,
                    event: invocation.event,
                    deadline: clock::now().as_millisecond() + invocation.timeout.as_millis() as i64,
                };
            }
            self.filled.notified().await;
        }
    }

    /// Completes the invocation with this request id, or the current one.
    ///
    /// Returns false if nothing waits for its outcome.
    pub(super) fn complete(&self, request_id: Option<&str>, outcome: Outcome) -> bool {
        self.output.drain();
        let current = self
            .state()
            .current
            .take_if(|(current, _)| request_id.is_none_or(|id| id == current));
        current.is_some_and(|(_, sender)| sender.send(outcome).is_ok())
    }

    /// Records that the process has exited. The current invocation fails.
    pub(super) fn close(&self, status: String) {
        let received = {
            let mut state = self.state();
            state.exited = Some(status.clone());
            state.waiting.take().is_none()
        };
        self.complete(None, Err(Failure::Exited { status, received }));
    }

    /// True if the process has exited.
    pub(super) fn is_closed(&self) -> bool {
        self.state().exited.is_some()
    }

    fn state(&self) -> MutexGuard<'_, SlotState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Slots of all running instances, by instance id, with the function's name.
#[derive(Default)]
pub(super) struct Slots(Mutex<HashMap<String, (String, Weak<InvocationSlot>)>>);

impl Slots {
    pub(super) fn add(&self, instance: String, function: String, slot: &Arc<InvocationSlot>) {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slots.retain(|_, (_, slot)| slot.strong_count() > 0);
        slots.insert(instance, (function, Arc::downgrade(slot)));
    }

    pub(super) fn find(&self, instance: &str) -> Option<(String, Arc<InvocationSlot>)> {
        let slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (function, slot) = slots.get(instance)?;
        Some((function.clone(), slot.upgrade()?))
    }
}
