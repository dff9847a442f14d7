//! `PUT /api/users/password`: set a new password, with a mailed code or the old one.

use serde::{Deserialize, Serialize};
use shared::dialect::WhaleUser;
use shared::{
    Call, CaptchaGroup, Captchas, Dialect, Email, Error, Limits, Password, Result, Subject, UserId,
    Users, Whale,
};
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
struct Given {
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

#[utoipa::path(
    put,
    path = "/api/users/password/",
    request_body = inline(Given),
    responses((status = 200, body = inline(Changed))),
    extensions(("x-errors" = json!(["missing", "no_such_account", "wrong_password", "bad_password", "bad_code", "expired_code", "too_many"]))),
)]
pub(crate) async fn change_password(
    (users, captchas, limits): &(Users, Captchas, Limits),
    call: Call,
) -> Result<Changed> {
    let given: Given = call.json_with(&["password_new", "user_id|email", "code|password_old"])?;
    let new = Password::parse(&given.password_new).map_err(|_| Error::BadPassword)?;
    let user = users
        .find(&Subject::of(given.user_id, given.email.as_deref())?)
        .await?;

    let tries = limits.login(Some(user.uuid), "");
    let claim = match (&given.code, &given.password_old) {
        (Some(code), _) => Some(
            captchas
                .evaluate(&user, CaptchaGroup::Password, code)
                .await?,
        ),
        (None, old) => {
            users.count(&tries).await?;
            if !user.password.verify(old.as_deref().unwrap_or_default())? {
                return Err(Error::WrongPassword);
            }
            None
        }
    };
    let changed = users
        .change_password(
            user,
            &new.hash()?,
            claim.as_ref(),
            &tries,
            &call.by_anyone(),
        )
        .await?;
    Ok(Changed {
        user: changed.into(),
    })
}

/// Runs the function.
pub fn main() {
    Whale::serve(change_password);
}
