//! `OutboxTable`'s stream: deletes the pictures that nobody shows any more.
//!
//! A record may come twice; an object that is gone stays gone, and its key is never used again.

use serde_json::Value;
use shared::{Avatars, Fault, discarded, serve_records};

async fn sweeper(avatars: &Avatars, record: &Value) -> Result<(), Fault> {
    avatars.delete(discarded(record)?).await
}

/// Runs the function.
pub fn main() {
    serve_records(sweeper);
}
