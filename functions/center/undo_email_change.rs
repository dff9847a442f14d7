use serde::{Deserialize, Serialize};
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
struct Undone {}

/// Restore the former e-mail address with the token that was mailed to it.
///
/// Ends all sessions, and mails a code for a new password to the restored address.
#[endpoint(
    PUT "/api/auth/email/undo",
    family = Center,
    errors = [Missing, BadToken, AlreadyUndone],
    grants = [
        MayUseTokenKey,
        MayReadUsers,
        MayChangeUsers,
        MayRestoreEmails,
        MayIssueMailCodes,
        MayWriteAuditLog,
    ],
    openapi(
        request_body = inline(Body),
        responses((status = 200, body = inline(Undone))),
    ),
)]
pub(crate) async fn undo_email_change(
    (users, tokens): &(Users, Tokens),
    request: Request,
) -> Result<Undone> {
    let body: Body = request.json_requiring(&["user_uuid", "token"])?;
    let uuid = body.user_uuid.parse().map_err(|_| Error::BadToken)?;
    let hold = tokens.hold_to_undo(&body.token, uuid).await?;
    // A deleted user looks like a bad token.
    let bad_token = |error| match error {
        Error::NoSuchAccount => Error::BadToken,
        error => error,
    };
    let user = users.find(&UserRef::Uuid(uuid)).await.map_err(bad_token)?;
    users
        .undo_email_change(user, hold, &request.anonymous_actor())
        .await
        .map_err(bad_token)?;
    Ok(Undone {})
}
