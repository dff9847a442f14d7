//! `$default`, and `ANY` on every path: what no other route takes, answered by the family that
//! owns the path. A path with a slash too many at its end is told where it should have gone.

use shared::dialect::{Reply, failure_at};
use shared::{Call, Dialect, Error, Plain, Result};

/// The methods of the paths that have an `ANY` route here, which the client is told (RFC 9110,
/// section 15.5.6).
const METHODS: [(&str, &str); 5] = [
    ("ANY /api/auth/register", "POST"),
    ("ANY /api/auth/login", "POST"),
    ("ANY /api/users/me", "GET, PUT"),
    ("ANY /api/v3/view_profile", "GET"),
    ("ANY /api/v3/change_profile", "POST"),
];

async fn unrouted((): &(), call: Call) -> Result<Reply> {
    if call.route() == "$default" {
        let moved = call.without_slash().map(Reply::moved);
        return Ok(moved.unwrap_or_else(|| failure_at(call.path(), &Error::NoSuchPath)));
    }
    let mut reply = failure_at(call.path(), &Error::WrongMethod); // an `ANY` route: the path is known
    let known = METHODS.iter().find(|(route, _)| *route == call.route());
    reply
        .headers
        .extend(known.map(|(_, methods)| ("allow", (*methods).to_owned())));
    Ok(reply)
}

/// Runs the function.
pub fn main() {
    Plain::serve(unrouted);
}
