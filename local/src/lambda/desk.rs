//! What lies before a process: the invocation it is to take, and who waits for the answer.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    sync::{Notify, oneshot},
    time::sleep,
};

use super::{Failure, output::Output};
use crate::clock;

/// How long a process may take until it asks for its first invocation. Lambda allows ten
/// seconds; a busy machine with many tests at once may need more.
const INIT_LIMIT: Duration = Duration::from_secs(60);

type Outcome = Result<Bytes, Failure>;

/// Where an invocation and a process meet.
pub(super) struct Desk {
    papers: Mutex<Papers>,
    arrived: Notify,
    pub(super) output: Output,
}

#[derive(Default)]
struct Papers {
    /// The invocation that the process has not taken yet.
    waiting: Option<Invocation>,
    /// Where the answer of the current invocation goes, by request id.
    current: Option<(String, oneshot::Sender<Outcome>)>,
    /// How the process ended.
    ended: Option<String>,
}

struct Invocation {
    request_id: String,
    event: Bytes,
    timeout: Duration,
    taken: oneshot::Sender<()>,
}

/// An invocation in the hands of the process.
pub(super) struct Taken {
    pub(super) request_id: String,
    pub(super) event: Bytes,
    /// The end of its time, in milliseconds since 1970.
    pub(super) deadline: i64,
}

impl Desk {
    pub(super) fn new(output: Output) -> Desk {
        Desk {
            papers: Mutex::default(),
            arrived: Notify::new(),
            output,
        }
    }

    /// Lays `event` down and waits for the answer. Its time begins when it is taken.
    pub(super) async fn run(&self, event: Bytes, timeout: Duration) -> Outcome {
        let (taken, was_taken) = oneshot::channel();
        let (answer, mut answered) = oneshot::channel();
        let request_id = uuid::Uuid::new_v4().to_string();
        {
            let mut papers = self.papers();
            if let Some(status) = papers.ended.clone() {
                return Err(Failure::Exited {
                    status,
                    taken: false,
                });
            }
            papers.current = Some((request_id.clone(), answer));
            papers.waiting = Some(Invocation {
                request_id,
                event,
                timeout,
                taken,
            });
        }
        self.arrived.notify_one();

        let lost = |_| {
            Err(Failure::Exited {
                status: "killed".to_owned(),
                taken: true,
            })
        };
        tokio::select! {
            biased;
            outcome = &mut answered => return outcome.unwrap_or_else(lost),
            Ok(()) = was_taken => {}
            () = sleep(INIT_LIMIT) => return Err(Failure::TimedOut(INIT_LIMIT)),
        }
        tokio::select! {
            biased;
            outcome = answered => outcome.unwrap_or_else(lost),
            () = sleep(timeout) => Err(Failure::TimedOut(timeout)),
        }
    }

    /// The next invocation, when there is one.
    pub(super) async fn next(&self) -> Taken {
        loop {
            let waiting = self.papers().waiting.take();
            if let Some(invocation) = waiting {
                let _ = invocation.taken.send(());
                return Taken {
                    request_id: invocation.request_id,
                    event: invocation.event,
                    deadline: clock::now().as_millisecond() + invocation.timeout.as_millis() as i64,
                };
            }
            self.arrived.notified().await;
        }
    }

    /// Passes an outcome on to whoever waits: for this invocation, or with no id for any.
    /// False if nobody does.
    pub(super) fn finish(&self, request_id: Option<&str>, outcome: Outcome) -> bool {
        self.output.drain();
        let current = self
            .papers()
            .current
            .take_if(|(current, _)| request_id.is_none_or(|id| id == current));
        current.is_some_and(|(_, answer)| answer.send(outcome).is_ok())
    }

    /// The process has ended: nothing more will be taken, and what was taken has failed.
    pub(super) fn close(&self, status: String) {
        let taken = {
            let mut papers = self.papers();
            papers.ended = Some(status.clone());
            papers.waiting.take().is_none()
        };
        self.finish(None, Err(Failure::Exited { status, taken }));
    }

    /// Whether the process has ended.
    pub(super) fn is_closed(&self) -> bool {
        self.papers().ended.is_some()
    }

    fn papers(&self) -> MutexGuard<'_, Papers> {
        self.papers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
