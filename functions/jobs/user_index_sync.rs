//! `UsersTable`'s stream: synchronization of the user index. Then `UserIndexTable`'s own.
//!
//! A record of the users' stream holds only the key of the changed user, so that no secret passes
//! through the stream. A record of the index's stream holds ids of users. The users are read from the
//! table. Records can arrive twice, late, or in any order.

use serde_json::Value;
use shared::{InternalError, UserIndex, serve_batches};

async fn follow(index: &UserIndex, records: &[Value]) -> Result<(), InternalError> {
    index.follow(records).await
}

/// Serves the function.
pub fn main() {
    serve_batches(follow);
}
