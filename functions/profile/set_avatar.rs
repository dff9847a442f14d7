use serde::Serialize;
use shared::ProfileResponse;
use shared::{Admission, Avatars, Error, Picture, Request, Result, Tokens, Users, endpoint};
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
    #[schema(examples(
        "https://avatars.example.com/avatars/550e8400-e29b-41d4-a716-446655440000/0123456789abcdef0123456789abcdef.jpg"
    ))]
    avatar_url: String,
}

/// Make the file `avatar` of a form the caller's picture.
///
/// It is decoded and written anew before it is kept, and the one before is deleted after.
#[endpoint(
    POST "/users/avatar",
    family = Profile,
    errors = [Blocked, NoImage, BadImage],
    grants = [MayUseTokenKey, MayReadUsers, MayChangeUsers, MayEnqueueMessages, MayPutAvatars],
    memory = Image,
    message = "Avatar saved successfully",
    top_level_field = "avatar_url",
    openapi(
        request_body(content = inline(Form), content_type = "multipart/form-data"),
        responses((status = 200, body = inline(Saved))),
        security(("bearer" = [])),
    ),
)]
pub(crate) async fn set_avatar(
    (users, tokens, avatars): &(Users, Tokens, Avatars),
    request: Request,
) -> Result<ProfileResponse<Saved>> {
    let caller = tokens
        .authenticate(request.bearer(), users, Admission::Unblocked)
        .await?;
    let file = request.file("avatar").await?.ok_or(Error::NoImage)?;
    let picture = Picture::sanitize(&file).map_err(Error::BadImage)?;

    let avatar = avatars.put(&caller.user, picture).await?;
    let actor = request.actor(&caller);
    users.set_avatar(caller.user, &actor, &avatar).await?;
    let avatar_url = String::from(avatar);
    Ok(ProfileResponse {
        message: ENDPOINT.message,
        top_level_field: Some(("avatar_url", avatar_url.clone().into())),
        data: Saved { avatar_url },
    })
}
