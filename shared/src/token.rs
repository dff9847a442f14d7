//! Tokens: who is calling, proved by a signature and checked against the user as stored.
//!
//! JWTs (RFC 7519) under the advice of RFC 8725: HS256 and nothing else, every registered claim
//! required, five seconds of leeway. The token carries an id and a version, never a right; what
//! its user may do is read from the store at every request, so that a block, a new role or a
//! new password holds from the next request on.

mod hs256;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::env::{Env, Resource};
use crate::secrets::{self, Secret};
use crate::{Call, Error, Fault, Result, User, Users, clock};

/// Who makes the tokens, and whom they are for.
const ISSUER: &str = "accounts";
/// What a login token is for; other purposes have other words.
const ACCESS: &str = "access";
/// Longer than any token of ours.
const MOST_BYTES: usize = 2048;
const LEEWAY_SECONDS: u64 = 5;

/// Issues tokens and tells whose they are.
pub struct Tokens {
    current: Key,
    previous: Option<Key>,
    seconds: u64,
}

struct Key {
    id: String,
    sign: EncodingKey,
    verify: DecodingKey,
}

/// The payload. `ver` is the user's token version: raised, it ends every token issued before.
#[derive(Serialize, Deserialize)]
struct Claims {
    user_id: Uuid,
    exp: u64,
    iat: u64,
    iss: String,
    aud: String,
    typ: String,
    ver: u64,
}

impl Resource for Tokens {
    async fn open(env: &Env) -> Result<Self, Fault> {
        hs256::install();
        let versions = secrets::versions(env, "TOKEN_KEY").await?;
        Ok(Self {
            current: versions.current.into(),
            previous: versions.previous.map(Key::from),
            seconds: env.number("TOKEN_SECONDS")?,
        })
    }
}

impl From<Secret> for Key {
    fn from(secret: Secret) -> Self {
        Self {
            id: secret.id,
            sign: EncodingKey::from_secret(secret.value.as_bytes()),
            verify: DecodingKey::from_secret(secret.value.as_bytes()),
        }
    }
}

impl Tokens {
    /// A new token for `user`.
    ///
    /// # Errors
    /// Only a fault of ours.
    pub fn issue(&self, user: &User) -> Result<String> {
        let now = seconds_now();
        let claims = Claims {
            user_id: user.uuid,
            exp: now.saturating_add(self.seconds),
            iat: now,
            iss: ISSUER.into(),
            aud: ISSUER.into(),
            typ: ACCESS.into(),
            ver: user.token_version,
        };
        let header = Header { kid: Some(self.current.id.clone()), ..Header::new(Algorithm::HS256) };
        jsonwebtoken::encode(&header, &claims, &self.current.sign)
            .map_err(|_| Fault::new("a token could not be signed").into())
    }

    /// The user whose token the request bears, as stored now. One read.
    ///
    /// # Errors
    /// [`Error::ExpiredToken`]; [`Error::BadToken`] for everything else that is not a valid
    /// token of a present, unblocked user.
    pub async fn caller(&self, call: &Call, users: &Users) -> Result<User> {
        let claims = self.verify(call.bearer().ok_or(Error::BadToken)?)?;
        let user = users.by_uuid(claims.user_id).await?.ok_or(Error::BadToken)?;
        if user.blocked || user.token_version != claims.ver {
            return Err(Error::BadToken);
        }
        Ok(user)
    }

    fn verify(&self, token: &str) -> Result<Claims> {
        if token.len() > MOST_BYTES {
            return Err(Error::BadToken);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| Error::BadToken)?;
        if header.alg != Algorithm::HS256 || header.crit.is_some() {
            return Err(Error::BadToken);
        }
        let kid = header.kid.ok_or(Error::BadToken)?;
        let mut keys = std::iter::once(&self.current).chain(&self.previous);
        let key = keys.find(|key| key.id == kid).ok_or(Error::BadToken)?;

        let claims = jsonwebtoken::decode::<Claims>(token, &key.verify, &rules())
            .map_err(|error| match error.kind() {
                ErrorKind::ExpiredSignature => Error::ExpiredToken,
                _ => Error::BadToken,
            })?
            .claims;
        let from_the_future = claims.iat > seconds_now().saturating_add(LEEWAY_SECONDS);
        if claims.typ != ACCESS || from_the_future {
            return Err(Error::BadToken);
        }
        Ok(claims)
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

fn seconds_now() -> u64 {
    clock::now().as_second().try_into().unwrap_or(0)
}
