//! Conversion of panics into internal errors.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::task::Poll;

use crate::domain::{InternalError, Result};

/// Installs a panic hook that records the location and prints nothing, since the message can hold a
/// user's data. Call it once, when the process starts.
pub(super) fn install() {
    std::panic::set_hook(Box::new(|panic| {
        let location = panic
            .location()
            .map(|location| format!("{}:{}", location.file(), location.line()));
        *LOCATION.lock().unwrap_or_else(PoisonError::into_inner) = location;
    }));
}

/// The location of the last panic.
static LOCATION: Mutex<Option<String>> = Mutex::new(None);

/// Runs `work`, and turns a panic into an internal error.
///
/// So a client gets a 500 in its family's format.
pub(super) async fn catch_panic<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let mut work = pin!(work);
    poll_fn(|context| {
        catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)))
            .unwrap_or_else(|_| Poll::Ready(Err(panic_error().into())))
    })
    .await
}

fn panic_error() -> InternalError {
    let location = LOCATION
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    InternalError::new(format!(
        "panic at {}",
        location.as_deref().unwrap_or("an unknown place")
    ))
}
