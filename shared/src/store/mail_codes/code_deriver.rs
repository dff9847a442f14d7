//! Derivation and comparison of mail codes.
//!
//! A code is eight characters of Crockford's base 32 (<https://www.crockford.com/base32.html>).

use ring::hmac::{self, HMAC_SHA256};
use uuid::Uuid;

use crate::aws::{CodeKey, Secret};
use crate::aws::{Connections, FromConfig};
use crate::domain::{InternalError, Result};

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Domain separation, should the key get a second use.
const PURPOSE: &[u8] = b"captcha code ";

/// Derives mail codes with the current or the previous version of the code key.
pub struct CodeDeriver {
    keys: CodeKey,
}

impl FromConfig for CodeDeriver {
    async fn open(connections: &Connections) -> Result<Self, InternalError> {
        Ok(Self {
            keys: connections.shared::<CodeKey>().await?,
        })
    }
}

impl CodeDeriver {
    /// The code of a mail code's UUID, by the current key version.
    pub async fn derive(&self, uuid: Uuid) -> String {
        code(&self.keys.current().await, uuid)
    }

    /// Whether `input`, as a person typed it, is the code of a mail code's UUID by an accepted key
    /// version. Compares in constant time.
    ///
    /// # Errors
    /// An internal error if it is not, and the last refresh of the key failed.
    pub(super) async fn is_code(&self, input: &str, uuid: Uuid) -> Result<bool, InternalError> {
        let input = normalize(input);
        let found = self.keys.find(|key| is_equal(&input, &code(key, uuid)));
        Ok(found.await?.is_some())
    }
}

/// Whether the texts are equal. The duration depends on their lengths only.
fn is_equal(a: &str, b: &str) -> bool {
    let difference = a
        .bytes()
        .zip(b.bytes())
        .fold(0, |difference, (a, b)| difference | (a ^ b));
    a.len() == b.len() && difference == 0
}

fn code(key: &Secret, uuid: Uuid) -> String {
    let key = hmac::Key::new(HMAC_SHA256, key.value.as_bytes());
    let tag = hmac::sign(&key, &[PURPOSE, uuid.as_bytes()].concat());
    let bits = tag
        .as_ref()
        .iter()
        .take(5)
        .fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
    let character = |position: u32| {
        let index = usize::try_from(bits >> (35 - 5 * position) & 31).unwrap_or_default();
        ALPHABET
            .get(index)
            .map_or('0', |character| char::from(*character))
    };
    (0..8).map(character).collect()
}

/// The canonical form of a typed code: upper case, without hyphens and spaces. The letters that
/// resemble digits become those digits.
fn normalize(input: &str) -> String {
    let characters = input
        .chars()
        .filter(|character| !matches!(character, '-' | ' '));
    let normalized = characters.map(|character| match character.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    });
    normalized.take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::{code, normalize};
    use crate::aws::Secret;
    use uuid::Uuid;

    #[test]
    fn a_code_is_eight_unambiguous_characters() {
        let key = Secret {
            id: "1".into(),
            value: "a secret of some thirty-two bytes".into(),
        };
        let other = Secret {
            id: "2".into(),
            value: "another secret of thirty-two bytes".into(),
        };
        let uuid = Uuid::from_u128(7);
        let derived = code(&key, uuid);
        assert_eq!(derived.len(), 8);
        assert!(
            derived
                .chars()
                .all(|c| c.is_ascii_digit() || (c.is_ascii_uppercase() && !"ILOU".contains(c)))
        );
        assert_eq!(code(&key, uuid), derived);
        assert_ne!(code(&key, Uuid::from_u128(8)), derived);
        assert_ne!(code(&other, uuid), derived);
    }

    #[test]
    fn normalization_maps_look_alike_letters_to_digits() {
        assert_eq!(normalize("oil0-1ab c"), "01101ABC");
    }
}
