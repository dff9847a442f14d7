use serde::Serialize;
use shared::{Admission, CenterSession, Request, Result, Tokens, Users, endpoint};
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
struct List {
    sessions: Vec<CenterSession>,
}

/// The caller's sessions, newest first.
#[endpoint(
    GET "/api/auth/sessions",
    family = Center,
    grants = [MayUseTokenKey, MayReadUsers],
    openapi(
        responses((status = 200, body = inline(List))),
        security(("bearer" = [])),
    ),
)]
pub(crate) async fn list_sessions(
    (users, tokens): &(Users, Tokens),
    request: Request,
) -> Result<List> {
    let caller = tokens
        .authenticate(request.bearer(), users, Admission::ValidToken)
        .await?;
    let sessions = caller.user.sessions.live().into_iter();
    let shown = sessions.map(|(id, session)| CenterSession::new(id, session, &caller.session));
    Ok(List {
        sessions: shown.collect(),
    })
}
