//! Passwords: argon2id (RFC 9106) with OWASP's parameters, as PHC strings.

use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, de};

use crate::{Fault, random};

const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// More than we ever asked for is not worked through, whoever wrote it into the store.
const MOST_MEMORY_KIB: u32 = 65_536;
const MOST_PASSES: u32 = 8;

/// A password of 8 to 100 characters (Unicode scalar values), as typed.
pub struct Password(String);

impl Password {
    /// `text` as a password, or what is wrong with it.
    ///
    /// # Errors
    /// Where it is too short or too long. Checked before anything is hashed.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        // No text of so many bytes has few enough characters: not worth counting.
        let fits = text.len() <= 400 && (8..=100).contains(&text.chars().count());
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err("must be 8 to 100 characters")
        }
    }

    /// A new password of 24 characters, each of 64: nobody's guess.
    ///
    /// # Errors
    /// Only a fault of ours.
    pub fn generate() -> Result<Self, Fault> {
        Ok(Self(BASE64_URL_SAFE_NO_PAD.encode(random::bytes::<18>()?)))
    }

    /// The password itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Hashes the password under a new salt: some 20 ms of one processor, and 19 MiB.
    ///
    /// # Errors
    /// Only a fault of ours.
    pub fn hash(&self) -> Result<PasswordHash, Fault> {
        let hash = hasher()?.hash_password(self.0.as_bytes());
        Ok(PasswordHash(
            hash.map_err(|error| Fault::new(format!("argon2: {error}")))?
                .to_string(),
        ))
    }
}

impl<'de> Deserialize<'de> for Password {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// What is stored of a password: a PHC string.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash")
    }
}

impl PasswordHash {
    /// What was stored.
    pub(crate) fn stored(phc: String) -> Self {
        Self(phc)
    }

    /// What to store.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// A hash that no password has, for comparing where there is no user: it takes as long.
    #[must_use]
    pub fn of_nobody() -> Self {
        Self("$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5bm9ib2R5bm9ibw$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".into())
    }

    /// Whether `attempt` is the password.
    ///
    /// # Errors
    /// Where the stored string is no argon2id hash, or asks for more work than any of ours.
    pub fn verify(&self, attempt: &str) -> Result<bool, Fault> {
        let phc = self
            .parsed()
            .ok_or_else(|| Fault::new("a stored password hash is not acceptable"))?;
        Ok(hasher()?.verify_password(attempt.as_bytes(), &phc).is_ok())
    }

    /// Whether the hash was made with parameters other than today's.
    #[must_use]
    pub fn is_outdated(&self) -> bool {
        let today = Params::new(MEMORY_KIB, PASSES, LANES, Some(Params::DEFAULT_OUTPUT_LEN));
        let params = self.parsed().and_then(|phc| Params::try_from(&phc).ok());
        params.map(costs) != today.ok().map(costs)
    }

    fn parsed(&self) -> Option<phc::PasswordHash> {
        let phc = phc::PasswordHash::new(&self.0).ok()?;
        let params = Params::try_from(&phc).ok()?;
        let acceptable = phc.algorithm == Algorithm::Argon2id.ident()
            && phc.version == Some(Version::V0x13.into())
            && params.m_cost() <= MOST_MEMORY_KIB
            && params.t_cost() <= MOST_PASSES
            && params.p_cost() == LANES;
        acceptable.then_some(phc)
    }
}

fn costs(params: Params) -> (u32, u32, u32) {
    (params.m_cost(), params.t_cost(), params.p_cost())
}

fn hasher() -> Result<Argon2<'static>, Fault> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None)
        .map_err(|error| Fault::new(format!("argon2: {error}")))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::{Password, PasswordHash};
    use std::time::{Duration, Instant};

    #[test]
    fn a_password_matches_its_own_hash_only() {
        let hash = Password::parse("correct horse").unwrap().hash().unwrap();
        assert!(hash.verify("correct horse").unwrap());
        assert!(!hash.verify("correct horsf").unwrap());
        assert!(!hash.is_outdated());
    }

    #[test]
    fn nobody_has_a_hash_that_can_be_worked_through() {
        assert!(!PasswordHash::of_nobody().verify("correct horse").unwrap());
        assert!(!PasswordHash::of_nobody().is_outdated());
    }

    #[test]
    fn a_hostile_stored_hash_is_refused_before_any_work() {
        let tail = "$bm9ib2R5bm9ib2R5bm9ibw$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        for head in [
            "$argon2id$v=19$m=8388608,t=2,p=1",
            "$argon2id$v=19$m=19456,t=4000000000,p=1",
            "$argon2id$v=19$m=19456,t=2,p=64",
            "$argon2d$v=19$m=19456,t=2,p=1",
            "$argon2id$v=16$m=19456,t=2,p=1",
            "$argon2id$m=19456,t=2,p=1",
            "$scrypt$ln=16,r=8,p=1",
            "",
        ] {
            let started = Instant::now();
            assert!(
                PasswordHash::stored(format!("{head}{tail}"))
                    .verify("correct horse")
                    .is_err(),
                "{head}"
            );
            assert!(started.elapsed() < Duration::from_secs(1), "{head}");
        }
    }

    #[test]
    fn characters_are_counted_not_bytes() {
        assert!(Password::parse(&"密".repeat(8)).is_ok());
        assert!(Password::parse(&"😀".repeat(100)).is_ok());
        assert!(Password::parse(&"a".repeat(101)).is_err());
        assert!(Password::parse("1234567").is_err());
    }
}
