//! `PUT /api/captcha/check`: whether a code is right. Counts a try, and does not use the code up.

use serde::{Deserialize, Serialize};
use shared::{Call, CaptchaGroup, Captchas, Dialect, Error, Result, Subject, UserId, Users, Whale};

#[derive(Deserialize)]
struct Given {
    group: CaptchaGroup,
    code: String,
    user_id: Option<UserId>,
    email: Option<String>,
}

#[derive(Serialize)]
struct Right {}

async fn check_captcha((users, captchas): &(Users, Captchas), call: Call) -> Result<Right> {
    let given: Given = call.json_with(&["group", "code", "user_id|email"])?;
    let user = users.id_of(&Subject::of(given.user_id, given.email.as_deref())?).await?;
    if captchas.evaluate(user, given.group, &given.code).await?.is_none() {
        users.find(&Subject::Id(user)).await?; // no such account comes before no such code
        return Err(Error::BadCode);
    }
    Ok(Right {})
}

/// Runs the function.
pub fn main() {
    Whale::serve(check_captcha);
}
