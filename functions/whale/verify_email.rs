//! `PUT /api/users/email_verified`: whoever holds the mailed token shows that the e-mail is theirs.

use serde::{Deserialize, Serialize};
use shared::dialect::WhaleUser;
use shared::{Call, Dialect, Error, Result, Subject, Tokens, Users, Whale};
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
struct Given {
    #[schema(examples("550e8400-e29b-41d4-a716-446655440000"))]
    user_uuid: String,
    #[schema(examples("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9..."))]
    token: String,
}

#[derive(Serialize, ToSchema)]
struct Verified {
    user: WhaleUser,
}

#[utoipa::path(
    put,
    path = "/api/users/email_verified/",
    request_body = inline(Given),
    responses((status = 200, body = inline(Verified))),
    extensions(("x-errors" = json!(["missing", "no_such_account"]))),
)]
pub(crate) async fn verify_email(
    (users, tokens): &(Users, Tokens),
    call: Call,
) -> Result<Verified> {
    let given: Given = call.json_with(&["user_uuid", "token"])?;
    let uuid = given.user_uuid.parse().map_err(|_| Error::NoSuchAccount)?;
    let user = users.find(&Subject::Uuid(uuid)).await?;
    if !tokens.is_for_email_of(&given.token, &user).await? {
        return Err(Error::NoSuchAccount);
    }
    Ok(Verified {
        user: users.verify_email(user, &call.by_anyone()).await?.into(),
    })
}

/// Runs the function.
pub fn main() {
    Whale::serve(verify_email);
}
