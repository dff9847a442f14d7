//! `PUT /api/users/email_verified`: whoever holds the mailed token shows that the e-mail is theirs.

use serde::{Deserialize, Serialize};
use shared::dialect::WhaleUser;
use shared::{Call, Dialect, Error, Result, Subject, Tokens, Users, Whale};

#[derive(Deserialize)]
struct Given {
    user_uuid: String,
    token: String,
}

#[derive(Serialize)]
struct Verified {
    user: WhaleUser,
}

async fn verify_email((users, tokens): &(Users, Tokens), call: Call) -> Result<Verified> {
    let given: Given = call.json_with(&["user_uuid", "token"])?;
    let uuid = given.user_uuid.parse().map_err(|_| Error::NoSuchAccount)?;
    let user = users.find(&Subject::Uuid(uuid)).await?;
    if !tokens.is_for_email_of(&given.token, &user).await {
        return Err(Error::NoSuchAccount);
    }
    let email = user.email.canonical();
    let by = call.by(&user);
    let verified = users.change(user, &by, |user| {
        user.email_verified |= user.email.canonical() == email; // not an address that came between
    });
    Ok(Verified { user: verified.await?.into() })
}

/// Runs the function.
pub fn main() {
    Whale::serve(verify_email);
}
