use serde::Serialize;
use shared::WhaleUser;
use shared::{Admission, Error, Request, Result, Tokens, Users, endpoint};
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
struct Found {
    user: WhaleUser,
}

/// The user of a token, which the query carries, or else the header.
#[endpoint(
    GET "/api/current_user/",
    family = Whale,
    errors = [MissingQuery, NotFound],
    grants = [MayUseTokenKey, MayReadUsers],
    openapi(
        responses((status = 200, body = inline(Found))),
        security((), ("bearer" = []), ("token" = [])),
    ),
)]
pub(crate) async fn current_user(
    (users, tokens): &(Users, Tokens),
    request: Request,
) -> Result<Found> {
    let token = request
        .query("token")
        .or_else(|| request.bearer())
        .ok_or(Error::MissingQuery)?;
    let caller = tokens
        .authenticate(Some(token), users, Admission::ValidToken)
        .await
        .map_err(|error| match error {
            Error::BadToken | Error::ExpiredToken => Error::NotFound,
            other => other,
        })?;
    Ok(Found {
        user: caller.user.into(),
    })
}
