//! Waiting for a condition instead of for a time.

use std::time::Duration;

use tokio::time::{sleep, timeout};

/// The time after which a test counts as hung. No test depends on its value.
const HUNG: Duration = Duration::from_secs(120);

/// Awaits `future`, and fails if the test hangs.
pub async fn in_time<F: Future>(what: &str, future: F) -> F::Output {
    match timeout(HUNG, future).await {
        Ok(output) => output,
        Err(_) => panic!("waited {HUNG:?} for {what}"),
    }
}

/// Polls `poll` until it returns a value, and fails if the test hangs.
pub async fn eventually<T>(what: &str, mut poll: impl AsyncFnMut() -> Option<T>) -> T {
    in_time(what, async {
        loop {
            if let Some(value) = poll().await {
                return value;
            }
            sleep(Duration::from_millis(10)).await;
        }
    })
    .await
}
