//! `POST /api/auth/login`: exchange a user name or e-mail, and a password, for a token.

use serde::{Deserialize, Serialize};
use shared::dialect::CenterProfile;
use shared::{Call, Center, Dialect, Error, Limits, Password, PasswordHash, Result, Tokens, Users};

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

/// Takes as long, and makes as many calls, whether or not there is such an account.
async fn login((users, limits, tokens): &(Users, Limits, Tokens), call: Call) -> Result<SignedIn> {
    let given: Credentials = call.form()?;
    let account = users.owner_of_name(&given.username).await?;
    let tries = limits.login(account, &given.username);
    users.count(&tries).await?;

    let user = users.by_uuid(account.unwrap_or_default()).await?;
    let hash = user.as_ref().map_or_else(PasswordHash::of_nobody, |user| user.password.clone());
    let right = hash.verify(&given.password)?;
    let user = user.filter(|user| right && !user.blocked).ok_or(Error::WrongCredentials)?;

    let rehash = hash.is_outdated().then(|| Password::parse(&given.password).ok()).flatten();
    let rehash = rehash.map(|password| password.hash()).transpose()?;
    let user = users.signed_in(user, rehash, &tries).await?;
    Ok(SignedIn { access_token: tokens.issue(&user)?, token_type: "bearer", user: user.into() })
}

/// Runs the function.
pub fn main() {
    Center::serve(login);
}
