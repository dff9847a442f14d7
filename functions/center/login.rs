//! `POST /api/auth/login`: exchange a user name or e-mail, and a password, for a token.

use serde::{Deserialize, Serialize};
use shared::dialect::CenterProfile;
use shared::{Call, Center, Dialect, Limits, Result, Tokens, Users};
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
struct Credentials {
    #[schema(examples("testuser"))]
    username: String,
    #[schema(format = Password, examples("password123"))]
    password: String,
}

#[derive(Serialize, ToSchema)]
struct SignedIn {
    #[schema(examples("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9..."))]
    access_token: String,
    #[schema(examples("bearer"))]
    token_type: &'static str,
    user: CenterProfile,
}

#[utoipa::path(
    post,
    path = "/api/auth/login",
    request_body(content = inline(Credentials), content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = inline(SignedIn))),
    extensions(("x-errors" = json!(["wrong_password", "too_many"]))),
)]
pub(crate) async fn login(
    (users, limits, tokens): &(Users, Limits, Tokens),
    call: Call,
) -> Result<SignedIn> {
    let given: Credentials = call.form()?;
    let account = users.owner_of_name(&given.username).await?;
    let user = users
        .sign_in(
            limits,
            account,
            &given.username,
            &given.password,
            &call.by_anyone(),
        )
        .await?;
    Ok(SignedIn {
        access_token: tokens.issue(&user).await?,
        token_type: "bearer",
        user: user.into(),
    })
}

/// Runs the function.
pub fn main() {
    Center::serve(login);
}
