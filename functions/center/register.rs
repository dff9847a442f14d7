//! `POST /api/auth/register`: make an account.

use serde::Deserialize;
use shared::dialect::CenterProfile;
use shared::{
    Access, Call, Center, Dialect, Email, Limits, NewUser, Nickname, Password, Result, Username, Users,
};

#[derive(Deserialize)]
struct Registration {
    username: Username,
    password: Password,
    nickname: Nickname,
    email: Email,
}

async fn register((users, limits): &(Users, Limits), call: Call) -> Result<CenterProfile> {
    let given: Registration = call.json()?;
    let new = NewUser {
        username: Some(given.username),
        nickname: given.nickname,
        email: given.email,
        password: given.password.hash()?,
        access: Access::User,
    };
    let limit = limits.sign_up(&call.source_address());
    Ok(users.sign_up(new, Some(&limit), &call.by_anyone()).await?.into())
}

/// Runs the function.
pub fn main() {
    Center::serve(register);
}
