//! Access tokens and the tokens of mailed links, as JWTs (RFC 7519).
//!
//! As RFC 8725 recommends, only HS256 is accepted, and `exp`, `iss` and `aud` are required. The
//! leeway is 5 seconds. A token contains ids and a version, no rights. The user is read at every
//! request, so that a logout, a block, a new role or a new password takes effect at the next request.

mod hs256;

use std::sync::LazyLock;

use jiff::SignedDuration;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::api::Request;
use crate::aws::TokenKey;
use crate::aws::{Connections, FromConfig};
use crate::domain::{
    Admission, Caller, Error, InternalError, NewSession, Result, SessionId, User, clock,
};
use crate::store::{EmailHold, Users};
use crate::telemetry::request_metrics;

/// The issuer and the audience of all tokens.
const ISSUER: &str = "accounts";
/// The purposes of tokens. A token of one purpose is rejected for another.
const ACCESS: &str = "access";
const VERIFY_EMAIL: &str = "verify-email";
const UNDO_EMAIL: &str = "undo-email";
/// The validity of a link in a verification e-mail.
const VERIFY_EMAIL_SECONDS: u64 = 24 * 60 * 60;
/// The length above which a token is rejected unread. Issued tokens are shorter.
const MAX_BYTES: usize = 2048;
const LEEWAY_SECONDS: u64 = clock::LEEWAY.as_secs().unsigned_abs();

/// Issues and verifies tokens.
pub struct Tokens {
    keys: TokenKey,
    seconds: u64,
}

/// The claims of a token.
///
/// `ver` is the user's token version in an access token, and the e-mail version in a verification
/// token. Incrementing that version revokes the token. In a token that undoes a change of the e-mail
/// address it is the version of the hold. `sid` is the session of an access token, which is valid
/// only while the session lives. `openid` is for clients, and never read.
#[derive(Serialize, Deserialize)]
struct Claims {
    user_id: Uuid,
    exp: u64,
    iat: u64,
    iss: String,
    aud: String,
    typ: String,
    ver: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sid: Option<SessionId>,
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    openid: Option<String>,
}

impl FromConfig for Tokens {
    async fn open(connections: &Connections) -> Result<Self, InternalError> {
        hs256::install();
        Ok(Self {
            keys: connections.shared::<TokenKey>().await?,
            seconds: connections.config.required_u64("TOKEN_SECONDS")?,
        })
    }
}

impl Tokens {
    /// The validity of an access token in seconds.
    #[must_use]
    pub fn seconds(&self) -> u64 {
        self.seconds
    }

    /// The same as a duration.
    #[must_use]
    pub fn lifetime(&self) -> SignedDuration {
        SignedDuration::from_secs(self.seconds.try_into().unwrap_or(i64::MAX))
    }

    /// A new session of the client that sent `request`, with or without a refresh token.
    ///
    /// # Errors
    /// Only an internal error.
    pub fn new_session(&self, request: &Request, has_refresh_token: bool) -> Result<NewSession> {
        Ok(NewSession::new(
            request.client(),
            self.lifetime(),
            has_refresh_token,
        )?)
    }

    /// Issues an access token of the session `session` of `user`.
    ///
    /// # Errors
    /// Only an internal error.
    pub async fn issue(&self, user: &User, session: &SessionId) -> Result<String> {
        request_metrics::record_user(user.uuid);
        let claims = claims(ACCESS, user.uuid, user.token_version, self.seconds);
        let openid = user.wechat_open_id.as_ref().map(ToString::to_string);
        let sid = Some(*session);
        self.sign(&Claims {
            sid,
            openid,
            ..claims
        })
        .await
    }

    /// The holder of the access token `token`, as stored now. One read.
    ///
    /// # Errors
    /// [`Error::ExpiredToken`]; [`Error::BadToken`] for anything else but a valid token of an existing
    /// user; the error of `admission`; an internal error if the token cannot be checked.
    pub async fn authenticate(
        &self,
        token: Option<&str>,
        users: &Users,
        admission: Admission,
    ) -> Result<Caller> {
        let claims = self.verify(token.ok_or(Error::BadToken)?, ACCESS).await?;
        let session = claims.sid.ok_or(Error::BadToken)?;
        let user = users
            .by_uuid(claims.user_id)
            .await?
            .ok_or(Error::BadToken)?;
        request_metrics::record_user(user.uuid);
        Caller::admit(user, claims.ver, session, admission)
    }

    /// The holder of an access token, and their token version at that time. The token may have
    /// expired. It proves that the client was once signed in, and entitles to nothing else. No read.
    /// `None` also if the token cannot be checked now, since a login does not need it.
    pub async fn holder(&self, token: Option<&str>) -> Option<(Uuid, u64)> {
        let claims = self.decode(token?, ACCESS).await.ok()?;
        Some((claims.user_id, claims.ver))
    }

