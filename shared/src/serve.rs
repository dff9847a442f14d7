//! The only place that meets Lambda: runtime, call, answer, log line. The runtime itself logs
//! nothing, so whatever fails is logged here, before the runtime is told.

mod events;
mod records;
mod requests;

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::task::Poll;

use lambda_http::Context;
use tokio::sync::OnceCell;

use crate::env::{Env, Resource};
use crate::log::Invocation;
use crate::{Error, Fault, Result, log};

pub use events::{Order, serve_event};
pub use records::{serve_batches, serve_records};
pub(crate) use requests::serve;

/// An answer for the runtime, or the failure of the invocation.
type Answer<T> = Result<T, lambda_http::Error>;

/// Opens the resources and runs `serve` with them. Where they cannot be opened, logs why and exits
/// with 1: that is the failure of the invocation, and Lambda starts another.
fn run<R: Resource>(serve: impl AsyncFnOnce(&'static R) -> Answer<()>) {
    start(async |resources: &'static Resources<R>| {
        let opened = resources.open().await.map_err(Error::into_fault)?;
        serve(opened).await.map_err(ended)
    });
}

/// Runs `serve` with resources that are opened already, or will be when a request needs them: so
/// a client hears also of that in its family's words, and the next may fare better.
fn run_anyway<R: Resource>(serve: impl AsyncFnOnce(&'static Resources<R>) -> Answer<()>) {
    start(async |resources: &'static Resources<R>| {
        if let Err(error) = resources.open().await {
            log::cannot_start(&error.into_fault());
        }
        serve(resources).await.map_err(ended)
    });
}

/// What a function works with: opened once, or else tried again whenever it is asked for.
struct Resources<R> {
    env: Env,
    opened: OnceCell<R>,
}

impl<R: Resource> Resources<R> {
    async fn open(&self) -> Result<&R> {
        self.opened
            .get_or_try_init(|| guarded(async { Ok(R::open(&self.env).await?) }))
            .await
    }
}

/// Runs `serve` in this process's environment. Where that is none of Lambda's, logs why and exits
/// with 1.
fn start<R: Resource>(serve: impl AsyncFnOnce(&'static Resources<R>) -> Result<(), Fault>) {
    std::panic::set_hook(Box::new(|panic| {
        // Where it was, not what it says, which may be anything; `guarded` tells of it.
        let place = panic
            .location()
            .map(|place| format!("{}:{}", place.file(), place.line()));
        *PANIC.lock().unwrap_or_else(PoisonError::into_inner) = place;
    }));
    let env = match Env::load() {
        Ok(env) => env,
        Err(fault) => return give_up(&fault),
    };
    log::open(&env);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let outcome = runtime
        .map_err(|error| Fault::new(format!("runtime: {error}")))
        .and_then(|runtime| {
            let resources = Resources {
                env,
                opened: OnceCell::new(),
            };
            runtime.block_on(serve(Box::leak(Box::new(resources))))
        });
    if let Err(fault) = outcome {
        give_up(&fault);
    }
}

fn ended(error: lambda_http::Error) -> Fault {
    Fault::new(format!("Lambda: {error}"))
}

fn give_up(fault: &Fault) {
    log::cannot_start(fault);
    std::process::exit(1);
}

/// Logs that an event is none of this function's: the failure of its invocation.
fn unreadable(context: &Context) -> lambda_http::Error {
    log::unreadable(&invocation(context));
    "the event is none that this function takes".into()
}

/// Lambda's ids of the invocation; of the trace's header, `Root=1-…;Parent=…;Sampled=1`, the id.
fn invocation(context: &Context) -> Invocation {
    let trace = context.xray_trace_id.as_deref().unwrap_or_default();
    let root = trace.split(';').find_map(|part| part.strip_prefix("Root="));
    Invocation {
        function_request_id: context.request_id.clone(),
        xray_trace_id: root.map(str::to_owned),
    }
}

/// Where the last panic was.
static PANIC: Mutex<Option<String>> = Mutex::new(None);

/// Turns a panic of the endpoint into a fault, so that it too is answered in the family's words.
pub(crate) async fn guarded<T>(endpoint: impl Future<Output = Result<T>>) -> Result<T> {
    let mut endpoint = pin!(endpoint);
    poll_fn(|context| {
        catch_unwind(AssertUnwindSafe(|| endpoint.as_mut().poll(context)))
            .unwrap_or_else(|_| Poll::Ready(Err(panicked().into())))
    })
    .await
}

fn panicked() -> Fault {
    let place = PANIC.lock().unwrap_or_else(PoisonError::into_inner).take();
    Fault::new(format!(
        "panic at {}",
        place.as_deref().unwrap_or("an unknown place")
    ))
}
