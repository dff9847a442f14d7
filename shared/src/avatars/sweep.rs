//! Deleting the pictures that nobody shows: what an upload left that ended half-way, or another
//! picture from elsewhere.
//!
//! However many there are, in the end all are looked at: how far a sweep came is kept with the users,
//! and the next goes on there.

use std::time::{Duration, Instant};

use aws_sdk_s3::types::Object;
use serde::Serialize;

use super::{Avatars, FOLDER, fault};
use crate::{Result, Users, clock};

/// What came of a sweep.
#[derive(Debug, Serialize)]
pub struct Swept {
    /// How many pictures were deleted.
    pub swept: u64,
    /// Behind which key the next goes on, where the time was up.
    pub next: Option<String>,
}

impl Avatars {
    /// Deletes the objects, older than so many seconds, to which no user points: from where the
    /// sweep before ended, up to the last, or for so long. A thousand objects are one list and, of
    /// as many users, ten reads.
    ///
    /// # Errors
    /// Only a fault of ours; the next goes on behind the thousands that were done.
    pub async fn sweep(&self, users: &Users, seconds: u64, time: Duration) -> Result<Swept> {
        let until = Instant::now() + time;
        let (mut swept, mut next) = (0, users.swept_to().await?);
        loop {
            let list = self
                .s3
                .list_objects_v2()
                .bucket(&self.bucket)
                .prefix(format!("{FOLDER}/"));
            let page = list.set_start_after(next).send().await;
            let page = page.map_err(|error| fault("ListObjectsV2", &error))?;
            let old = page
                .contents()
                .iter()
                .filter(|object| is_old(object, seconds));
            let old: Vec<&str> = old.filter_map(Object::key).collect();
            let owners = old
                .iter()
                .filter_map(|key| key.split('/').nth(1)?.parse().ok());
            let shown = users.pictures_of(owners).await?;
            for key in old.into_iter().filter(|key| !shown.contains(*key)) {
                self.delete(key).await?;
                swept += 1;
            }
            let last = page.contents().last().and_then(Object::key);
            next = last
                .filter(|_| page.is_truncated() == Some(true))
                .map(str::to_owned);
            users.keep_swept_to(next.as_deref()).await?;
            if next.is_none() || Instant::now() >= until {
                return Ok(Swept { swept, next });
            }
        }
    }
}

fn is_old(object: &Object, seconds: u64) -> bool {
    let age = object
        .last_modified()
        .map(|since| clock::now().as_second().saturating_sub(since.secs()));
    age.is_some_and(|age| u64::try_from(age).is_ok_and(|age| age >= seconds))
}
