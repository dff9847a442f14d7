//! Avatars, stored as S3 objects.
//!
//! Each upload gets a new random key. So the content of a URL never changes, and may be cached
//! without limit.
//!
//! An object is written before a user refers to it, and deleted after no user does. So an
//! interruption leaves at worst an unreferenced object.

use std::fmt::Write;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::types::Object;
use uuid::Uuid;

use crate::aws::{Connections, FromConfig};
use crate::domain::{AvatarUrl, InternalError, Result, User, clock, random};
use crate::image::Picture;

/// The first segment of every key, and of every URL's path.
const PREFIX: &str = "avatars";

/// Cacheable for a year, the longest time in common use.
const CACHE_CONTROL: &str = "public, max-age=31536000, immutable";

/// The avatars in the bucket.
pub struct Avatars {
    s3: Client,
    bucket: String,
    base_url: String,
}

impl FromConfig for Avatars {
    async fn open(connections: &Connections) -> Result<Self, InternalError> {
        Ok(Self {
            s3: connections.clients.s3(),
            bucket: connections.config.required("AVATARS_BUCKET")?,
            base_url: connections.config.required("AVATARS_URL")?,
        })
    }
}

impl Avatars {
    /// Stores a picture of `user`. Returns its URL, which the user does not refer to yet.
    ///
    /// # Errors
    /// Only an internal error.
    pub async fn put(&self, user: &User, picture: Picture) -> Result<AvatarUrl, InternalError> {
        let mut name = String::new();
        for byte in random::bytes::<16>()? {
            let _ = write!(name, "{byte:02x}"); // writing to a `String` cannot fail
        }
        let key = format!("{PREFIX}/{}/{name}.{}", user.uuid, picture.extension);
        let put = self
            .s3
            .put_object()
            .bucket(&self.bucket)
            .key(&key)
            .body(picture.bytes.into());
        let put = put
            .content_type(picture.media_type)
            .cache_control(CACHE_CONTROL)
            .content_disposition("inline");
        put.send()
            .await
            .map_err(|error| service_error("PutObject", error))?;
        Ok(AvatarUrl::stored(format!("{}/{key}", self.base_url)))
    }

    /// Deletes the object at `key`. Idempotent.
    ///
    /// # Errors
    /// Only an internal error.
    pub async fn delete(&self, key: &str) -> Result<(), InternalError> {
        let delete = self.s3.delete_object().bucket(&self.bucket).key(key);
        delete
            .send()
            .await
            .map_err(|error| service_error("DeleteObject", error))?;
        Ok(())
    }

    /// Lists at most 1,000 objects in the order of their keys, starting after the key `after`.
    ///
    /// # Errors
    /// Only an internal error.
    pub(crate) async fn list(&self, after: Option<String>) -> Result<AvatarPage, InternalError> {
        let list = self.s3.list_objects_v2().bucket(&self.bucket);
        let list = list.prefix(format!("{PREFIX}/")).set_start_after(after);
        let page = list.send().await;
        let page = page.map_err(|error| service_error("ListObjectsV2", error))?;
        let now = clock::now().as_second();
        let object = |object: &Object| {
            let modified = object.last_modified();
            let age = modified.map(|modified| now.saturating_sub(modified.secs()));
            Some(AvatarObject {
                key: object.key()?.to_owned(),
                age_seconds: age.and_then(|age| age.try_into().ok()),
            })
        };
        let objects: Vec<_> = page.contents().iter().filter_map(object).collect();
        let last = objects.last().filter(|_| page.is_truncated() == Some(true));
        Ok(AvatarPage {
            next: last.map(|last| last.key.clone()),
            objects,
        })
    }
}

/// A page of the stored avatars.
pub(crate) struct AvatarPage {
    /// The objects.
    pub objects: Vec<AvatarObject>,
    /// The key after which the next page begins, if there is one.
    pub next: Option<String>,
}

/// A stored avatar.
pub(crate) struct AvatarObject {
    /// Its key in the bucket.
    pub key: String,
    /// The seconds since it was written. `None` if S3 reports no time, or one in the future.
    pub age_seconds: Option<u64>,
}

/// The key of the avatar of `user` that this URL refers to. `None` for any other URL.
///
/// Only the end of the path counts, so that a change of the base URL does not orphan avatars.
pub(crate) fn key_of(user: Uuid, url: &AvatarUrl) -> Option<String> {
    let url = url.to_string();
    let prefix = format!("/{PREFIX}/{user}/");
    let (_, file) = url.split(['?', '#']).next()?.rsplit_once(&prefix)?;
    let (name, extension) = file.split_once('.')?;
    let is_key = name.len() == 32
        && name
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        && extension.bytes().all(|byte| byte.is_ascii_lowercase());
    is_key.then(|| format!("{PREFIX}/{user}/{file}"))
}

fn service_error<E>(operation: &str, error: E) -> InternalError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let code = error.code().unwrap_or("no answer");
    InternalError::new(format!("{operation}: {code}")).with_source(error)
}
