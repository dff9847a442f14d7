use serde::{Deserialize, Serialize};
use shared::{Email, RateLimits, Request, Result, UserId, UserRef, Users, endpoint};
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
struct Body {
    user_id: Option<UserId>,
    #[schema(value_type = Option<Email>)]
    email: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct Sent {}

/// Mail a user the link that verifies the e-mail.
#[endpoint(
    POST "/api/users/verification_email/",
    family = Whale,
    errors = [Missing, NoSuchAccount, AlreadyVerified, RateLimited],
    grants = [
        MayReadUsers,
        MayFindByEmail,
        MayCountVerifications,
        MayEnqueueMessages,
        MayWriteAuditLog,
    ],
    openapi(
        request_body = inline(Body),
        responses((status = 200, body = inline(Sent))),
    ),
)]
pub(crate) async fn send_verification(
    (users, limits): &(Users, RateLimits),
    request: Request,
) -> Result<Sent> {
    let body: Body = request.json_requiring(&["user_id|email"])?;
    let actor = request.anonymous_actor();
    let target = UserRef::from_id_or_email(body.user_id, body.email.as_deref())?;
    let account = limits
        .count_failure(users.account(&target).await, &actor)
        .await?;
    let sent = users.send_verification(&account, limits, &actor).await;
    limits.count_failure(sent, &actor).await?;
    Ok(Sent {})
}
