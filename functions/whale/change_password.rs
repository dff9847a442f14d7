use serde::{Deserialize, Serialize};
use shared::WhaleUser;
use shared::{
    CodeDeriver, Email, Error, MailCodeGroup, MailCodes, Password, PasswordChangeProof,
    PasswordPolicy, RateLimits, Request, Result, UserId, UserRef, UsersWithPasswords, endpoint,
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
///
/// A mailed code also verifies the address that it went to. If that was not verified before, the
/// real name, the ID number and the phone number are cleared.
#[endpoint(
    PUT "/api/users/password/",
    family = Whale,
    errors = [Missing, NoSuchAccount, WrongPassword, BadPassword, BadCode, ExpiredCode, RateLimited],
    grants = [
        MayUseCodeKey,
        MayReadPasswords,
        MayFindByEmail,
        MaySetPasswords,
        MayTryMailCodes,
        MayWriteAuditLog,
    ],
    memory = Hashing,
    openapi(
        request_body = inline(Body),
        responses((status = 200, body = inline(Changed))),
    ),
)]
pub(crate) async fn change_password(
    (users, (mail_codes, codes), limits, policy): &(
        UsersWithPasswords,
        (MailCodes, CodeDeriver),
        RateLimits,
        PasswordPolicy,
    ),
    request: Request,
) -> Result<Changed> {
    let body: Body =
        request.json_requiring(&["password_new", "user_id|email", "code|password_old"])?;
    let new = Password::parse(&body.password_new).map_err(|_| Error::BadPassword)?;
    let actor = request.anonymous_actor();
    let target = UserRef::from_id_or_email(body.user_id, body.email.as_deref())?;
    let account = limits
        .count_failure(users.account_to_recover(&target).await, &actor)
        .await?;

    let proof = match (&body.code, &body.password_old) {
        (Some(code), _) => {
            let group = MailCodeGroup::Password;
            let verified = mail_codes.verify(&account, group, (code, codes), limits, &actor);
            PasswordChangeProof::Code(verified.await?)
        }
        (None, old) => {
            let old = old.as_deref().unwrap_or_default();
            let tries = users.verify_password(&account, old, limits, &actor).await?;
            PasswordChangeProof::OldPassword(tries)
        }
    };
    let user = account.into_user()?;
    // After the proof: a refusal reveals the account's names.
    let hash = policy.hash(&new, &[&user.username, &user.nickname, &user.email]);
    let changed = match hash {
        Ok(hash) => users.change_password(user, &hash, &proof, &actor).await,
        Err(error) => Err(error),
    };
    if let Err(Error::Invalid(_)) = changed {
        // The proof was right, so its try is taken back.
        match &proof {
            PasswordChangeProof::Code(code) => mail_codes.give_back(code).await?,
            PasswordChangeProof::OldPassword(tries) => limits.give_back(tries).await?,
        }
    }
    Ok(Changed {
        user: changed?.into(),
    })
}
