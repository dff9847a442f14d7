//! `GET /api/current_user`: the user of a token, which the query carries, or else the header.

use serde::Serialize;
use shared::dialect::WhaleUser;
use shared::{Admission, Call, Dialect, Error, Result, Tokens, Users, Whale};
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
struct Found {
    user: WhaleUser,
}

#[utoipa::path(
    get,
    path = "/api/current_user/",
    responses((status = 200, body = inline(Found))),
    security((), ("bearer" = []), ("token" = [])),
    extensions(("x-errors" = json!(["no_parameter", "not_found"]))),
)]
pub(crate) async fn current_user((users, tokens): &(Users, Tokens), call: Call) -> Result<Found> {
    let token = call
        .query("token")
        .or_else(|| call.bearer())
        .ok_or(Error::NoParameter)?;
    let caller = tokens
        .authenticate(Some(token), users, Admission::ValidToken)
        .await
        .map_err(|error| match error {
            Error::BadToken | Error::ExpiredToken => Error::NotFound,
            other => other,
        })?;
    Ok(Found {
        user: caller.user.into(),
    })
}

/// Runs the function.
pub fn main() {
    Whale::serve(current_user);
}
