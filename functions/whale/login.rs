use serde::{Deserialize, Serialize};
use shared::WhaleUser;
use shared::{
    Email, RateLimits, Request, Result, SignIn, Tokens, UserRef, UsersWithPasswords, endpoint,
};
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
struct Body {
    #[schema(value_type = Email)]
    email: String,
    #[schema(format = Password, examples("password123"))]
    password: String,
}

#[derive(Serialize, ToSchema)]
struct SignedIn {
    user: WhaleUser,
    #[schema(examples("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9..."))]
    token: String,
}

/// Exchange an e-mail and a password for a token.
#[endpoint(
    PUT "/api/users/login/",
    family = Whale,
    errors = [Missing, NoSuchAccount, WrongPassword, Blocked, RateLimited],
    grants = [
        MayUseTokenKey,
        MayReadPasswords,
        MayFindByEmail,
        MayLogIn,
        MayWriteAuditLog,
    ],
    memory = Hashing,
    openapi(
        request_body = inline(Body),
        responses((status = 200, body = inline(SignedIn))),
    ),
)]
pub(crate) async fn login(
    (users, limits, tokens): &(UsersWithPasswords, RateLimits, Tokens),
    request: Request,
) -> Result<SignedIn> {
    let body: Body = request.json_requiring(&["email", "password"])?;
    let target = body.email.parse().map_or(UserRef::Nobody, UserRef::Email);
    let account = users.owner_of(&target).await?;
    let session = tokens.new_session(&request, false)?;
    let attempt = SignIn {
        name: &body.email,
        account,
        password: &body.password,
        token_holder: tokens.holder(request.bearer_or_query()).await,
        session: &session,
    };
    let user = users
        .sign_in(limits, &attempt, &request.anonymous_actor())
        .await?;
    Ok(SignedIn {
        token: tokens.issue(&user, session.id()).await?,
        user: user.into(),
    })
}
