//! Refresh tokens (RFC 6749, section 6), rotated at each use (RFC 9700, section 4.14).
//!
//! A token is the user's UUID, the session's id and a secret, in base64url. The first half of the
//! secret is the same in all tokens of a session, and the second half is new in each. So every
//! token that was rotated out is recognized, however long ago: it was made for the session, and it
//! is not current. Only SHA-256 hashes are stored. The secrets are random, so they need no salt.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::session_id::SessionId;
use crate::domain::{InternalError, random};

/// Half of a secret: 128 random bits.
const HALF: usize = 16;

/// The refresh token of a session, without its user.
#[derive(Clone)]
pub struct RefreshToken {
    session: SessionId,
    /// The half that all tokens of the session share.
    family: [u8; HALF],
    /// The half of this token alone.
    own: [u8; HALF],
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshToken")
    }
}

impl RefreshToken {
    /// The first token of a session.
    pub(super) fn generate(session: SessionId) -> Result<Self, InternalError> {
        Ok(Self {
            session,
            family: random::bytes()?,
            own: random::bytes()?,
        })
    }

    /// The next token of the same session.
    pub(crate) fn next(&self) -> Result<Self, InternalError> {
        Ok(Self {
            own: random::bytes()?,
            ..self.clone()
        })
    }

    /// The token as a client gets it.
    #[must_use]
    pub(crate) fn encode(&self, user: Uuid) -> String {
        let parts = [
            *user.as_bytes(),
            *self.session.bytes(),
            self.family,
            self.own,
        ];
        BASE64_URL_SAFE_NO_PAD.encode(parts.concat())
    }

    /// The user and the token in `text`. `None` if it is malformed.
    #[must_use]
    pub(crate) fn decode(text: &str) -> Option<(Uuid, Self)> {
        const BYTES: usize = 16 + SessionId::BYTES + 2 * HALF;
        if text.len() != (BYTES * 4).div_ceil(3) {
            return None;
        }
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let (user, rest) = bytes.split_first_chunk()?;
        let (session, rest) = rest.split_first_chunk()?;
        let (family, own) = rest.split_first_chunk()?;
        let token = Self {
            session: SessionId::from_bytes(*session),
            family: *family,
            own: own.try_into().ok()?,
        };
        Some((Uuid::from_bytes(*user), token))
    }

    /// The id of its session.
    pub(crate) fn session(&self) -> &SessionId {
        &self.session
    }

    /// The hashes that are stored with a new session.
    pub(super) fn first_hashes(&self) -> RefreshHashes {
        RefreshHashes {
            family: self.family_hash(),
            current: self.hash(),
            previous: None,
        }
    }

    fn family_hash(&self) -> SecretHash {
        SecretHash::new(&self.family)
    }

    fn hash(&self) -> SecretHash {
        SecretHash::new(&[self.family, self.own].concat())
    }
}

/// What a refresh token is to its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RefreshState {
    /// It can be used.
    Current,
    /// It was used moments ago. The same request was sent twice.
    JustRotated,
    /// It was used before. Someone has a copy of it.
    Reused,
    /// It was never valid, or its session has ended.
    Unknown,
}

/// The hashes of a session's refresh tokens.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RefreshHashes {
    /// Of the half that all tokens share.
    pub(crate) family: SecretHash,
    /// Of the token that can be used.
    pub(crate) current: SecretHash,
    /// Of the token before it.
    pub(crate) previous: Option<SecretHash>,
}

impl RefreshHashes {
    /// What `token` is, if the last rotation was recent or not.
    pub(super) fn state(&self, token: &RefreshToken, is_recent: bool) -> RefreshState {
        let hash = Some(token.hash());
        if self.family != token.family_hash() {
            RefreshState::Unknown
        } else if hash.as_ref() == Some(&self.current) {
            RefreshState::Current
        } else if is_recent && hash == self.previous {
            RefreshState::JustRotated
        } else {
            RefreshState::Reused
        }
    }

    /// Replaces `from` by `to`. Whether `from` was current.
    pub(super) fn rotate(&mut self, from: &RefreshToken, to: &RefreshToken) -> bool {
        let is_current = self.current == from.hash();
        if is_current {
            self.previous = Some(std::mem::replace(&mut self.current, to.hash()));
        }
        is_current
    }
}

/// The SHA-256 hash of a secret. The comparison takes the same time wherever two hashes differ.
#[derive(Clone)]
pub(crate) struct SecretHash(Vec<u8>);

impl SecretHash {
    fn new(secret: &[u8]) -> Self {
        Self(digest(&SHA256, secret).as_ref().to_vec())
    }

    /// A hash from the store.
    pub(crate) fn stored(hash: Vec<u8>) -> Self {
        Self(hash)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl PartialEq for SecretHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash")
    }
}
