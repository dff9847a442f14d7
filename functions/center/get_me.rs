//! `GET /api/users/me`: the caller's own profile.

use shared::dialect::CenterProfile;
use shared::{Admission, Call, Center, Dialect, Result, Tokens, Users};

#[utoipa::path(
    get,
    path = "/api/users/me",
    responses((status = 200, body = CenterProfile)),
    security(("bearer" = [])),
)]
pub(crate) async fn get_me((users, tokens): &(Users, Tokens), call: Call) -> Result<CenterProfile> {
    Ok(tokens
        .authenticate(call.bearer(), users, Admission::ValidToken)
        .await?
        .user
        .into())
}

/// Runs the function.
pub fn main() {
    Center::serve(get_me);
}
