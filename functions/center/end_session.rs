use serde::Serialize;
use shared::{Admission, Error, Request, Result, Tokens, Users, endpoint};
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
struct Ended {}

/// End one of the caller's sessions.
///
/// It may be the caller's own, as with a logout.
#[endpoint(
    DELETE "/api/auth/sessions/{id}",
    family = Center,
    errors = [Forbidden, NotFound],
    grants = [MayUseTokenKey, MayReadUsers, MayChangeUsers, MayWriteAuditLog],
    openapi(
        params(("id" = String, Path, description = "The session's `id` in the list.")),
        responses((status = 200, body = inline(Ended))),
        security(("bearer" = [])),
    ),
)]
pub(crate) async fn end_session(
    (users, tokens): &(Users, Tokens),
    request: Request,
) -> Result<Ended> {
    let caller = tokens
        .authenticate(request.bearer(), users, Admission::ValidToken)
        .await?;
    let id = request.path_variable("id").parse().ok();
    let id = id.filter(|id| caller.user.sessions.is_live(id));
    let id = id.ok_or(Error::NotFound)?;
    let actor = request.actor(&caller);
    users.end_session(caller.user, &id, &actor).await?;
    Ok(Ended {})
}
