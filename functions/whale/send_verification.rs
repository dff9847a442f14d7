//! `POST /api/users/verification_email`: mail a user the link that verifies the e-mail.

use serde::{Deserialize, Serialize};
use shared::{Call, Dialect, Email, Error, Limits, Result, Subject, UserId, Users, Whale};
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
struct Given {
    user_id: Option<UserId>,
    #[schema(value_type = Option<Email>)]
    email: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct Sent {}

#[utoipa::path(
    post,
    path = "/api/users/verification_email/",
    request_body = inline(Given),
    responses((status = 200, body = inline(Sent))),
    extensions(("x-errors" = json!(["missing", "no_such_account", "already_verified", "too_many"]))),
)]
pub(crate) async fn send_verification(
    (users, limits): &(Users, Limits),
    call: Call,
) -> Result<Sent> {
    let given: Given = call.json_with(&["user_id|email"])?;
    let user = users
        .find(&Subject::of(given.user_id, given.email.as_deref())?)
        .await?;
    if user.email_verified {
        return Err(Error::AlreadyVerified);
    }
    users
        .send_verification(
            &user,
            &limits.verification_mails(user.id()),
            call.language(),
        )
        .await?;
    Ok(Sent {})
}

/// Runs the function.
pub fn main() {
    Whale::serve(send_verification);
}
