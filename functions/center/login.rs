//! `POST /api/auth/login`: exchange a user name or e-mail, and a password, for a token.

use serde::{Deserialize, Serialize};
use shared::dialect::CenterProfile;
use shared::{Call, Center, Dialect, Limits, Result, Tokens, Users};

#[derive(Deserialize)]
struct Credentials {
    username: String,
    password: String,
}

#[derive(Serialize)]
struct SignedIn {
    access_token: String,
    token_type: &'static str,
    user: CenterProfile,
}

async fn login((users, limits, tokens): &(Users, Limits, Tokens), call: Call) -> Result<SignedIn> {
    let given: Credentials = call.form()?;
    let account = users.owner_of_name(&given.username).await?;
    let user = users.sign_in(limits, account, &given.username, &given.password, &call.by_anyone()).await?;
    Ok(SignedIn { access_token: tokens.issue(&user).await?, token_type: "bearer", user: user.into() })
}

/// Runs the function.
pub fn main() {
    Center::serve(login);
}
