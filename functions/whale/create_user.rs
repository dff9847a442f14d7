//! `POST /api/users`: make an account, and log in to it.

use serde::{Deserialize, Serialize};
use shared::dialect::WhaleUser;
use shared::{
    Access, Call, Dialect, Email, Error, Flaw, Limits, NewUser, Nickname, Password, Result, Tokens, Users,
    Whale,
};

#[derive(Deserialize)]
struct Given {
    email: String,
    password: String,
    name: String,
}

#[derive(Serialize)]
struct Created {
    user: WhaleUser,
    token: String,
}

async fn create_user((users, limits, tokens): &(Users, Limits, Tokens), call: Call) -> Result<Created> {
    let given: Given = call.json_with(&["email", "password", "name"])?;
    let nickname: Nickname = given.name.parse().map_err(|why| Error::Invalid(Flaw::of("name", why)))?;
    let email: Email = given.email.parse().map_err(|_| Error::BadEmail)?;
    let password = Password::parse(&given.password).map_err(|_| Error::BadPassword)?;

    let new = NewUser { username: None, nickname, email, password: password.hash()?, access: Access::User };
    let user = users.sign_up(new, Some(&limits.sign_up(&call.source_address())), &call.by_anyone()).await?;
    Ok(Created { token: tokens.issue(&user).await?, user: user.into() })
}

/// Runs the function.
pub fn main() {
    Whale::serve(create_user);
}
