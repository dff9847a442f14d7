//! `POST /api/captcha`: mail a user a code.

use serde::{Deserialize, Serialize};
use shared::dialect::WhaleCaptcha;
use shared::{Call, CaptchaGroup, Captchas, Dialect, Limits, Result, Subject, UserId, Users, Whale};

#[derive(Deserialize)]
struct Given {
    group: CaptchaGroup,
    user_id: Option<UserId>,
    email: Option<String>,
}

#[derive(Serialize)]
struct Created {
    captcha: WhaleCaptcha,
}

async fn create_captcha(
    (users, captchas, limits): &(Users, Captchas, Limits),
    call: Call,
) -> Result<Created> {
    let given: Given = call.json_with(&["group", "user_id|email"])?;
    let user = users.find(&Subject::of(given.user_id, given.email.as_deref())?).await?;
    let captcha = captchas.send(&user, given.group, &limits.captchas(user.id()), call.language()).await?;
    Ok(Created { captcha: captcha.into() })
}

/// Runs the function.
pub fn main() {
    Whale::serve(create_captcha);
}
