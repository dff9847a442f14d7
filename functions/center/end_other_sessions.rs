use serde::Serialize;
use shared::{Admission, Request, Result, Tokens, Users, endpoint};
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
struct Ended {}

/// End all of the caller's sessions but the one that asks.
#[endpoint(
    DELETE "/api/auth/sessions",
    family = Center,
    errors = [Forbidden],
    grants = [MayUseTokenKey, MayReadUsers, MayChangeUsers, MayWriteAuditLog],
    openapi(
        responses((status = 200, body = inline(Ended))),
        security(("bearer" = [])),
    ),
)]
pub(crate) async fn end_other_sessions(
    (users, tokens): &(Users, Tokens),
    request: Request,
) -> Result<Ended> {
    let caller = tokens
        .authenticate(request.bearer(), users, Admission::ValidToken)
        .await?;
    let (actor, session) = (request.actor(&caller), caller.session);
    users
        .end_other_sessions(caller.user, &session, &actor)
        .await?;
    Ok(Ended {})
}
