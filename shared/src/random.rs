//! The one random source: the operating system's, through `ring`.

use ring::rand::{SecureRandom, SystemRandom};

use crate::Fault;

/// `N` unpredictable bytes.
///
/// # Errors
/// Where the operating system has none to give.
#[expect(clippy::disallowed_methods, reason = "this is the one random source")]
pub fn bytes<const N: usize>() -> Result<[u8; N], Fault> {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Fault::new("no random bytes"))?;
    Ok(bytes)
}

/// A number from `0` up to `limit`, for jitter; `limit` itself where nothing random is to be had.
#[must_use]
pub fn up_to(limit: u64) -> u64 {
    match bytes::<8>() {
        Ok(bytes) => u64::from_le_bytes(bytes) % limit.saturating_add(1),
        Err(_) => limit,
    }
}
