//! `$default`, and `ANY` on every path: what no other route takes, answered by the family that
//! owns the path.

use shared::dialect::{Reply, failure_at};
use shared::{Call, Dialect, Error, Plain, Result};

async fn unrouted((): &(), call: Call) -> Result<Reply> {
    let error = match call.route() {
        "$default" => Error::NoSuchPath,
        _ => Error::WrongMethod, // an `ANY` route: the path is known
    };
    Ok(failure_at(call.path(), &error))
}

/// Runs the function.
pub fn main() {
    Plain::serve(unrouted);
}
