//! Opaque (encrypted, authenticated) pagination cursors.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use crate::aws::{Connections, FieldCipher, FromConfig, TokenKey};
use crate::domain::EncryptedField;
use crate::domain::{Error, InternalError, Result};
use crate::store::SortKey;

/// Encrypts cursors with the current token key, and decrypts them with the current or previous one.
pub struct CursorCodec(FieldCipher);

impl FromConfig for CursorCodec {
    async fn open(connections: &Connections) -> Result<Self, InternalError> {
        Ok(Self(FieldCipher::new(
            connections.shared::<TokenKey>().await?.0,
            b"cursors",
        )))
    }
}

impl CursorCodec {
    /// Encodes a position in the list that `query` selects.
    ///
    /// # Errors
    /// Only an internal error.
    pub async fn encode(&self, query: &str, position: &SortKey) -> Result<String> {
        let text = serde_json::to_string(position).map_err(|error| {
            InternalError::new("a cursor could not be encoded").with_source(error)
        })?;
        let EncryptedField(bytes) = self.0.seal(Uuid::nil(), query, &text).await?;
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Decodes a cursor.
    ///
    /// # Errors
    /// [`Error::InvalidQuery`] if it is malformed or modified, belongs to another `query`, or is older
    /// than two key rotations. An internal error if its key is unknown and cannot be fetched.
    pub async fn decode(&self, query: &str, cursor: &str) -> Result<SortKey> {
        let invalid = || Error::InvalidQuery("cursor");
        let encrypted = EncryptedField(URL_SAFE_NO_PAD.decode(cursor).map_err(|_| invalid())?);
        let text = self.0.try_open(Uuid::nil(), query, &encrypted).await?;
        text.as_deref()
            .and_then(|text| serde_json::from_str(text).ok())
            .ok_or_else(invalid)
    }
}
