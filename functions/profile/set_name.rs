use serde::{Deserialize, Serialize};
use shared::{
    Admission, Error, InvalidField, Request, Result, Tokens, Username, Users, empty_as_none,
};
use shared::{ProfileResponse, endpoint};
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
struct Body {
    #[serde(default, deserialize_with = "empty_as_none")]
    #[schema(value_type = Username, required = true)]
    name: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct Named {
    #[schema(examples("testuser"))]
    name: String,
}

/// Change the caller's user name, which is unique.
#[endpoint(
    PUT "/users/name",
    family = ProfileName,
    errors = [Blocked, Missing, UsernameTaken, RateLimited],
    grants = [
        MayUseTokenKey,
        MayReadUsers,
        MayChangeUsers,
        MaySetUsernames,
        MayWriteAuditLog,
    ],
    top_level_field = "name",
    openapi(
        request_body = inline(Body),
        responses((status = 200, body = inline(Named))),
        security(("bearer" = [])),
    ),
)]
pub(crate) async fn set_name(
    (users, tokens): &(Users, Tokens),
    request: Request,
) -> Result<ProfileResponse<Named>> {
    let caller = tokens
        .authenticate(request.bearer(), users, Admission::Unblocked)
        .await?;
    let body: Body = request.json_non_empty()?;
    let name = body
        .name
        .filter(|name| !name.trim().is_empty())
        .ok_or(Error::Missing("name"))?;
    let name: Username = name
        .parse()
        .map_err(|reason| Error::Invalid(InvalidField::new("name", reason)))?;

    if name.is_reserved() && name.canonical() != caller.user.username.canonical() {
        return Err(Error::UsernameTaken);
    }

    let actor = request.actor(&caller);
    let user = users
        .change(caller.user, &actor, |user| user.set_username(name.clone()))
        .await?;
    let name = String::from(user.username);
    Ok(ProfileResponse {
        message: "Success",
        top_level_field: Some(("name", name.clone().into())),
        data: Named { name },
    })
}
