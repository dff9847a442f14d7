//! `POST /api/users`: make an account, and log in to it.

use serde::{Deserialize, Serialize};
use shared::dialect::WhaleUser;
use shared::{
    Access, Call, Dialect, Email, Error, Flaw, Limits, NewUser, Nickname, Password, Result, Tokens,
    Users, Whale,
};
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
struct Given {
    #[schema(value_type = Email)]
    email: String,
    #[schema(value_type = Password)]
    password: String,
    #[schema(value_type = Nickname)]
    name: String,
}

#[derive(Serialize, ToSchema)]
struct Created {
    user: WhaleUser,
    #[schema(examples("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9..."))]
    token: String,
}

#[utoipa::path(
    post,
    path = "/api/users/",
    request_body = inline(Given),
    responses((status = 200, body = inline(Created))),
    extensions(("x-errors" = json!(["missing", "bad_email", "bad_password", "email_taken", "too_many"]))),
)]
pub(crate) async fn create_user(
    (users, limits, tokens): &(Users, Limits, Tokens),
    call: Call,
) -> Result<Created> {
    let given: Given = call.json_with(&["email", "password", "name"])?;
    let nickname: Nickname = given
        .name
        .parse()
        .map_err(|why| Error::Invalid(Flaw::of("name", why)))?;
    let email: Email = given.email.parse().map_err(|_| Error::BadEmail)?;
    let password = Password::parse(&given.password).map_err(|_| Error::BadPassword)?;

    let new = NewUser {
        username: None,
        nickname,
        email,
        password: password.hash()?,
        access: Access::User,
    };
    let user = users
        .sign_up(
            new,
            Some(&limits.sign_up(&call.source_address())),
            &call.by_anyone(),
        )
        .await?;
    Ok(Created {
        token: tokens.issue(&user).await?,
        user: user.into(),
    })
}

/// Runs the function.
pub fn main() {
    Whale::serve(create_user);
}
