use serde::{Deserialize, Serialize};
use shared::{
    Admission, Error, FieldCipher, IdCard, InvalidField, RealName, Request, Result, Tokens, Users,
    empty_as_none,
};
use shared::{ProfileResponse, endpoint};
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
struct Claimed {
    #[serde(default, deserialize_with = "empty_as_none")]
    #[schema(value_type = RealName, required = true)]
    real_name: Option<String>,
    #[serde(default, deserialize_with = "empty_as_none")]
    #[schema(value_type = IdCard, required = true)]
    id_card: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct Saved {}

/// Save the caller's real name and ID number, once. A second call succeeds
/// and changes nothing.
#[endpoint(
    POST "/users/auth",
    family = ProfileAuth,
    errors = [Blocked, Missing],
    grants = [MayUseTokenKey, MayReadUsers, MayUseDataKey, MayChangeUsers, MayWriteAuditLog],
    message = "Verification information saved",
    openapi(
        request_body = inline(Claimed),
        responses((status = 200, body = inline(Saved))),
        security(("bearer" = [])),
    ),
)]
pub(crate) async fn save_auth(
    (users, tokens, cipher): &(Users, Tokens, FieldCipher),
    request: Request,
) -> Result<ProfileResponse<Saved>> {
    let caller = tokens
        .authenticate(request.bearer(), users, Admission::Unblocked)
        .await?;
    let body: Claimed = request.json_non_empty()?;
    let require = |value: Option<String>, field| {
        value
            .filter(|value| !value.trim().is_empty())
            .ok_or(Error::Missing(field))
    };
    let (real_name, id_card) = (
        require(body.real_name, "real_name")?,
        require(body.id_card, "id_card")?,
    );
    let real_name: RealName = real_name
        .parse()
        .map_err(|reason| Error::Invalid(InvalidField::new("real_name", reason)))?;
    let id_card: IdCard = id_card
        .parse()
        .map_err(|reason| Error::Invalid(InvalidField::new("id_card", reason)))?;

    let real_name = cipher
        .seal(caller.user.uuid, "real_name", real_name.expose())
        .await?;
    let id_card = cipher
        .seal(caller.user.uuid, "id_card", id_card.expose())
        .await?;
    let actor = request.actor(&caller);
    users
        .verify_real_name(caller.user, &actor, &real_name, &id_card)
        .await?;
    Ok(ProfileResponse {
        message: ENDPOINT.message,
        data: Saved {},
        top_level_field: None,
    })
}
