//! What the log is to tell of the request at hand: who made it, and what it took of the
//! database. Noted where it comes to be known, so that no endpoint has to pass it on.

use std::cell::Cell;

use tokio::task_local;
use uuid::Uuid;

task_local! {
    static TALLY: Cell<Tally>;
}

/// The notes of one request, stream record or event.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Tally {
    /// Who makes the request, where they have shown it.
    pub user: Option<Uuid>,
    /// The calls of DynamoDB, each further attempt counted, too.
    pub calls: u32,
    /// The read units that DynamoDB says it consumed. Of a call that failed it says nothing.
    pub read_units: f64,
    /// The write units.
    pub write_units: f64,
}

/// Does `work` as one request: what it gave, and what was noted meanwhile.
pub(crate) async fn of<T>(work: impl Future<Output = T>) -> (T, Tally) {
    let noted = async { (work.await, TALLY.with(Cell::get)) };
    TALLY.scope(Cell::default(), noted).await
}

/// Changes the notes of the request at hand; where there is none, as while a function starts,
/// nothing is noted.
pub(crate) fn note(change: impl FnOnce(&mut Tally)) {
    let _ = TALLY.try_with(|tally| {
        let mut noted = tally.get();
        change(&mut noted);
        tally.set(noted);
    });
}

/// Notes who makes the request.
pub(crate) fn note_user(user: Uuid) {
    note(|tally| tally.user = Some(user));
}
