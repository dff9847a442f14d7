//! `POST /api/auth/register`: make an account.

use serde::Deserialize;
use shared::dialect::CenterProfile;
use shared::{
    Access, Call, Center, Dialect, Email, Limits, NewUser, Nickname, Password, Result, Username,
    Users,
};
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
struct Registration {
    username: Username,
    password: Password,
    nickname: Nickname,
    email: Email,
}

#[utoipa::path(
    post,
    path = "/api/auth/register",
    request_body = inline(Registration),
    responses((status = 200, body = CenterProfile)),
    extensions(("x-errors" = json!(["username_taken", "email_taken", "too_many"]))),
)]
pub(crate) async fn register(
    (users, limits): &(Users, Limits),
    call: Call,
) -> Result<CenterProfile> {
    let given: Registration = call.json()?;
    let new = NewUser {
        username: Some(given.username),
        nickname: given.nickname,
        email: given.email,
        password: given.password.hash()?,
        access: Access::User,
    };
    let limit = limits.sign_up(&call.source_address());
    Ok(users
        .sign_up(new, Some(&limit), &call.by_anyone())
        .await?
        .into())
}

/// Runs the function.
pub fn main() {
    Center::serve(register);
}
