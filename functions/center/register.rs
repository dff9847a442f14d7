use serde::Deserialize;
use shared::CenterProfile;
use shared::{
    Email, NewUser, NewUserAccess, Nickname, Password, PasswordPolicy, RateLimits, Request, Result,
    SignUpUsername, Username, Users, endpoint,
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
    grants = [MayReadUsers, MayFindByEmail, MaySignUp, MayEnqueueMessages, MayWriteAuditLog],
    memory = Hashing,
    openapi(
        request_body = inline(Registration),
        responses((status = 200, body = CenterProfile)),
    ),
)]
pub(crate) async fn register(
    (users, limits, access, policy): &(Users, RateLimits, NewUserAccess, PasswordPolicy),
    request: Request,
) -> Result<CenterProfile> {
    let body: Registration = request.json()?;
    let username = Username::from(body.username);
    policy.check(&body.password, &[&username, &body.nickname, &body.email])?;
    let actor = request.anonymous_actor();
    limits.consume_sign_up(&actor).await?;
    let new = NewUser {
        username: Some(username),
        nickname: body.nickname,
        email: body.email,
        password: body.password.hash()?,
        role: access.role(),
    };
    Ok(users.sign_up(new, None, &actor).await?.into())
}
