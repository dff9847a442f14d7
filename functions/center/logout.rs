use serde::Serialize;
use shared::{Admission, Request, Result, Tokens, Users, endpoint};
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
struct LoggedOut {}

/// End the caller's session.
///
/// Its access token and its refresh token are no longer valid.
#[endpoint(
    POST "/api/auth/logout",
    family = Center,
    errors = [Forbidden],
    grants = [MayUseTokenKey, MayReadUsers, MayChangeUsers, MayWriteAuditLog],
    openapi(
        responses((status = 200, body = inline(LoggedOut))),
        security(("bearer" = [])),
    ),
)]
pub(crate) async fn logout(
    (users, tokens): &(Users, Tokens),
    request: Request,
) -> Result<LoggedOut> {
    let caller = tokens
        .authenticate(request.bearer(), users, Admission::ValidToken)
        .await?;
    let (actor, session) = (request.actor(&caller), caller.session);
    users.end_session(caller.user, &session, &actor).await?;
    Ok(LoggedOut {})
}
