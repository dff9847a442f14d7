//! `POST /api/captcha`: mail a user a code.

use serde::{Deserialize, Serialize};
use shared::dialect::WhaleCaptcha;
use shared::{
    Call, CaptchaGroup, Captchas, Dialect, Email, Limits, Result, Subject, UserId, Users, Whale,
};
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
struct Given {
    #[schema(value_type = u64, minimum = 1, maximum = 1, examples(1))]
    group: CaptchaGroup,
    user_id: Option<UserId>,
    #[schema(value_type = Option<Email>)]
    email: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct Created {
    captcha: WhaleCaptcha,
}

#[utoipa::path(
    post,
    path = "/api/captcha/",
    request_body = inline(Given),
    responses((status = 200, body = inline(Created))),
    extensions(("x-errors" = json!(["missing", "no_such_account", "too_many"]))),
)]
pub(crate) async fn create_captcha(
    (users, captchas, limits): &(Users, Captchas, Limits),
    call: Call,
) -> Result<Created> {
    let given: Given = call.json_with(&["group", "user_id|email"])?;
    let user = users
        .find(&Subject::of(given.user_id, given.email.as_deref())?)
        .await?;
    let captcha = captchas
        .send(
            &user,
            given.group,
            &limits.captchas(user.id()),
            call.language(),
        )
        .await?;
    Ok(Created {
        captcha: captcha.into(),
    })
}

/// Runs the function.
pub fn main() {
    Whale::serve(create_captcha);
}
