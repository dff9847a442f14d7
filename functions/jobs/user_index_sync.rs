//! `UsersTable`'s stream: synchronization of the user index.
//!
//! A record holds only the key of the changed user, so that no secret passes through the stream. The
//! current user is read from the table. Records can arrive twice, late, or in any order.

use serde_json::Value;
use shared::{InternalError, UserIndex, serve_batches, user_id_of_record};

async fn sync(index: &UserIndex, records: &[Value]) -> Result<(), InternalError> {
    let users: Vec<_> = records
        .iter()
        .map(user_id_of_record)
        .collect::<Result<_, _>>()?;
    index.sync(users).await
}

/// Serves the function.
pub fn main() {
    serve_batches(sync);
}
