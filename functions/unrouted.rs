//! `$default`, and `ANY` on every path: what no other route takes, answered by the family that
//! owns the path. A path with a slash too many at its end is told where it should have gone.

use shared::dialect::{Reply, failure_at};
use shared::{Call, Dialect, Error, Plain, Result};

async fn unrouted((): &(), call: Call) -> Result<Reply> {
    if call.route() != "$default" {
        return Ok(failure_at(call.path(), &Error::WrongMethod)); // an `ANY` route: the path is known
    }
    let moved = call.without_slash().map(Reply::moved);
    Ok(moved.unwrap_or_else(|| failure_at(call.path(), &Error::NoSuchPath)))
}

/// Runs the function.
pub fn main() {
    Plain::serve(unrouted);
}
