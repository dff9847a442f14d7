use shared::CenterProfile;
use shared::{Admission, Request, Result, Tokens, Users, endpoint};

/// The caller's own profile.
#[endpoint(
    GET "/api/users/me",
    family = Center,
    grants = [MayUseTokenKey, MayReadUsers],
    openapi(
        responses((status = 200, body = CenterProfile)),
        security(("bearer" = [])),
    ),
)]
pub(crate) async fn get_me(
    (users, tokens): &(Users, Tokens),
    request: Request,
) -> Result<CenterProfile> {
    Ok(tokens
        .authenticate(request.bearer(), users, Admission::ValidToken)
        .await?
        .user
        .into())
}
