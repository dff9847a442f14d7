//! Deletion of avatars that no user refers to.
//!
//! An interrupted upload leaves an unreferenced object. The next run resumes at the stored
//! checkpoint. So several runs together check every object.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::Users;
use crate::aws::Avatars;
use crate::domain::Result;

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
    /// # Errors
    /// Only an internal error. The next run resumes after the last complete page.
    pub async fn delete_unreferenced_avatars(
        &self,
        avatars: &Avatars,
        min_age_seconds: u64,
        budget: Duration,
    ) -> Result<CleanupReport> {
        let deadline = Instant::now() + budget;
        let (mut deleted, mut next) = (0, self.cleanup_checkpoint().await?);
        loop {
            let page = avatars.list(next).await?;
            let old = page.objects.iter();
            let old: Vec<&str> = old
                .filter(|object| object.age_seconds.is_some_and(|age| age >= min_age_seconds))
                .map(|object| object.key.as_str())
                .collect();
            let owners = old
                .iter()
                .filter_map(|key| key.split('/').nth(1)?.parse().ok());
            let referenced = self.referenced_avatars(owners).await?;
            for key in old.into_iter().filter(|key| !referenced.contains(*key)) {
                avatars.delete(key).await?;
                deleted += 1;
            }
            next = page.next;
            self.save_cleanup_checkpoint(next.as_deref()).await?;
            if next.is_none() || Instant::now() >= deadline {
                return Ok(CleanupReport {
                    swept: deleted,
                    next,
                });
            }
        }
    }
}
