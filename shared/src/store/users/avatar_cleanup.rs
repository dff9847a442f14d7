//! Deletion of avatars that no user refers to.
//!
//! An interrupted upload leaves an unreferenced object. The next run resumes at the stored
//! checkpoint. So several runs together check every object.
//!
//! A damaged users table makes many objects unreferenced. So a run counts first and deletes
//! afterwards, and it deletes nothing if it found more than interruptions explain.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::Users;
use crate::aws::Avatars;
use crate::domain::{InternalError, Result};

/// How many avatars a run deletes at most, unless it is forced: a hundredth of those it examined.
const PER_EXAMINED: usize = 100;

/// How many avatars a run may delete of however few. Otherwise one interrupted upload would stop
/// the runs of a stack with less than a hundred avatars.
const MIN_ALLOWED: usize = 5;

/// How many avatars a run may delete of however many.
const MAX_ALLOWED: usize = 100;

/// The result of a cleanup.
#[derive(Debug, Serialize)]
pub struct CleanupReport {
    /// How many avatars were deleted.
    pub swept: u64,
    /// The key after which the next run resumes. `None` if this run reached the end.
    pub next: Option<String>,
}

impl Users {
    /// Deletes the avatars that no user refers to and that are at least `min_age_seconds` old.
    /// Resumes where the last run ended, and runs until the last object or for `budget`. A page of
    /// 1,000 objects costs one list request and at most ten reads of users.
    ///
    /// With `force`, it deletes any number, page by page.
    ///
    /// # Errors
    /// Only an internal error. If there are too many unreferenced avatars, none is deleted, and the
    /// next run examines the same ones. After another error, it resumes after the last page whose
    /// avatars were deleted.
    pub async fn delete_unreferenced_avatars(
        &self,
        avatars: &Avatars,
        min_age_seconds: u64,
        budget: Duration,
        force: bool,
    ) -> Result<CleanupReport> {
        let deadline = Instant::now() + budget;
        let mut next = self.cleanup_checkpoint().await?;
        let (mut examined, mut deleted, mut found) = (0, 0, Vec::new());
        loop {
            let page = avatars.list(next).await?;
            examined += page.objects.len();
            let old = page.objects.into_iter();
            let old = old
                .filter(|object| object.age_seconds.is_some_and(|age| age >= min_age_seconds))
                .map(|object| object.key);
            found.extend(self.unreferenced(old.collect()).await?);
            next = page.next;
            let is_last = next.is_none() || Instant::now() >= deadline;
            let allowed = match is_last {
                _ if force => usize::MAX,
                true => (examined / PER_EXAMINED).clamp(MIN_ALLOWED, MAX_ALLOWED),
                false => MAX_ALLOWED,
            };
            if found.len() > allowed {
                let found = found.len();
                return Err(InternalError::new(format!(
                    "the avatar cleanup stopped: {found} of {examined} avatars are unreferenced"
                ))
                .into());
            }
            if is_last || force {
                // Read again: a user can refer to an avatar that was counted minutes ago.
                for key in self.unreferenced(std::mem::take(&mut found)).await? {
                    avatars.delete(&key).await?;
                    deleted += 1;
                }
                self.save_cleanup_checkpoint(next.as_deref()).await?;
            }
            if is_last {
                return Ok(CleanupReport {
                    swept: deleted,
                    next,
                });
            }
        }
    }

    /// Those of these keys that no user refers to.
    async fn unreferenced(&self, mut keys: Vec<String>) -> Result<Vec<String>> {
        let owners = keys
            .iter()
            .filter_map(|key| key.split('/').nth(1)?.parse().ok());
        let referenced = self.referenced_avatars(owners).await?;
        keys.retain(|key| !referenced.contains(key));
        Ok(keys)
    }
}
