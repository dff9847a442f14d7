//! `GET /users`: the caller's own data.

use shared::dialect::{Given, ProfileUser};
use shared::{Admission, Call, Dialect, Profile, Result, Tokens, Users};

#[utoipa::path(
    get,
    path = "/users",
    responses((status = 200, body = ProfileUser)),
    security(("bearer" = [])),
    extensions(("x-errors" = json!(["blocked"]))),
)]
pub(crate) async fn get_user(
    (users, tokens): &(Users, Tokens),
    call: Call,
) -> Result<Given<ProfileUser>> {
    let caller = tokens
        .authenticate(call.bearer(), users, Admission::Unblocked)
        .await?;
    Ok(Given::success(caller.user.into()))
}

/// Runs the function.
pub fn main() {
    Profile::serve(get_user);
}
