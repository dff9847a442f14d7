//! Passwords and their Argon2id hashes (RFC 9106), as PHC strings.
//!
//! The parameters are those of OWASP's Password Storage Cheat Sheet.

use std::cell::Cell;

use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, de};

use crate::domain::{InternalError, random};

const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Upper bounds on stored Argon2 parameters, so that a tampered hash cannot exhaust the CPU.
const MAX_MEMORY_KIB: u32 = 65_536;
const MAX_PASSES: u32 = 8;

/// The minimum length of an administrator's password, in characters. It is longer than a user's,
/// because an administrator can change every account.
const MIN_ADMIN_CHARACTERS: usize = 12;

/// A password of 8 to 100 characters (Unicode scalar values), as typed.
pub struct Password(String);

impl Password {
    /// Parses a password.
    ///
    /// # Errors
    /// If it is too short or too long.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        // 100 characters have at most 400 bytes in UTF-8.
        let fits = text.len() <= 400 && (8..=100).contains(&text.chars().count());
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err("must be 8 to 100 characters")
        }
    }

    /// A random password of 24 characters (144 bits).
    ///
    /// # Errors
    /// Only an internal error.
    pub fn generate() -> Result<Self, InternalError> {
        Ok(Self(BASE64_URL_SAFE_NO_PAD.encode(random::bytes::<18>()?)))
    }

    /// The password itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Hashes the password with a new salt. Takes about 20 ms of CPU time, and 19 MiB.
    ///
    /// A new password is hashed by `PasswordPolicy::hash`, which refuses common ones.
    ///
    /// # Errors
    /// Only an internal error.
    pub fn hash(&self) -> Result<PasswordHash, InternalError> {
        let params = current_params()?;
        let salt = phc::Salt::new(&random::bytes::<16>()?).map_err(failed)?;
        let phc = phc::PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: (&params).try_into().map_err(failed)?,
            salt: Some(salt),
            hash: Some(derive(params, &self.0, &salt, Params::DEFAULT_OUTPUT_LEN)?),
        };
        Ok(PasswordHash {
            phc: phc.to_string(),
            fits_admin: self.0.chars().count() >= MIN_ADMIN_CHARACTERS,
        })
    }
}

impl<'de> Deserialize<'de> for Password {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// The hash of a password, a PHC string.
///
/// A hash does not show the length of its password. So the one rule that depends on it later is
/// kept with the hash.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    phc: String,
    fits_admin: bool,
}

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash")
    }
}

impl PasswordHash {
    /// A hash from the store, unchecked. [`PasswordHash::verify`] checks it.
    pub(crate) fn stored(phc: String, fits_admin: bool) -> Self {
        Self { phc, fits_admin }
    }

    /// The PHC string.
    pub(crate) fn as_str(&self) -> &str {
        &self.phc
    }

    /// Whether the password has the 12 characters that an administrator's needs.
    #[must_use]
    pub fn fits_admin(&self) -> bool {
        self.fits_admin
    }

    /// The same hash, accepted for an administrator although the password is shorter. For the
    /// documented administrator of the local cloud: no function calls it.
    #[must_use]
    pub fn exempt_from_admin_length(self) -> Self {
        Self {
            fits_admin: true,
            ..self
        }
    }

    /// A dummy hash that no password matches, not even a short one. So it fits an administrator.
    ///
    /// Verifying it takes as long as a real one, so timing does not reveal which accounts exist.
    #[must_use]
    pub fn of_nobody() -> Self {
        const PHC: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5bm9ib2R5bm9ibw$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        Self::stored(PHC.into(), true)
    }

    /// Whether `attempt` is the password.
    ///
    /// # Errors
    /// If the stored string is not an Argon2id hash, or exceeds the upper bounds.
    pub fn verify(&self, attempt: &str) -> Result<bool, InternalError> {
        let unacceptable = || InternalError::new("a stored password hash is not acceptable");
        let phc = self.parsed().ok_or_else(unacceptable)?;
        let params = Params::try_from(&phc).map_err(failed)?;
        let (salt, hash) = phc.salt.zip(phc.hash).ok_or_else(unacceptable)?;
        // The comparison takes constant time.
        Ok(derive(params, attempt, &salt, hash.len())? == hash)
    }

