//! Encryption at rest: AES-256-GCM (NIST SP 800-38D) of single fields, each bound to its user
//! and its name, so that a sealed value moved to another place does not open.
//!
//! Sealed form: one byte of format, four of the key's name, twelve of nonce, then ciphertext
//! and tag. The key's name lets a former key go on opening what it sealed.

use std::sync::Arc;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::digest::{SHA256, digest};
use ring::hkdf;
use uuid::Uuid;

use crate::env::{Env, Resource};
use crate::secrets::{Rotating, Secret};
use crate::{Fault, random};

const FORMAT: u8 = 1;
const NAME_LEN: usize = 4;

/// A field as it is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(pub(crate) Vec<u8>);

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealed")
    }
}

/// Seals fields under the current data key, and opens them under that or the one before.
pub struct Seals {
    keys: Arc<Rotating>,
    purpose: &'static [u8],
}

impl Resource for Seals {
    async fn open(env: &Env) -> Result<Self, Fault> {
        let keys = Rotating::read(env, "DATA_KEY").await?;
        Ok(Self::of(Arc::new(keys), b"fields at rest"))
    }
}

impl Seals {
    /// Seals for one purpose. What is sealed for another does not open.
    pub(crate) fn of(keys: Arc<Rotating>, purpose: &'static [u8]) -> Self {
        Self { keys, purpose }
    }

    /// Seals `text` as the field `field` of `user`.
    ///
    /// # Errors
    /// Only a fault of ours.
    pub async fn seal(&self, user: Uuid, field: &str, text: &str) -> Result<Sealed, Fault> {
        let key = self.keys.current().await;
        let nonce = random::bytes::<NONCE_LEN>()?;
        let mut secret = text.as_bytes().to_vec();
        derive(&key, self.purpose)?
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                bound_to(user, field),
                &mut secret,
            )
            .map_err(|_| Fault::new("a field could not be sealed"))?;
        Ok(Sealed(
            [&[FORMAT], name(&key).as_slice(), &nonce, &secret].concat(),
        ))
    }

    /// Opens what was sealed as this field of this user.
    ///
    /// # Errors
    /// Where it was sealed as something else, under an unknown key, or was changed since.
    pub async fn unseal(&self, user: Uuid, field: &str, sealed: &Sealed) -> Result<String, Fault> {
        let opened = self.opened(user, field, sealed).await?;
        opened.ok_or_else(|| Fault::new(format!("the field {field} could not be opened")))
    }

    /// As [`Seals::unseal`], with `None` where it does not open.
    ///
    /// # Errors
    /// Where the key is not known, and could not be read again.
    pub(crate) async fn opened(
        &self,
        user: Uuid,
        field: &str,
        sealed: &Sealed,
    ) -> Result<Option<String>, Fault> {
        let Some((sealed_under, nonce, secret)) = parts(sealed) else {
            return Ok(None);
        };
        let Some(key) = self.keys.find(|key| name(key) == *sealed_under).await? else {
            return Ok(None);
        };
        let (nonce, mut secret) = (Nonce::assume_unique_for_key(*nonce), secret.to_vec());
        let text =
            derive(&key, self.purpose)?.open_in_place(nonce, bound_to(user, field), &mut secret);
        Ok(text
            .ok()
            .and_then(|text| String::from_utf8(text.to_vec()).ok()))
    }
}

/// The key's name, the nonce, and the ciphertext with its tag.
fn parts(Sealed(bytes): &Sealed) -> Option<(&[u8; NAME_LEN], &[u8; NONCE_LEN], &[u8])> {
    let (&format, rest) = bytes.split_first()?;
    let (sealed_under, rest) = rest.split_first_chunk()?;
    let (nonce, secret) = rest.split_first_chunk()?;
    (format == FORMAT).then_some((sealed_under, nonce, secret))
}

/// HKDF (RFC 5869) of the secret.
fn derive(key: &Secret, purpose: &[u8]) -> Result<LessSafeKey, Fault> {
    let source = hkdf::Salt::new(hkdf::HKDF_SHA256, b"accounts").extract(key.value.as_bytes());
    let unusable = |_| Fault::new("a key is unusable");
    let derived: UnboundKey = source
        .expand(&[purpose], &AES_256_GCM)
        .map_err(unusable)?
        .into();
    Ok(LessSafeKey::new(derived))
}

fn name(key: &Secret) -> [u8; NAME_LEN] {
    let mut name = [0; NAME_LEN];
    name.iter_mut()
        .zip(digest(&SHA256, key.value.as_bytes()).as_ref())
        .for_each(|(to, from)| *to = *from);
    name
}

fn bound_to(user: Uuid, field: &str) -> Aad<Vec<u8>> {
    Aad::from([user.as_bytes(), field.as_bytes()].concat())
}
