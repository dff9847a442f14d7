//! `POST /api/users/verification_email`: mail a user the link that verifies the e-mail.

use serde::{Deserialize, Serialize};
use shared::{Call, Dialect, Error, Limits, Result, Subject, UserId, Users, Whale};

#[derive(Deserialize)]
struct Given {
    user_id: Option<UserId>,
    email: Option<String>,
}

#[derive(Serialize)]
struct Sent {}

async fn send_verification((users, limits): &(Users, Limits), call: Call) -> Result<Sent> {
    let given: Given = call.json_with(&["user_id|email"])?;
    let user = users.find(&Subject::of(given.user_id, given.email.as_deref())?).await?;
    if user.email_verified {
        return Err(Error::AlreadyVerified);
    }
    users.send_verification(&user, &limits.verification_mails(user.id()), call.language()).await?;
    Ok(Sent {})
}

/// Runs the function.
pub fn main() {
    Whale::serve(send_verification);
}
