use serde::{Deserialize, Serialize};
use shared::{Email, MailCodeGroup, MailCodes, Request, Result, UserId, UserRef, Users, endpoint};
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
struct Body {
    #[schema(value_type = u64, minimum = 1, maximum = 1, examples(1))]
    group: MailCodeGroup,
    #[schema(examples("7KQ2M9XD"))]
    code: String,
    user_id: Option<UserId>,
    #[schema(value_type = Option<Email>)]
    email: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct Right {}

/// Whether a code is right. Counts a try, and does not use the code up.
#[endpoint(
    PUT "/api/captcha/check/",
    family = Whale,
    errors = [Missing, NoSuchAccount, BadCode, ExpiredCode],
    grants = [MayUseCodeKey, MayReadUsers, MayFindByEmail, MayTryMailCodes],
    throttle = 100,
    openapi(
        request_body = inline(Body),
        responses((status = 200, body = inline(Right))),
    ),
)]
pub(crate) async fn check_captcha(
    (users, mail_codes): &(Users, MailCodes),
    request: Request,
) -> Result<Right> {
    let body: Body = request.json_requiring(&["group", "code", "user_id|email"])?;
    let user = users
        .find(&UserRef::from_id_or_email(
            body.user_id,
            body.email.as_deref(),
        )?)
        .await?;
    mail_codes.verify(&user, body.group, &body.code).await?;
    Ok(Right {})
}
