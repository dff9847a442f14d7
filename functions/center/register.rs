use serde::Deserialize;
use shared::CenterProfile;
use shared::{
    Email, NewUser, NewUserAccess, Nickname, Password, RateLimits, Request, Result, SignUpUsername,
    Users, endpoint,
};
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
struct Registration {
    username: SignUpUsername,
    password: Password,
    nickname: Nickname,
    email: Email,
}

/// Make an account.
#[endpoint(
    POST "/api/auth/register",
    family = Center,
    errors = [UsernameTaken, EmailTaken, RateLimited],
    grants = [MayFindByEmail, MaySignUp, MayWriteAuditLog],
    memory = Hashing,
    openapi(
        request_body = inline(Registration),
        responses((status = 200, body = CenterProfile)),
    ),
)]
pub(crate) async fn register(
    (users, limits, access): &(Users, RateLimits, NewUserAccess),
    request: Request,
) -> Result<CenterProfile> {
    let body: Registration = request.json()?;
    let new = NewUser {
        username: Some(body.username.into()),
        nickname: body.nickname,
        email: body.email,
        password: body.password.hash()?,
        role: access.role(),
    };
    let limit = limits.sign_up(&request.client_ip());
    Ok(users
        .sign_up(new, Some(&limit), &request.anonymous_actor())
        .await?
        .into())
}
