//! `OutboxTable`'s stream: deletion of unreferenced avatars.
//!
//! A record can arrive twice. The second deletion changes nothing, since no key is used again.

use serde_json::Value;
use shared::{Avatars, InternalError, Outbox, object_to_delete, serve_records};

async fn delete_avatar(
    (avatars, outbox): &(Avatars, Outbox),
    record: &Value,
) -> Result<(), InternalError> {
    avatars.delete(object_to_delete(record)?).await?;
    outbox.complete(record).await;
    Ok(())
}

/// Serves the function.
pub fn main() {
    serve_records(delete_avatar);
}
