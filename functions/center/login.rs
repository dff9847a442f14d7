use serde::{Deserialize, Serialize};
use shared::CenterProfile;
use shared::{RateLimits, Request, Result, SignIn, Tokens, UsersWithPasswords, endpoint};
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
struct Credentials {
    #[schema(examples("testuser"))]
    username: String,
    #[schema(format = Password, examples("password123"))]
    password: String,
    /// `offline_access` for a refresh token. Other scopes are ignored (RFC 6749, section 3.3).
    #[serde(default)]
    #[schema(value_type = String, required = false, examples(""))]
    scope: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct SignedIn {
    #[schema(examples("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9..."))]
    access_token: String,
    #[schema(examples("bearer"))]
    token_type: &'static str,
    user: CenterProfile,
    /// Only with the scope `offline_access`: the validity of the access token in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = u64, required = false, examples(86400))]
    expires_in: Option<u64>,
    /// Only with the scope `offline_access`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, examples("AZQSNFZ4erw..."))]
    refresh_token: Option<String>,
}

/// Exchange a user name or e-mail, and a password, for a token.
///
/// With the scope `offline_access` the response also holds a refresh token.
#[endpoint(
    POST "/api/auth/login",
    family = Center,
    errors = [WrongPassword, RateLimited],
    grants = [
        MayUseTokenKey,
        MayReadPasswords,
        MayFindByEmail,
        MayFindByUsername,
        MayLogIn,
        MayWriteAuditLog,
    ],
    memory = Hashing,
    openapi(
        request_body(content = inline(Credentials), content_type = "application/x-www-form-urlencoded"),
        responses((status = 200, body = inline(SignedIn))),
    ),
)]
pub(crate) async fn login(
    (users, limits, tokens): &(UsersWithPasswords, RateLimits, Tokens),
    request: Request,
) -> Result<SignedIn> {
    let body: Credentials = request.form()?;
    let scopes = body.scope.as_deref().unwrap_or_default();
    let is_offline = scopes.split(' ').any(|scope| scope == "offline_access");
    let session = tokens.new_session(&request, is_offline)?;
    let attempt = SignIn {
        name: &body.username,
        account: users.owner_of_name(&body.username).await?,
        password: &body.password,
        token_holder: tokens.holder(request.bearer()).await,
        session: &session,
    };
    let user = users
        .sign_in(limits, &attempt, &request.anonymous_actor())
        .await?;
    Ok(SignedIn {
        access_token: tokens.issue(&user, session.id()).await?,
        token_type: "bearer",
        expires_in: is_offline.then_some(tokens.seconds()),
        refresh_token: session.refresh_token(user.uuid),
        user: user.into(),
    })
}
