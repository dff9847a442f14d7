//! `PUT /api/users/login`: exchange an e-mail and a password for a token.

use serde::{Deserialize, Serialize};
use shared::dialect::WhaleUser;
use shared::{Call, Dialect, Email, Limits, Result, Tokens, Users, Whale};
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
struct Given {
    #[schema(value_type = Email)]
    email: String,
    #[schema(format = Password, examples("password123"))]
    password: String,
}

#[derive(Serialize, ToSchema)]
struct SignedIn {
    user: WhaleUser,
    #[schema(examples("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9..."))]
    token: String,
}

#[utoipa::path(
    put,
    path = "/api/users/login/",
    request_body = inline(Given),
    responses((status = 200, body = inline(SignedIn))),
    extensions(("x-errors" = json!(["missing", "no_such_account", "wrong_password", "blocked", "too_many"]))),
)]
pub(crate) async fn login(
    (users, limits, tokens): &(Users, Limits, Tokens),
    call: Call,
) -> Result<SignedIn> {
    let given: Given = call.json_with(&["email", "password"])?;
    let account = match given.email.parse() {
        Ok(email) => users.owner_of_email(&email).await?,
        Err(_) => None,
    };
    let user = users
        .sign_in(
            limits,
            account,
            &given.email,
            &given.password,
            &call.by_anyone(),
        )
        .await?;
    Ok(SignedIn {
        token: tokens.issue(&user).await?,
        user: user.into(),
    })
}

/// Runs the function.
pub fn main() {
    Whale::serve(login);
}
