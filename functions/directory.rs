//! `UsersTable`'s stream: keeps the directory that users are listed from up to date.
//!
//! A record says only whose item changed, so that no secret of theirs goes through the stream;
//! the user is read as stored. Records may come twice, late, or in any order.

use serde_json::Value;
use shared::{Directory, Fault, changed, serve_batches};

async fn follow(directory: &Directory, records: &[Value]) -> Result<(), Fault> {
    let users: Vec<_> = records.iter().map(changed).collect::<Result<_, _>>()?;
    directory.follow(users).await
}

/// Runs the function.
pub fn main() {
    serve_batches(follow);
}
