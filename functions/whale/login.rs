//! `PUT /api/users/login`: exchange an e-mail and a password for a token.

use serde::{Deserialize, Serialize};
use shared::dialect::WhaleUser;
use shared::{Call, Dialect, Limits, Result, Tokens, Users, Whale};

#[derive(Deserialize)]
struct Given {
    email: String,
    password: String,
}

#[derive(Serialize)]
struct SignedIn {
    user: WhaleUser,
    token: String,
}

async fn login((users, limits, tokens): &(Users, Limits, Tokens), call: Call) -> Result<SignedIn> {
    let given: Given = call.json_with(&["email", "password"])?;
    let account = match given.email.parse() {
        Ok(email) => users.owner_of_email(&email).await?,
        Err(_) => None,
    };
    let user = users.sign_in(limits, account, &given.email, &given.password, &call.by_anyone()).await?;
    Ok(SignedIn { token: tokens.issue(&user).await?, user: user.into() })
}

/// Runs the function.
pub fn main() {
    Whale::serve(login);
}
