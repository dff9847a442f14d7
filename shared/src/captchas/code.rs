//! The codes themselves: eight characters of Crockford's base 32
//! (<https://www.crockford.com/base32.html>).

use std::sync::Arc;

use ring::hmac::{self, HMAC_SHA256};
use uuid::Uuid;

use crate::env::{Env, Resource};
use crate::secrets::{Rotating, Secret};
use crate::{Fault, Result};

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// What else the key may be used for begins otherwise.
const PURPOSE: &[u8] = b"captcha code ";

/// Derives codes, under the current version of the token key or the one before.
pub struct Codes {
    keys: Arc<Rotating>,
}

impl Resource for Codes {
    async fn open(env: &Env) -> Result<Self, Fault> {
        Ok(Self {
            keys: env.token_key().await?,
        })
    }
}

impl Codes {
    /// The id of the key that new codes are derived with.
    pub(crate) async fn key_id(&self) -> String {
        self.keys.current().await.id
    }

    /// The code of a captcha; `None` where its key was rotated away.
    ///
    /// # Errors
    /// Only a fault of ours.
    pub async fn of(&self, captcha: Uuid, key_id: &str) -> Result<Option<String>, Fault> {
        let key = self.keys.version(key_id).await?;
        Ok(key.map(|key| derive(&key, captcha)))
    }

    /// Whether `given` is the code of a captcha, as people type codes.
    ///
    /// # Errors
    /// Only a fault of ours.
    pub(super) async fn is(&self, given: &str, captcha: Uuid, key_id: &str) -> Result<bool, Fault> {
        let Some(code) = self.of(captcha, key_id).await? else {
            return Ok(false);
        };
        let given = read(given);
        let differ = given
            .bytes()
            .zip(code.bytes())
            .fold(0, |all, (a, b)| all | (a ^ b));
        Ok(given.len() == code.len() && differ == 0)
    }
}

fn derive(key: &Secret, captcha: Uuid) -> String {
    let key = hmac::Key::new(HMAC_SHA256, key.value.as_bytes());
    let tag = hmac::sign(&key, &[PURPOSE, captcha.as_bytes()].concat());
    let bits = tag
        .as_ref()
        .iter()
        .take(5)
        .fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
    let character = |at: u32| {
        let five = usize::try_from(bits >> (35 - 5 * at) & 31).unwrap_or_default();
        ALPHABET
            .get(five)
            .map_or('0', |character| char::from(*character))
    };
    (0..8).map(character).collect()
}

/// A code as typed: in any case, with hyphens or spaces between, and with the letters that are
/// taken for digits.
fn read(given: &str) -> String {
    let kept = given
        .chars()
        .filter(|character| !matches!(character, '-' | ' '));
    let read = kept.map(|character| match character.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    });
    read.take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::{derive, read};
    use crate::secrets::Secret;
    use uuid::Uuid;

    #[test]
    fn a_code_is_eight_characters_that_cannot_be_mistaken() {
        let key = Secret {
            id: "1".into(),
            value: "a secret of some thirty-two bytes".into(),
        };
        let other = Secret {
            id: "2".into(),
            value: "another secret of thirty-two bytes".into(),
        };
        let uuid = Uuid::from_u128(7);
        let code = derive(&key, uuid);
        assert_eq!(code.len(), 8);
        assert!(
            code.chars()
                .all(|c| c.is_ascii_digit() || (c.is_ascii_uppercase() && !"ILOU".contains(c)))
        );
        assert_eq!(derive(&key, uuid), code);
        assert_ne!(derive(&key, Uuid::from_u128(8)), code);
        assert_ne!(derive(&other, uuid), code);
    }

    #[test]
    fn what_people_type_is_read_as_what_they_saw() {
        assert_eq!(read("oil0-1ab c"), "01101ABC");
    }
}
