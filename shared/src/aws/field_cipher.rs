//! Encryption of single fields at rest, with AES-256-GCM (NIST SP 800-38D).
//!
//! Each value is bound to its user and field name. A value that is moved to another user or field
//! does not open.
//!
//! Format: 1 byte version, 4 bytes key fingerprint, 12 bytes nonce, then ciphertext and tag. The
//! fingerprint selects the key, so that values of the previous key can still be opened.

use std::sync::Arc;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::digest::{SHA256, digest};
use ring::hkdf;
use uuid::Uuid;

use crate::aws::{CachedSecret, Secret};
use crate::aws::{Connections, FromConfig};
use crate::domain::{EncryptedField, InternalError, random};

const FORMAT: u8 = 1;
const FINGERPRINT_LEN: usize = 4;

/// Encrypts fields with the current key, and decrypts them with the current or previous one.
pub struct FieldCipher {
    keys: Arc<CachedSecret>,
    purpose: &'static [u8],
}

impl FromConfig for FieldCipher {
    async fn open(connections: &Connections) -> Result<Self, InternalError> {
        let keys = CachedSecret::read(connections, "DATA_KEY").await?;
        Ok(Self::new(Arc::new(keys), b"fields at rest"))
    }
}

impl FieldCipher {
    /// A cipher for one purpose. It cannot open values of another purpose.
    pub(crate) fn new(keys: Arc<CachedSecret>, purpose: &'static [u8]) -> Self {
        Self { keys, purpose }
    }

    /// Encrypts `text` as the field `field` of `user`.
    ///
    /// # Errors
    /// Only an internal error.
    pub async fn seal(
        &self,
        user: Uuid,
        field: &str,
        text: &str,
    ) -> Result<EncryptedField, InternalError> {
        let key = self.keys.current().await;
        let nonce = random::bytes::<NONCE_LEN>()?;
        let mut secret = text.as_bytes().to_vec();
        derive(&key, self.purpose)?
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                additional_data(user, field),
                &mut secret,
            )
            .map_err(|_| InternalError::new("a field could not be sealed"))?;
        Ok(EncryptedField(
            [&[FORMAT], fingerprint(&key).as_slice(), &nonce, &secret].concat(),
        ))
    }

    /// Decrypts the field `field` of `user`.
    ///
    /// # Errors
    /// If the value belongs to another field or user, its key is unknown, or it was modified.
    pub async fn open(
        &self,
        user: Uuid,
        field: &str,
        encrypted: &EncryptedField,
    ) -> Result<String, InternalError> {
        let text = self.try_open(user, field, encrypted).await?;
        text.ok_or_else(|| InternalError::new(format!("the field {field} could not be opened")))
    }

    /// As [`FieldCipher::open`], but `None` if the value does not open.
    ///
    /// # Errors
    /// If the key is unknown and the secret cannot be refreshed.
    pub(crate) async fn try_open(
        &self,
        user: Uuid,
        field: &str,
        encrypted: &EncryptedField,
    ) -> Result<Option<String>, InternalError> {
        let Some((key_fingerprint, nonce, secret)) = split(encrypted) else {
            return Ok(None);
        };
        let Some(key) = self
            .keys
            .find(|key| fingerprint(key) == *key_fingerprint)
            .await?
        else {
            return Ok(None);
        };
        let (nonce, mut secret) = (Nonce::assume_unique_for_key(*nonce), secret.to_vec());
        let text = derive(&key, self.purpose)?.open_in_place(
            nonce,
            additional_data(user, field),
            &mut secret,
        );
        Ok(text
            .ok()
            .and_then(|text| String::from_utf8(text.to_vec()).ok()))
    }
}

/// Splits a value into key fingerprint, nonce, and ciphertext with tag. `None` if malformed.
fn split(
    EncryptedField(bytes): &EncryptedField,
) -> Option<(&[u8; FINGERPRINT_LEN], &[u8; NONCE_LEN], &[u8])> {
    let (&format, rest) = bytes.split_first()?;
    let (key_fingerprint, rest) = rest.split_first_chunk()?;
    let (nonce, secret) = rest.split_first_chunk()?;
    (format == FORMAT).then_some((key_fingerprint, nonce, secret))
}

/// The key for `purpose`, derived from the secret with HKDF (RFC 5869).
fn derive(key: &Secret, purpose: &[u8]) -> Result<LessSafeKey, InternalError> {
    let source = hkdf::Salt::new(hkdf::HKDF_SHA256, b"accounts").extract(key.value.as_bytes());
    let unusable = |_| InternalError::new("a key is unusable");
    let derived: UnboundKey = source
        .expand(&[purpose], &AES_256_GCM)
        .map_err(unusable)?
        .into();
    Ok(LessSafeKey::new(derived))
}

/// The first bytes of the key's SHA-256.
fn fingerprint(key: &Secret) -> [u8; FINGERPRINT_LEN] {
    let mut fingerprint = [0; FINGERPRINT_LEN];
    fingerprint
        .iter_mut()
        .zip(digest(&SHA256, key.value.as_bytes()).as_ref())
        .for_each(|(to, from)| *to = *from);
    fingerprint
}

fn additional_data(user: Uuid, field: &str) -> Aad<Vec<u8>> {
    Aad::from([user.as_bytes(), field.as_bytes()].concat())
}
