//! `POST /users/avatar`: make the file `avatar` of a form the caller's picture.
//!
//! It is decoded and written anew before it is kept, and the one before is deleted after.

use serde::Serialize;
use shared::dialect::Given;
use shared::{Admission, Avatars, Call, Dialect, Error, Picture, Profile, Result, Tokens, Users};
use utoipa::ToSchema;

/// The form as it is described; it is read as it comes.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a description")]
struct Form {
    /// PNG, JPEG, WebP or GIF; at most 2 MiB, and 4,096 pixels a side.
    #[schema(value_type = String, format = Binary)]
    avatar: Vec<u8>,
}

#[derive(Serialize, ToSchema)]
struct Saved {
    #[schema(examples("https://example.com/avatar.jpg"))]
    avatar_url: String,
}

#[utoipa::path(
    post,
    path = "/users/avatar",
    request_body(content = inline(Form), content_type = "multipart/form-data"),
    responses((status = 200, body = inline(Saved))),
    security(("bearer" = [])),
    extensions(("x-errors" = json!(["blocked", "no_image", "bad_image"])), ("x-beside" = json!("avatar_url"))),
)]
pub(crate) async fn set_avatar(
    (users, tokens, avatars): &(Users, Tokens, Avatars),
    call: Call,
) -> Result<Given<Saved>> {
    let caller = tokens
        .authenticate(call.bearer(), users, Admission::Unblocked)
        .await?;
    let file = call.file("avatar").await?.ok_or(Error::NoImage)?;
    let picture = Picture::read(&file).map_err(Error::BadImage)?;

    let avatar = avatars.put(&caller.user, picture).await?;
    let by = call.by(&caller);
    users.set_avatar(caller.user, &by, &avatar).await?;
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
