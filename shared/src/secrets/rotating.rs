//! A secret that is rotated while instances run that have read it. No deployment, no restart.
//!
//! A version is in use from one rotation to the next, and its work is accepted until the one
//! after that. So whoever uses a version must have heard of its end before the second rotation:
//! an instance reads the secret again once what it knows is a quarter of an hour old
//! (`SECRETS_MANAGER_TTL`, in seconds, says otherwise). A schedule of Secrets Manager's rotates at
//! most every four hours; whoever rotates by hand has to wait as long as an instance does before
//! they rotate again. As long, too, a version that was rotated away is accepted by an instance
//! that knows no better.
//!
//! A version that is not known may be newer than what is: the secret is read again at once, but
//! at most every ten seconds, so that nobody can have it read as often as they send made-up
//! ids. Where it cannot be read, what is known stays in use, and of what is not known nobody can
//! say whether it is good.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Secret, Unread, Versions};
use crate::env::Env;
use crate::{Fault, clock, log};

const FRESH_SECONDS: u64 = 15 * 60;
const SEARCH_SECONDS: u64 = 10;

/// The secret, as it was last read.
pub(crate) struct Rotating {
    secret: Unread,
    fresh_seconds: u64,
    known: Mutex<Known>,
}

struct Known {
    versions: Arc<Versions>,
    /// When it was last read, or should have been, in seconds since 1970. It is the clock on the
    /// wall that counts: others may stand still while Lambda freezes an instance.
    read_at: u64,
    /// When it was last read for a version that was not known.
    searched_at: u64,
    /// Why it could not be read the last time.
    unread: Option<Fault>,
}

impl Rotating {
    /// The secret that the variable names.
    pub(crate) async fn read(env: &Env, variable: &str) -> Result<Self, Fault> {
        let fresh_seconds = match env.given("SECRETS_MANAGER_TTL") {
            Some(_) => env.number("SECRETS_MANAGER_TTL")?,
            None => FRESH_SECONDS,
        };
        let secret = Unread::of(env, variable)?;
        let versions = Arc::new(secret.versions().await?);
        let known = Mutex::new(Known {
            versions,
            read_at: clock::seconds(),
            searched_at: 0,
            unread: None,
        });
        Ok(Self {
            secret,
            fresh_seconds,
            known,
        })
    }

    /// The version to use.
    pub(crate) async fn current(&self) -> Secret {
        self.fresh().await.current.clone()
    }

    /// The version of this id, if its work is still accepted.
    ///
    /// # Errors
    /// As [`Rotating::find`].
    pub(crate) async fn version(&self, id: &str) -> Result<Option<Secret>, Fault> {
        self.find(|version| version.id == id).await
    }

    /// The version that is wanted, if its work is still accepted.
    ///
    /// # Errors
    /// Where it is not known, and the secret could not be read again.
    pub(crate) async fn find(
        &self,
        wanted: impl Fn(&Secret) -> bool,
    ) -> Result<Option<Secret>, Fault> {
        if let Some(version) = self.fresh().await.find(&wanted) {
            return Ok(Some(version.clone()));
        }
        let due = |known: &mut Known| passed(&mut known.searched_at, SEARCH_SECONDS);
        if due(&mut self.known()) {
            self.read_again().await;
        }
        let known = self.known();
        match (known.versions.find(&wanted), &known.unread) {
            (None, Some(fault)) => Err(fault.clone()),
            (found, _) => Ok(found.cloned()),
        }
    }

    async fn fresh(&self) -> Arc<Versions> {
        let due = |known: &mut Known| passed(&mut known.read_at, self.fresh_seconds);
        if due(&mut self.known()) {
            return self.read_again().await;
        }
        self.known().versions.clone()
    }

    async fn read_again(&self) -> Arc<Versions> {
        let read = self.secret.versions().await;
        let mut known = self.known();
        known.unread = match read {
            Ok(versions) => {
                known.versions = Arc::new(versions);
                None
            }
            Err(fault) => {
                log::warning("a secret could not be read again", &fault);
                Some(fault)
            }
        };
        known.versions.clone()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether so many seconds have passed since the time, which then becomes now.
fn passed(since: &mut u64, seconds: u64) -> bool {
    let now = clock::seconds();
    let passed = now.saturating_sub(*since) >= seconds;
    if passed {
        *since = now;
    }
    passed
}
