use shared::{Admission, Request, Result, Tokens, Users};
use shared::{ProfileResponse, ProfileUser, endpoint};

/// The caller's own data.
#[endpoint(
    GET "/users",
    family = Profile,
    errors = [Blocked],
    grants = [MayUseTokenKey, MayReadUsers],
    openapi(
        responses((status = 200, body = ProfileUser)),
        security(("bearer" = [])),
    ),
)]
pub(crate) async fn get_user(
    (users, tokens): &(Users, Tokens),
    request: Request,
) -> Result<ProfileResponse<ProfileUser>> {
    let caller = tokens
        .authenticate(request.bearer(), users, Admission::Unblocked)
        .await?;
    Ok(ProfileResponse::success(caller.user.into()))
}
