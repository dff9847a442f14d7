use serde::{Deserialize, Serialize};
use shared::WhaleUser;
use shared::{
    Email, Error, InvalidField, NewUser, NewUserAccess, Nickname, Password, PasswordPolicy,
    RateLimits, Request, Result, Tokens, Users, endpoint,
};
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
struct Body {
    #[schema(value_type = Email)]
    email: String,
    #[schema(value_type = Password)]
    password: String,
    #[schema(value_type = Nickname)]
    name: String,
}

#[derive(Serialize, ToSchema)]
struct Created {
    user: WhaleUser,
    #[schema(examples("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9..."))]
    token: String,
}

/// Make an account, and log in to it.
#[endpoint(
    POST "/api/users/",
    family = Whale,
    errors = [Missing, BadEmail, BadPassword, EmailTaken, RateLimited],
    grants = [
        MayUseTokenKey,
        MayReadUsers,
        MayFindByEmail,
        MaySignUp,
        MayEnqueueMessages,
        MayWriteAuditLog,
    ],
    memory = Hashing,
    openapi(
        request_body = inline(Body),
        responses((status = 200, body = inline(Created))),
    ),
)]
pub(crate) async fn create_user(
    (users, limits, access, (tokens, policy)): &(
        Users,
        RateLimits,
        NewUserAccess,
        (Tokens, PasswordPolicy),
    ),
    request: Request,
) -> Result<Created> {
    let body: Body = request.json_requiring(&["email", "password", "name"])?;
    let nickname: Nickname = body
        .name
        .parse()
        .map_err(|reason| Error::Invalid(InvalidField::new("name", reason)))?;
    let email: Email = body.email.parse().map_err(|_| Error::BadEmail)?;
    let password = Password::parse(&body.password).map_err(|_| Error::BadPassword)?;

    policy.check(&password, &[&nickname, &email])?;
    let actor = request.anonymous_actor();
    limits.consume_sign_up(&actor).await?;
    let new = NewUser {
        username: None,
        nickname,
        email,
        password: password.hash()?,
        role: access.role(),
    };
    let session = tokens.new_session(&request, false)?;
    let user = users.sign_up(new, Some(&session), &actor).await?;
    Ok(Created {
        token: tokens.issue(&user, session.id()).await?,
        user: user.into(),
    })
}
