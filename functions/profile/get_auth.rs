use serde::Serialize;
use shared::ProfileResponse;
use shared::{
    Admission, EncryptedField, FieldCipher, Request, Result, Tokens, UserId, Users, endpoint,
};
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
struct Verified {
    #[schema(value_type = UserId)]
    user_id: u64,
    #[schema(required = true, examples("张三"))]
    real_name: Option<String>,
    #[schema(required = true, examples("110101199003071234"))]
    id_card: Option<String>,
}

/// The caller's own real name and ID number, as verified; to nobody else.
#[endpoint(
    GET "/users/auth",
    family = Profile,
    errors = [Blocked],
    grants = [MayUseTokenKey, MayReadUsers, MayUseDataKey],
    openapi(
        responses((status = 200, body = inline(Verified))),
        security(("bearer" = [])),
    ),
)]
pub(crate) async fn get_auth(
    (users, tokens, cipher): &(Users, Tokens, FieldCipher),
    request: Request,
) -> Result<ProfileResponse<Verified>> {
    let caller = tokens
        .authenticate(request.bearer(), users, Admission::Unblocked)
        .await?
        .user;
    let open = async |field: &str, encrypted: &Option<EncryptedField>| match encrypted {
        Some(encrypted) => cipher.open(caller.uuid, field, encrypted).await.map(Some),
        None => Ok(None),
    };
    Ok(ProfileResponse::success(Verified {
        user_id: caller.id().get(),
        real_name: open("real_name", &caller.real_name).await?,
        id_card: open("id_card", &caller.id_card).await?,
    }))
}
