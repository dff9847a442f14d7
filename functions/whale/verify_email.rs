use serde::{Deserialize, Serialize};
use shared::WhaleUser;
use shared::{Error, Request, Result, Tokens, UserRef, Users, endpoint};
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
struct Body {
    #[schema(examples("550e8400-e29b-41d4-a716-446655440000"))]
    user_uuid: String,
    #[schema(examples("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9..."))]
    token: String,
}

#[derive(Serialize, ToSchema)]
struct Verified {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = WhaleUser, required = false)]
    user: Option<WhaleUser>,
}

/// Whoever holds the mailed token shows that the e-mail is theirs.
///
/// The first use returns the user. A later use succeeds without `user`.
#[endpoint(
    PUT "/api/users/email_verified/",
    family = Whale,
    errors = [Missing, NoSuchAccount],
    grants = [MayUseTokenKey, MayReadUsers, MayChangeUsers, MayWriteAuditLog],
    openapi(
        request_body = inline(Body),
        responses((status = 200, body = inline(Verified))),
    ),
)]
pub(crate) async fn verify_email(
    (users, tokens): &(Users, Tokens),
    request: Request,
) -> Result<Verified> {
    let body: Body = request.json_requiring(&["user_uuid", "token"])?;
    let uuid = body.user_uuid.parse().map_err(|_| Error::NoSuchAccount)?;
    let user = users.find(&UserRef::Uuid(uuid)).await?;
    if !tokens.is_for_email_of(&body.token, &user).await? {
        return Err(Error::NoSuchAccount);
    }
    let actor = request.anonymous_actor();
    let verified = users.verify_email(user, &actor).await?;
    Ok(Verified {
        user: verified.map(Into::into),
    })
}
