//! Per-request metrics for the log: user, consumed DynamoDB capacity, budget of e-mails.
//!
//! They are kept in a task-local, so that endpoints need not pass them on.

use std::cell::Cell;

use tokio::task_local;
use uuid::Uuid;

task_local! {
    static METRICS: Cell<RequestMetrics>;
}

/// The metrics of one request, stream record or command.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct RequestMetrics {
    /// The authenticated user, if any.
    pub user: Option<Uuid>,
    /// The number of DynamoDB calls, including retries.
    pub calls: u32,
    /// The consumed read units. DynamoDB reports none for failed calls.
    pub read_units: f64,
    /// The consumed write units.
    pub write_units: f64,
    /// How much of the stack's budget of e-mails is used, in percent, after an e-mail was counted.
    pub mail_budget_used: Option<u64>,
    /// The budget for which an e-mail was dropped: `address` or `stack`.
    pub dropped_mail: Option<&'static str>,
}

/// Runs `work` as one request. Returns its result and its metrics.
pub(crate) async fn measure<T>(work: impl Future<Output = T>) -> (T, RequestMetrics) {
    let measured = async { (work.await, METRICS.with(Cell::get)) };
    METRICS.scope(Cell::default(), measured).await
}

/// Updates the metrics of the current request. Without one, as during startup, nothing happens.
pub(crate) fn record(change: impl FnOnce(&mut RequestMetrics)) {
    let _ = METRICS.try_with(|metrics| {
        let mut updated = metrics.get();
        change(&mut updated);
        metrics.set(updated);
    });
}

/// Records the user of the current request.
pub(crate) fn record_user(user: Uuid) {
    record(|metrics| metrics.user = Some(user));
}