    /// The hash of the same password with the current parameters.
    ///
    /// # Errors
    /// Only an internal error.
    pub(crate) fn renew(&self, password: &Password) -> Result<Self, InternalError> {
        Ok(Self {
            fits_admin: self.fits_admin,
            ..password.hash()?
        })
    }

    /// Whether the hash has parameters other than the current ones.
    #[must_use]
    pub fn is_outdated(&self) -> bool {
        let params = self.parsed().and_then(|phc| Params::try_from(&phc).ok());
        params.map(costs) != current_params().ok().map(costs)
    }

    fn parsed(&self) -> Option<phc::PasswordHash> {
        let phc = phc::PasswordHash::new(&self.phc).ok()?;
        let params = Params::try_from(&phc).ok()?;
        let acceptable = phc.algorithm == Algorithm::Argon2id.ident()
            && phc.version == Some(Version::V0x13.into())
            && params.m_cost() <= MAX_MEMORY_KIB
            && params.t_cost() <= MAX_PASSES
            && params.p_cost() == LANES;
        acceptable.then_some(phc)
    }
}

fn costs(params: Params) -> (u32, u32, u32) {
    (params.m_cost(), params.t_cost(), params.p_cost())
}

fn current_params() -> Result<Params, InternalError> {
    Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(failed)
}

thread_local! {
    /// The working memory of the last hash. The next one overwrites it, which saves 0.4 of 14.6 ms that
    /// fresh memory takes to be zeroed.
    static MEMORY: Cell<Vec<Block>> = const { Cell::new(Vec::new()) };
}

/// The Argon2id hash of `password`, of `length` bytes.
fn derive(
    params: Params,
    password: &str,
    salt: &phc::Salt,
    length: usize,
) -> Result<phc::Output, InternalError> {
    let mut memory = MEMORY.take();
    memory.resize(params.block_count(), Block::new());
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut hash = vec![0; length];
    let (password, blocks) = (password.as_bytes(), memory.as_mut_slice());
    let hashed = argon2.hash_password_into_with_memory(password, salt, &mut hash, blocks);
    MEMORY.set(memory);
    hashed.map_err(failed)?;
    phc::Output::new(&hash).map_err(failed)
}

fn failed(error: impl std::fmt::Display) -> InternalError {
    InternalError::new(format!("argon2: {error}"))
}

#[cfg(test)]
mod tests {
    use super::{Password, PasswordHash};
    #[test]
    fn a_password_matches_its_own_hash_only() {
        let hash = Password::parse("correct horse").unwrap().hash().unwrap();
        assert!(hash.verify("correct horse").unwrap());
        assert!(!hash.verify("correct horsf").unwrap());
        assert!(!hash.is_outdated());
    }

    #[test]
    fn reused_memory_does_not_change_a_hash() {
        let tail = "$bm9ib2R5bm9ib2R5bm9ibw$";
        // By the reference implementation in C.
        let stored = |costs: &str, hash: &str| {
            PasswordHash::stored(format!("$argon2id$v=19${costs},p=1{tail}{hash}"), false)
        };
        let large = stored("m=19456,t=2", "p6etrR8wFP1RUTp9o4ydj04gocCGs9M0a5j/d3HpJBU");
        let small = stored("m=64,t=3", "rxhdb75yUYztOwPqXGyiBzEe4XbyMvLoQreyusrOCds");
        for hash in [&large, &small, &large, &small, &small] {
            assert!(hash.verify("correct horse").unwrap());
            assert!(!hash.verify("correct horsf").unwrap());
        }
    }

    #[test]
    fn twelve_characters_fit_an_administrator() {
        let fits = |text: &str| Password::parse(text).unwrap().hash().unwrap().fits_admin();
        assert!(fits("密码密码密码密码密码密码"));
        assert!(!fits("密码密码密码密码密码密"));
        assert!(!fits("elevenchars"));
    }

    #[test]
    fn the_dummy_hash_is_valid_and_matches_no_password() {
        assert!(!PasswordHash::of_nobody().verify("correct horse").unwrap());
        assert!(!PasswordHash::of_nobody().is_outdated());
    }

    #[test]
    fn a_tampered_stored_hash_is_rejected_without_work() {
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
            assert!(
                PasswordHash::stored(format!("{head}{tail}"), false)
                    .verify("correct horse")
                    .is_err(),
                "{head}"
            );
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
