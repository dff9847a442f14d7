use serde::Deserialize;
use shared::CenterProfile;
use shared::{
    Admission, ApiKey, AvatarUrl, Clearable, Email, FieldCipher, Nickname, Phone, Request, Result,
    Tokens, Users, double_option, endpoint,
};
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
struct Changes {
    #[serde(default, deserialize_with = "double_option")]
    #[schema(value_type = Nickname, required = false)]
    nickname: Option<Nickname>,
    #[serde(default, deserialize_with = "double_option")]
    #[schema(value_type = Email, required = false)]
    email: Option<Email>,
    #[serde(default, deserialize_with = "double_option")]
    #[schema(schema_with = Clearable::<Phone>::schema, required = false)]
    phone: Option<Clearable<Phone>>,
    #[serde(default, deserialize_with = "double_option")]
    #[schema(schema_with = Clearable::<AvatarUrl>::schema, required = false)]
    avatar: Option<Clearable<AvatarUrl>>,
    #[serde(default, deserialize_with = "double_option")]
    #[schema(schema_with = Clearable::<ApiKey>::schema, required = false)]
    apikey: Option<Clearable<ApiKey>>,
}

/// Change the caller's own profile.
///
/// An absent field stays as it is; `null` or an empty text clears `phone`, `avatar` and `apikey`.
/// Any other key is ignored.
#[endpoint(
    PUT "/api/users/me",
    family = Center,
    errors = [Forbidden, EmailTaken, PhoneTaken, RateLimited],
    grants = [
        MayUseTokenKey,
        MayReadUsers,
        MayUseDataKey,
        MayChangeUsers,
        MaySetContacts,
        MayWriteAuditLog,
    ],
    openapi(
        request_body(content = inline(Changes), example = json!({
        "nickname": "新昵称", "phone": "13800138000", "email": "newemail@example.com",
        "avatar": "https://example.com/new-avatar.jpg", "apikey": "sk-xxxxxxxxxxxxxxxx"
    })),
        responses((status = 200, body = CenterProfile)),
        security(("bearer" = [])),
    ),
)]
pub(crate) async fn update_me(
    (users, tokens, cipher): &(Users, Tokens, FieldCipher),
    request: Request,
) -> Result<CenterProfile> {
    let caller = tokens
        .authenticate(request.bearer(), users, Admission::ValidToken)
        .await?;
    let body: Changes = request.json()?;
    let apikey = match body.apikey {
        Some(Clearable(Some(key))) => Some(Some(
            cipher
                .seal(caller.user.uuid, "apikey", key.expose())
                .await?,
        )),
        Some(Clearable(None)) => Some(None),
        None => None,
    };

    let actor = request.actor(&caller);
    let session = caller.session;
    let changed = users.change(caller.user, &actor, |user| {
        body.nickname
            .iter()
            .for_each(|nickname| user.nickname = nickname.clone());
        let was_verified = user.email_verified;
        if let Some(email) = &body.email
            && user.set_email(email.clone())
            && was_verified
        {
            user.end_other_sessions(&session);
        }
        body.phone
            .iter()
            .for_each(|Clearable(phone)| user.set_phone(phone.clone()));
        body.avatar
            .iter()
            .for_each(|Clearable(avatar)| user.avatar = avatar.clone());
        apikey
            .iter()
            .for_each(|apikey| user.set_apikey(apikey.clone()));
    });
    Ok(changed.await?.into())
}
