//! `PUT /api/captcha/check`: whether a code is right. Counts a try, and does not use the code up.

use serde::{Deserialize, Serialize};
use shared::{Call, CaptchaGroup, Captchas, Dialect, Email, Result, Subject, UserId, Users, Whale};
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
struct Given {
    #[schema(value_type = u64, minimum = 1, maximum = 1, examples(1))]
    group: CaptchaGroup,
    #[schema(examples("7KQ2M9XD"))]
    code: String,
    user_id: Option<UserId>,
    #[schema(value_type = Option<Email>)]
    email: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct Right {}

#[utoipa::path(
    put,
    path = "/api/captcha/check/",
    request_body = inline(Given),
    responses((status = 200, body = inline(Right))),
    extensions(("x-errors" = json!(["missing", "no_such_account", "bad_code", "expired_code"]))),
)]
pub(crate) async fn check_captcha(
    (users, captchas): &(Users, Captchas),
    call: Call,
) -> Result<Right> {
    let given: Given = call.json_with(&["group", "code", "user_id|email"])?;
    let user = users
        .find(&Subject::of(given.user_id, given.email.as_deref())?)
        .await?;
    captchas.evaluate(&user, given.group, &given.code).await?;
    Ok(Right {})
}

/// Runs the function.
pub fn main() {
    Whale::serve(check_captcha);
}
