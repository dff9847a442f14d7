//! `POST /users/avatar`: make the file `avatar` of a form the caller's picture.
//!
//! It is decoded and written anew before it is kept, and the one before is deleted after.

use serde::Serialize;
use shared::dialect::Given;
use shared::{Avatars, Call, Dialect, Error, Picture, Profile, Result, Tokens, Users};

#[derive(Serialize)]
struct Saved {
    avatar_url: String,
}

async fn set_avatar((users, tokens, avatars): &(Users, Tokens, Avatars), call: Call) -> Result<Given<Saved>> {
    let caller = tokens.caller(call.bearer(), users).await?;
    let file = call.file("avatar").await?.ok_or(Error::NoImage)?;
    let picture = Picture::read(&file).map_err(Error::BadImage)?;

    let avatar = avatars.put(&caller, picture).await?;
    let by = call.by(&caller);
    users.set_avatar(caller, &by, &avatar, avatars).await?;
    let avatar_url = String::from(avatar);
    Ok(Given {
        message: "Avatar saved successfully",
        beside: Some(("avatar_url", avatar_url.clone().into())),
        data: Saved { avatar_url },
    })
}

/// Runs the function.
pub fn main() {
    Profile::serve(set_avatar);
}
