use serde::{Deserialize, Serialize};
use shared::{Error, InvalidField, Request, Result, Tokens, Users, endpoint};
use utoipa::ToSchema;

/// The only grant type of this endpoint.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[allow(dead_code, reason = "it describes the schema")]
enum GrantType {
    RefreshToken,
}

#[derive(Deserialize, ToSchema)]
struct Grant {
    #[schema(value_type = GrantType)]
    grant_type: String,
    #[schema(examples("AZQSNFZ4erw..."))]
    refresh_token: String,
}

#[derive(Serialize, ToSchema)]
struct Refreshed {
    #[schema(examples("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9..."))]
    access_token: String,
    #[schema(examples("bearer"))]
    token_type: &'static str,
    #[schema(examples(86400))]
    expires_in: u64,
    #[schema(examples("AZQSNFZ4erw..."))]
    refresh_token: String,
}

/// Exchange a refresh token for an access token and the next refresh token.
///
/// A refresh token can be used once (RFC 9700, section 4.14). A second use, more than 30 seconds
/// later, ends its session.
#[endpoint(
    POST "/api/auth/refresh",
    family = Center,
    errors = [BadToken],
    grants = [MayUseTokenKey, MayReadUsers, MayChangeUsers, MayWriteAuditLog],
    openapi(
        request_body(content = inline(Grant), content_type = "application/x-www-form-urlencoded"),
        responses((status = 200, body = inline(Refreshed))),
    ),
)]
pub(crate) async fn refresh(
    (users, tokens): &(Users, Tokens),
    request: Request,
) -> Result<Refreshed> {
    let body: Grant = request.form()?;
    if body.grant_type != "refresh_token" {
        let reason = "must be refresh_token";
        return Err(Error::Invalid(InvalidField::new("grant_type", reason)));
    }
    let actor = request.anonymous_actor();
    let (user, session, refresh_token) = users
        .refresh(&body.refresh_token, tokens.lifetime(), &actor)
        .await?;
    Ok(Refreshed {
        access_token: tokens.issue(&user, &session).await?,
        token_type: "bearer",
        expires_in: tokens.seconds(),
        refresh_token,
    })
}
