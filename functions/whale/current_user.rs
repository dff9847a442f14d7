//! `GET /api/current_user`: the user of a token, which the query may carry.

use serde::Serialize;
use shared::dialect::WhaleUser;
use shared::{Call, Dialect, Error, Result, Tokens, Users, Whale};

#[derive(Serialize)]
struct Found {
    user: WhaleUser,
}

async fn current_user((users, tokens): &(Users, Tokens), call: Call) -> Result<Found> {
    let token = call.bearer_or_query().ok_or(Error::NoParameter)?;
    let user = tokens.caller(Some(token), users).await.map_err(|error| match error {
        Error::BadToken | Error::ExpiredToken => Error::NotFound,
        other => other,
    })?;
    Ok(Found { user: user.into() })
}

/// Runs the function.
pub fn main() {
    Whale::serve(current_user);
}
