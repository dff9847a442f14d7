use serde::{Deserialize, Serialize};
use shared::{
    CodeDeriver, Email, MailCodeGroup, MailCodes, RateLimits, Request, Result, UserId, UserRef,
    Users, endpoint,
};
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

/// Whether a code is right. A wrong one counts as a try; a right one is not used up.
#[endpoint(
    PUT "/api/captcha/check/",
    family = Whale,
    errors = [Missing, NoSuchAccount, BadCode, ExpiredCode, RateLimited],
    grants = [
        MayUseCodeKey,
        MayReadUsers,
        MayFindByEmail,
        MayTryMailCodes,
        MayWriteAuditLog,
    ],
    openapi(
        request_body = inline(Body),
        responses((status = 200, body = inline(Right))),
    ),
)]
pub(crate) async fn check_captcha(
    (users, mail_codes, codes, limits): &(Users, MailCodes, CodeDeriver, RateLimits),
    request: Request,
) -> Result<Right> {
    let body: Body = request.json_requiring(&["group", "code", "user_id|email"])?;
    let actor = request.anonymous_actor();
    let target = UserRef::from_id_or_email(body.user_id, body.email.as_deref())?;
    let account = limits
        .count_failure(users.account_to_recover(&target).await, &actor)
        .await?;
    let verified = mail_codes
        .verify(&account, body.group, (&body.code, codes), limits, &actor)
        .await?;
    mail_codes.give_back(&verified).await?;
    Ok(Right {})
}
