//! The only random source: the operating system's, through `ring`.

use ring::rand::{SecureRandom, SystemRandom};

use crate::domain::InternalError;

/// `N` unpredictable bytes.
///
/// # Errors
/// If the operating system's source fails.
#[expect(clippy::disallowed_methods, reason = "this is the one random source")]
pub fn bytes<const N: usize>() -> Result<[u8; N], InternalError> {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| InternalError::new("no random bytes"))?;
    Ok(bytes)
}

/// A random number from 0 to `limit`, for jitter. `limit` if the random source fails.
#[must_use]
pub fn up_to(limit: u64) -> u64 {
    match bytes::<8>() {
        Ok(bytes) => u64::from_le_bytes(bytes) % limit.saturating_add(1),
        Err(_) => limit,
    }
}