    /// Issues a token that verifies the user's e-mail address of version `version`.
    ///
    /// # Errors
    /// Only an internal error.
    pub async fn issue_for_email(&self, user: Uuid, version: u64) -> Result<String> {
        self.sign(&claims(VERIFY_EMAIL, user, version, VERIFY_EMAIL_SECONDS))
            .await
    }

    /// Whether `token` verifies the current e-mail address of `user`.
    ///
    /// # Errors
    /// Only an internal error.
    pub async fn is_for_email_of(&self, token: &str, user: &User) -> Result<bool> {
        let claims = match self.verify(token, VERIFY_EMAIL).await {
            Ok(claims) => claims,
            Err(Error::Internal(error)) => return Err(error.into()),
            Err(_) => return Ok(false),
        };
        let is_valid = claims.user_id == user.uuid && claims.ver == user.email_version;
        if is_valid {
            request_metrics::record_user(user.uuid);
        }
        Ok(is_valid)
    }

    /// Issues a token that undoes the change of the user's e-mail address which began `hold`. It
    /// expires with the hold.
    ///
    /// # Errors
    /// Only an internal error.
    pub async fn issue_to_undo_email(&self, user: Uuid, hold: EmailHold) -> Result<String> {
        let claims = claims(UNDO_EMAIL, user, hold.version, 0);
        let exp = hold.until;
        self.sign(&Claims { exp, ..claims }).await
    }

    /// The version of the hold that `token` of the user `uuid` ends.
    ///
    /// # Errors
    /// [`Error::BadToken`] for anything else but a valid token of this user.
    pub async fn hold_to_undo(&self, token: &str, uuid: Uuid) -> Result<u64> {
        match self.verify(token, UNDO_EMAIL).await {
            // Without leeway: the hold ends at this second.
            Ok(claims) if claims.user_id == uuid && clock::seconds() < claims.exp => Ok(claims.ver),
            Err(Error::Internal(error)) => Err(error.into()),
            Ok(_) | Err(_) => Err(Error::BadToken),
        }
    }

    async fn sign(&self, claims: &Claims) -> Result<String> {
        let key = self.keys.current().await;
        let header = Header {
            kid: Some(key.id),
            ..Header::new(Algorithm::HS256)
        };
        jsonwebtoken::encode(
            &header,
            claims,
            &EncodingKey::from_secret(key.value.as_bytes()),
        )
        .map_err(|error| {
            InternalError::new("a token could not be signed")
                .with_source(error)
                .into()
        })
    }

    /// The claims of a valid token of this purpose.
    async fn verify(&self, token: &str, purpose: &str) -> Result<Claims> {
        let claims = self.decode(token, purpose).await?;
        if claims.exp < clock::seconds().saturating_sub(LEEWAY_SECONDS) {
            return Err(Error::ExpiredToken);
        }
        Ok(claims)
    }

    /// The claims of a token of this purpose, which may have expired.
    async fn decode(&self, token: &str, purpose: &str) -> Result<Claims> {
        if token.len() > MAX_BYTES {
            return Err(Error::BadToken);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| Error::BadToken)?;
        if header.alg != Algorithm::HS256 || header.crit.is_some() {
            return Err(Error::BadToken);
        }
        let kid = header.kid.ok_or(Error::BadToken)?;
        let key = self.keys.version(&kid).await?.ok_or(Error::BadToken)?;

        let key = DecodingKey::from_secret(key.value.as_bytes());
        let claims = jsonwebtoken::decode::<Claims>(token, &key, &VALIDATION)
            .map_err(|_| Error::BadToken)?
            .claims;
        let issued_in_future = claims.iat > clock::seconds().saturating_add(LEEWAY_SECONDS);
        if claims.typ != purpose || issued_in_future {
            return Err(Error::BadToken);
        }
        Ok(claims)
    }
}

fn claims(purpose: &str, user: Uuid, version: u64, seconds: u64) -> Claims {
    let now = clock::seconds();
    Claims {
        user_id: user,
        exp: now.saturating_add(seconds),
        iat: now,
        iss: ISSUER.into(),
        aud: ISSUER.into(),
        typ: purpose.into(),
        ver: version,
        sid: None,
        openid: None,
    }
}

/// What every token must fulfil.
static VALIDATION: LazyLock<Validation> = LazyLock::new(|| {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.leeway = LEEWAY_SECONDS;
    validation.validate_exp = false; // `verify` checks it with the service's clock
    validation.validate_nbf = true;
    validation.set_required_spec_claims(&["exp", "iss", "aud"]);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[ISSUER]);
    validation
});
