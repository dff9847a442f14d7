//! Encryption at rest: AES-256-GCM (NIST SP 800-38D) of single fields, each bound to its user
//! and its name, so that a sealed value moved to another place does not open.
//!
//! Sealed form: one byte of format, four of the key's name, twelve of nonce, then ciphertext
//! and tag. The key's name lets a former key go on opening what it sealed.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::digest::{SHA256, digest};
use ring::hkdf;
use uuid::Uuid;

use crate::env::{Env, Resource};
use crate::{Fault, random, secrets};

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
    current: Key,
    previous: Option<Key>,
}

struct Key {
    name: [u8; NAME_LEN],
    aead: LessSafeKey,
}

impl Resource for Seals {
    async fn open(env: &Env) -> Result<Self, Fault> {
        Self::under(env, "DATA_KEY", b"fields at rest").await
    }
}

impl Key {
    /// HKDF (RFC 5869) of the secret.
    fn derive(secret: &str, purpose: &[u8]) -> Result<Self, Fault> {
        let unusable = |_| Fault::new("the data key is unusable");
        let source = hkdf::Salt::new(hkdf::HKDF_SHA256, b"accounts").extract(secret.as_bytes());
        let aead: UnboundKey = source.expand(&[purpose], &AES_256_GCM).map_err(unusable)?.into();
        let mut name = [0; NAME_LEN];
        let hash = digest(&SHA256, secret.as_bytes());
        name.iter_mut().zip(hash.as_ref()).for_each(|(to, from)| *to = *from);
        Ok(Self { name, aead: LessSafeKey::new(aead) })
    }
}

impl Seals {
    /// Seals for one purpose, under the secret that the variable names.
    pub(crate) async fn under(env: &Env, variable: &str, purpose: &[u8]) -> Result<Self, Fault> {
        let versions = secrets::versions(env, variable).await?;
        let derive = |secret: secrets::Secret| Key::derive(&secret.value, purpose);
        Ok(Self { current: derive(versions.current)?, previous: versions.previous.map(derive).transpose()? })
    }

    /// Seals `text` as the field `field` of `user`.
    ///
    /// # Errors
    /// Only a fault of ours.
    pub fn seal(&self, user: Uuid, field: &str, text: &str) -> Result<Sealed, Fault> {
        let nonce = random::bytes::<NONCE_LEN>()?;
        let mut secret = text.as_bytes().to_vec();
        self.current
            .aead
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), bound_to(user, field), &mut secret)
            .map_err(|_| Fault::new("a field could not be sealed"))?;
        Ok(Sealed([&[FORMAT], self.current.name.as_slice(), &nonce, &secret].concat()))
    }

    /// Opens what was sealed as this field of this user.
    ///
    /// # Errors
    /// Where it was sealed as something else, under an unknown key, or was changed since.
    pub fn unseal(&self, user: Uuid, field: &str, sealed: &Sealed) -> Result<String, Fault> {
        self.opened(user, field, sealed)
            .ok_or_else(|| Fault::new(format!("the field {field} could not be opened")))
    }

    fn opened(&self, user: Uuid, field: &str, Sealed(bytes): &Sealed) -> Option<String> {
        let (&format, rest) = bytes.split_first()?;
        let (name, rest) = rest.split_first_chunk::<NAME_LEN>()?;
        let (nonce, secret) = rest.split_first_chunk::<NONCE_LEN>()?;
        let mut keys = std::iter::once(&self.current).chain(&self.previous);
        let key = keys.find(|key| format == FORMAT && key.name == *name)?;
        let mut secret = secret.to_vec();
        let text = key
            .aead
            .open_in_place(Nonce::assume_unique_for_key(*nonce), bound_to(user, field), &mut secret)
            .ok()?;
        String::from_utf8(text.to_vec()).ok()
    }
}

fn bound_to(user: Uuid, field: &str) -> Aad<Vec<u8>> {
    Aad::from([user.as_bytes(), field.as_bytes()].concat())
}
