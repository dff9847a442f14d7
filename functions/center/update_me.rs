//! `PUT /api/users/me`: change the caller's own profile.
//!
//! An absent field stays as it is; `null` clears `phone`, `avatar` and `apikey`. Any other key
//! is ignored.

use serde::Deserialize;
use shared::dialect::CenterProfile;
use shared::{
    Admission, ApiKey, AvatarUrl, Call, Center, Dialect, Email, Nickname, Phone, Result, Seals,
    Tokens, Users, present,
};
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
struct Changes {
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Nickname, required = false)]
    nickname: Option<Nickname>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Email, required = false)]
    email: Option<Email>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Phone>)]
    phone: Option<Option<Phone>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<AvatarUrl>)]
    avatar: Option<Option<AvatarUrl>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<ApiKey>)]
    apikey: Option<Option<ApiKey>>,
}

#[utoipa::path(
    put,
    path = "/api/users/me",
    request_body(content = inline(Changes), example = json!({
        "nickname": "新昵称", "phone": "13800138000", "email": "newemail@example.com",
        "avatar": "https://example.com/new-avatar.jpg", "apikey": "sk-xxxxxxxxxxxxxxxx"
    })),
    responses((status = 200, body = CenterProfile)),
    security(("bearer" = [])),
    extensions(("x-errors" = json!(["forbidden", "email_taken", "phone_taken"]))),
)]
pub(crate) async fn update_me(
    (users, tokens, seals): &(Users, Tokens, Seals),
    call: Call,
) -> Result<CenterProfile> {
    let caller = tokens
        .authenticate(call.bearer(), users, Admission::ValidToken)
        .await?;
    let given: Changes = call.json()?;
    let apikey = match given.apikey {
        Some(Some(key)) => Some(Some(
            seals.seal(caller.user.uuid, "apikey", key.expose()).await?,
        )),
        Some(None) => Some(None),
        None => None,
    };

    let by = call.by(&caller);
    let changed = users.change(caller.user, &by, |user| {
        given
            .nickname
            .iter()
            .for_each(|nickname| user.nickname = nickname.clone());
        given
            .email
            .iter()
            .for_each(|email| user.set_email(email.clone()));
        given
            .phone
            .iter()
            .for_each(|phone| user.phone = phone.clone());
        given
            .avatar
            .iter()
            .for_each(|avatar| user.avatar = avatar.clone());
        apikey
            .iter()
            .for_each(|apikey| user.apikey = apikey.clone());
    });
    Ok(changed.await?.into())
}

/// Runs the function.
pub fn main() {
    Center::serve(update_me);
}
