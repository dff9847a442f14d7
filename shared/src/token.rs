//! Tokens: who is calling, proved by a signature and checked against the user as stored.
//!
//! JWTs (RFC 7519) under the advice of RFC 8725: HS256 and nothing else, every registered claim
//! required, five seconds of leeway. The token carries an id and a version, never a right; what
//! its user may do is read from the store at every request, so that a block, a new role or a
//! new password holds from the next request on.

mod hs256;

use std::sync::Arc;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::env::{Env, Resource};
use crate::secrets::Rotating;
use crate::{Admission, Caller, Error, Fault, Result, User, Users, clock, tally};

/// Who makes the tokens, and whom they are for.
const ISSUER: &str = "accounts";
/// What a token is for. One for one purpose is refused for every other.
const ACCESS: &str = "access";
const VERIFY_EMAIL: &str = "verify-email";
/// How long the link of a verification mail is good.
const VERIFY_EMAIL_SECONDS: u64 = 24 * 60 * 60;
/// Longer than any token of ours.
const MOST_BYTES: usize = 2048;
const LEEWAY_SECONDS: u64 = 5;

/// Issues tokens and tells whose they are.
pub struct Tokens {
    keys: Arc<Rotating>,
    seconds: u64,
}

/// The payload. `ver` is a version of the user's that ends every token issued before it was
/// raised: of a login token the token version, of a verification token that of the address.
/// `openid` is told to clients, and never read back.
#[derive(Serialize, Deserialize)]
struct Claims {
    user_id: Uuid,
    exp: u64,
    iat: u64,
    iss: String,
    aud: String,
    typ: String,
    ver: u64,
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    openid: Option<String>,
}

impl Resource for Tokens {
    async fn open(env: &Env) -> Result<Self, Fault> {
        hs256::install();
        Ok(Self {
            keys: env.token_key().await?,
            seconds: env.number("TOKEN_SECONDS")?,
        })
    }
}

impl Tokens {
    /// A new login token for `user`.
    ///
    /// # Errors
    /// Only a fault of ours.
    pub async fn issue(&self, user: &User) -> Result<String> {
        tally::note_user(user.uuid);
        let claims = claims(ACCESS, user.uuid, user.token_version, self.seconds);
        let openid = user.wx.as_ref().map(ToString::to_string);
        self.sign(&Claims { openid, ..claims }).await
    }

    /// The holder of the access token `token`, as stored now. One read.
    ///
    /// # Errors
    /// [`Error::ExpiredToken`]; [`Error::BadToken`] for everything else that is not a valid token
    /// of an existing user; the error of `admission`; a fault of ours where nobody can say which.
    pub async fn authenticate(
        &self,
        token: Option<&str>,
        users: &Users,
        admission: Admission,
    ) -> Result<Caller> {
        let claims = self.verify(token.ok_or(Error::BadToken)?, ACCESS).await?;
        let user = users
            .by_uuid(claims.user_id)
            .await?
            .ok_or(Error::BadToken)?;
        if user.token_version != claims.ver {
            return Err(Error::BadToken);
        }
        tally::note_user(user.uuid);
        admission.check(&user)?;
        Ok(Caller { user, admission })
    }

    /// A new token that shows that its holder reads the user's address of this version.
    ///
    /// # Errors
    /// Only a fault of ours.
    pub async fn issue_for_email(&self, user: Uuid, version: u64) -> Result<String> {
        self.sign(&claims(VERIFY_EMAIL, user, version, VERIFY_EMAIL_SECONDS))
            .await
    }

    /// Whether `token` shows that its holder reads the address that `user` has now.
    ///
    /// # Errors
    /// Only a fault of ours.
    pub async fn is_for_email_of(&self, token: &str, user: &User) -> Result<bool> {
        let claims = match self.verify(token, VERIFY_EMAIL).await {
            Ok(claims) => claims,
            Err(Error::Internal(fault)) => return Err(fault.into()),
            Err(_) => return Ok(false),
        };
        let theirs = claims.user_id == user.uuid && claims.ver == user.email_version;
        if theirs {
            tally::note_user(user.uuid);
        }
        Ok(theirs)
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
        .map_err(|_| Fault::new("a token could not be signed").into())
    }

    async fn verify(&self, token: &str, purpose: &str) -> Result<Claims> {
        if token.len() > MOST_BYTES {
            return Err(Error::BadToken);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| Error::BadToken)?;
        if header.alg != Algorithm::HS256 || header.crit.is_some() {
            return Err(Error::BadToken);
        }
        let kid = header.kid.ok_or(Error::BadToken)?;
        let key = self.keys.version(&kid).await?.ok_or(Error::BadToken)?;

        let key = DecodingKey::from_secret(key.value.as_bytes());
        let claims = jsonwebtoken::decode::<Claims>(token, &key, &rules())
            .map_err(|error| match error.kind() {
                ErrorKind::ExpiredSignature => Error::ExpiredToken,
                _ => Error::BadToken,
            })?
            .claims;
        let from_the_future = claims.iat > clock::seconds().saturating_add(LEEWAY_SECONDS);
        if claims.typ != purpose || from_the_future {
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
        openid: None,
    }
}

fn rules() -> Validation {
    let mut rules = Validation::new(Algorithm::HS256);
    rules.leeway = LEEWAY_SECONDS;
    rules.validate_nbf = true;
    rules.set_required_spec_claims(&["exp", "iss", "aud"]);
    rules.set_issuer(&[ISSUER]);
    rules.set_audience(&[ISSUER]);
    rules
}
