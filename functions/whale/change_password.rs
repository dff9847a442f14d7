use serde::{Deserialize, Serialize};
use shared::WhaleUser;
use shared::{
    Email, Error, MailCodeGroup, MailCodes, Password, PasswordPolicy, RateLimits, Request, Result,
    UserId, UserRef, Users, endpoint,
};
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
struct Body {
    #[schema(value_type = Password)]
    password_new: String,
    user_id: Option<UserId>,
    #[schema(value_type = Option<Email>)]
    email: Option<String>,
    #[schema(examples("7KQ2M9XD"))]
    code: Option<String>,
    #[schema(format = Password, examples("password123"))]
    password_old: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct Changed {
    user: WhaleUser,
}

/// Set a new password, with a mailed code or the old one.
#[endpoint(
    PUT "/api/users/password/",
    family = Whale,
    errors = [Missing, NoSuchAccount, WrongPassword, BadPassword, BadCode, ExpiredCode, RateLimited],
    grants = [
        MayUseCodeKey,
        MayReadUsers,
        MayFindByEmail,
        MayCheckPasswords,
        MaySetPasswords,
        MayTryMailCodes,
        MayEnqueueMessages,
        MayWriteAuditLog,
    ],
    memory = Hashing,
    throttle = 30,
    openapi(
        request_body = inline(Body),
        responses((status = 200, body = inline(Changed))),
    ),
)]
pub(crate) async fn change_password(
    (users, mail_codes, limits, policy): &(Users, MailCodes, RateLimits, PasswordPolicy),
    request: Request,
) -> Result<Changed> {
    let body: Body =
        request.json_requiring(&["password_new", "user_id|email", "code|password_old"])?;
    let new = Password::parse(&body.password_new).map_err(|_| Error::BadPassword)?;
    let user = users
        .find(&UserRef::from_id_or_email(
            body.user_id,
            body.email.as_deref(),
        )?)
        .await?;

    let tries = limits.login(Some(user.uuid), "");
    let verified_code = match (&body.code, &body.password_old) {
        (Some(code), _) => Some(
            mail_codes
                .verify(&user, MailCodeGroup::Password, code)
                .await?,
        ),
        (None, old) => {
            limits.consume(&tries).await?;
            if !user.password.verify(old.as_deref().unwrap_or_default())? {
                return Err(Error::WrongPassword);
            }
            None
        }
    };
    // After the proof: a refusal tells of the account's names.
    let hash = policy.hash(&new, &[&user.username, &user.nickname, &user.email])?;
    let changed = users
        .change_password(
            user,
            &hash,
            verified_code.as_ref(),
            &tries,
            &request.anonymous_actor(),
        )
        .await?;
    Ok(Changed {
        user: changed.into(),
    })
}
