use serde::{Deserialize, Serialize};
use shared::CenterProfile;
use shared::{RateLimits, Request, Result, SignIn, Tokens, Users, endpoint};
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
struct Credentials {
    #[schema(examples("testuser"))]
    username: String,
    #[schema(format = Password, examples("password123"))]
    password: String,
}

#[derive(Serialize, ToSchema)]
struct SignedIn {
    #[schema(examples("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9..."))]
    access_token: String,
    #[schema(examples("bearer"))]
    token_type: &'static str,
    user: CenterProfile,
}

/// Exchange a user name or e-mail, and a password, for a token.
#[endpoint(
    POST "/api/auth/login",
    family = Center,
    errors = [WrongPassword, RateLimited],
    grants = [
        MayUseTokenKey,
        MayReadUsers,
        MayFindByEmail,
        MayFindByUsername,
        MayCheckPasswords,
        MayCountFailures,
        MayWriteAuditLog,
    ],
    memory = Hashing,
    throttle = 120,
    openapi(
        request_body(content = inline(Credentials), content_type = "application/x-www-form-urlencoded"),
        responses((status = 200, body = inline(SignedIn))),
    ),
)]
pub(crate) async fn login(
    (users, limits, tokens): &(Users, RateLimits, Tokens),
    request: Request,
) -> Result<SignedIn> {
    let body: Credentials = request.form()?;
    let attempt = SignIn {
        name: &body.username,
        account: users.owner_of_name(&body.username).await?,
        password: &body.password,
        token_holder: tokens.holder(request.bearer()).await?,
    };
    let user = users
        .sign_in(limits, &attempt, &request.anonymous_actor())
        .await?;
    Ok(SignedIn {
        access_token: tokens.issue(&user).await?,
        token_type: "bearer",
        user: user.into(),
    })
}
