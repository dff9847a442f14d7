use serde::{Deserialize, Serialize};
use shared::WhaleCaptcha;
use shared::{
    Email, MailCodeGroup, MailCodes, RateLimits, Request, Result, UserId, UserRef, Users, endpoint,
};
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
struct Body {
    #[schema(value_type = u64, minimum = 1, maximum = 1, examples(1))]
    group: MailCodeGroup,
    user_id: Option<UserId>,
    #[schema(value_type = Option<Email>)]
    email: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct Created {
    captcha: WhaleCaptcha,
}

/// Mail a user a code.
#[endpoint(
    POST "/api/captcha/",
    family = Whale,
    errors = [Missing, NoSuchAccount, RateLimited],
    grants = [
        MayReadUsers,
        MayFindByEmail,
        MayCreateMailCodes,
        MayEnqueueMessages,
        MayWriteAuditLog,
    ],
    openapi(
        request_body = inline(Body),
        responses((status = 200, body = inline(Created))),
    ),
)]
pub(crate) async fn create_captcha(
    (users, mail_codes, limits): &(Users, MailCodes, RateLimits),
    request: Request,
) -> Result<Created> {
    let body: Body = request.json_requiring(&["group", "user_id|email"])?;
    let actor = request.anonymous_actor();
    let target = UserRef::from_id_or_email(body.user_id, body.email.as_deref())?;
    let account = limits
        .count_failure(users.account_to_recover(&target).await, &actor)
        .await?;
    let mail_code = mail_codes
        .send(&account, body.group, limits, &actor)
        .await?;
    let captcha = WhaleCaptcha::from(mail_code);
    let captcha = match users.is_strict() {
        // The id that belongs to an e-mail address reveals that the account exists.
        true => captcha.with_user(body.user_id.map_or(0, UserId::get)),
        false => captcha,
    };
    Ok(Created { captcha })
}
