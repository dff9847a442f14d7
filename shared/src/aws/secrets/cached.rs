//! Cached secrets, refreshed while the instance runs.
//!
//! A version signs or encrypts until the next rotation, and is accepted until the one after. So an
//! instance must refresh within one rotation period. It refreshes after 15 minutes, or after
//! `SECRETS_MANAGER_TTL` seconds. Secrets Manager's schedules rotate at most every 4 hours. Wait as
//! long as the cache lives between two manual rotations. For the same time, an instance can still
//! accept a version that was rotated out.
//!
//! The previous version is read when it is first needed, since most instances never need it. The read
//! would take a second connection to Secrets Manager at the start, a quarter of a cold start.
//!
//! An unknown version can be the previous one, or newer than the cache. So both versions are read at
//! once, but at most every 10 seconds, to limit the reads that made-up ids can cause. From then on
//! each refresh reads both, so that made-up ids cannot keep the previous version from being found. If
//! a refresh fails, the cached versions stay in use. An unknown version is then an internal error.

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Secret, SecretRef, Versions};
use crate::aws::{Connections, FromConfig};
use crate::domain::{InternalError, clock};
use crate::telemetry::log;

/// How long a cached secret is used before a refresh.
const TTL_SECONDS: u64 = 15 * 60;
/// The shortest time between two refreshes for unknown versions.
const MISS_SECONDS: u64 = 10;

/// Declares keys, each with the environment variable that holds its id. A key's cache is shared
/// within an instance.
macro_rules! keys {
    ($($(#[$doc:meta])* $key:ident = $variable:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone)]
        pub(crate) struct $key(pub(crate) Arc<CachedSecret>);

        impl FromConfig for $key {
            async fn open(connections: &Connections) -> Result<Self, InternalError> {
                let secret = CachedSecret::read(connections, $variable).await?;
                Ok(Self(Arc::new(secret)))
            }
        }

        impl Deref for $key {
            type Target = CachedSecret;

            fn deref(&self) -> &CachedSecret {
                &self.0
            }
        }
    )*};
}

keys! {
    /// The key that signs tokens and encrypts cursors.
    TokenKey = "TOKEN_KEY";
    /// The key that derives mail codes. Functions that derive codes cannot sign tokens with it.
    CodeKey = "CODE_KEY";
}

/// A secret with its cached versions.
pub(crate) struct CachedSecret {
    secret: SecretRef,
    ttl_seconds: u64,
    cache: Mutex<Cache>,
}

struct Cache {
    versions: Arc<Versions>,
    /// Whether a refresh reads the previous version too.
    with_previous: bool,
    /// The time of the last refresh or attempt, in seconds since 1970. Wall-clock time, since a
    /// monotonic clock can stop while Lambda freezes an instance.
    read_at: u64,
    /// The time of the last refresh for an unknown version.
    missed_at: u64,
    /// The error of the last refresh, if it failed.
    error: Option<InternalError>,
}

impl CachedSecret {
    /// Reads the secret with the id in the environment variable `variable`.
    pub(crate) async fn read(
        connections: &Connections,
        variable: &str,
    ) -> Result<Self, InternalError> {
        let ttl_seconds = match connections.config.get("SECRETS_MANAGER_TTL") {
            Some(_) => connections.config.required_u64("SECRETS_MANAGER_TTL")?,
            None => TTL_SECONDS,
        };
        let secret = SecretRef::from_variable(connections, variable)?;
        let versions = Arc::new(secret.versions(false).await?);
        let cache = Mutex::new(Cache {
            versions,
            with_previous: false,
            read_at: clock::seconds(),
            missed_at: 0,
            error: None,
        });
        Ok(Self {
            secret,
            ttl_seconds,
            cache,
        })
    }

    /// The current version.
    pub(crate) async fn current(&self) -> Secret {
        self.fresh().await.current.clone()
    }

    /// The version with this id, if it is still accepted.
    ///
    /// # Errors
    /// As [`CachedSecret::find`].
    pub(crate) async fn version(&self, id: &str) -> Result<Option<Secret>, InternalError> {
        self.find(|version| version.id == id).await
    }

    /// The accepted version that matches, if any.
    ///
    /// # Errors
    /// If none matches and the last refresh failed.
    pub(crate) async fn find(
        &self,
        matches: impl Fn(&Secret) -> bool,
    ) -> Result<Option<Secret>, InternalError> {
        if let Some(version) = self.fresh().await.find(&matches) {
            return Ok(Some(version.clone()));
        }
        let is_due = |cache: &mut Cache| due(&mut cache.missed_at, MISS_SECONDS);
        if is_due(&mut self.cache()) {
            self.cache().with_previous = true;
            self.refresh().await;
        }
        let cache = self.cache();
        match (cache.versions.find(&matches), &cache.error) {
            (None, Some(error)) => Err(error.clone()),
            (found, _) => Ok(found.cloned()),
        }
    }

    async fn fresh(&self) -> Arc<Versions> {
        let is_due = |cache: &mut Cache| due(&mut cache.read_at, self.ttl_seconds);
        if is_due(&mut self.cache()) {
            return self.refresh().await;
        }
        self.cache().versions.clone()
    }

    async fn refresh(&self) -> Arc<Versions> {
        let with_previous = self.cache().with_previous;
        let refreshed = self.secret.versions(with_previous).await;
        let mut cache = self.cache();
        cache.error = match refreshed {
            Ok(versions) => {
                cache.versions = Arc::new(versions);
                None
            }
            Err(error) => {
                log::warning("a secret could not be read again", &error);
                Some(error)
            }
        };
        cache.versions.clone()
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether `seconds` have passed since `since`. If so, sets `since` to the current time.
fn due(since: &mut u64, seconds: u64) -> bool {
    let now = clock::seconds();
    let due = now.saturating_sub(*since) >= seconds;
    if due {
        *since = now;
    }
    due
}
