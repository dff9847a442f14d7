//! Cursors: where a list goes on, as a text that only we can read or make.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use crate::directory::At;
use crate::env::{Env, Resource};
use crate::seal::{Sealed, Seals};
use crate::{Error, Fault, Result, UserId};

/// Makes cursors and reads them, under the current version of the token key or the one before.
pub struct Cursors(Seals);

impl Resource for Cursors {
    async fn open(env: &Env) -> Result<Self, Fault> {
        Ok(Self(Seals::of(env.token_key().await?, b"cursors")))
    }
}

impl Cursors {
    /// The cursor of a place in the list of `question`.
    ///
    /// # Errors
    /// Only a fault of ours.
    pub async fn write(&self, question: &str, at: At) -> Result<String> {
        let place = match at {
            At::Offset(offset) => format!("+{offset}"),
            At::After(id) => id.to_string(),
        };
        let Sealed(bytes) = self.0.seal(Uuid::nil(), question, &place).await?;
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The place that a cursor tells.
    ///
    /// # Errors
    /// [`Error::BadParameter`] where it is none of ours, was changed, is of another `question`, or
    /// older than two rotations of the key; a fault of ours where nobody can say.
    pub async fn read(&self, question: &str, cursor: &str) -> Result<At> {
        let unknown = || Error::BadParameter("cursor");
        let sealed = Sealed(URL_SAFE_NO_PAD.decode(cursor).map_err(|_| unknown())?);
        let opened = self.0.opened(Uuid::nil(), question, &sealed).await?;
        opened.as_deref().and_then(place).ok_or_else(unknown)
    }
}

fn place(text: &str) -> Option<At> {
    match text.strip_prefix('+') {
        Some(offset) => offset.parse().ok().map(At::Offset),
        None => text.parse().ok().map(|id: UserId| At::After(id)),
    }
}
