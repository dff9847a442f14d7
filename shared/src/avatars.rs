//! Users' pictures as objects on S3, each under a key of its own that is never used again. So
//! what a URL shows never changes, and may be cached for ever.
//!
//! The object is there before the user points to it, and goes after no user does: whatever ends
//! between two steps leaves at worst an object that nobody points to.

mod sweep;

use std::fmt::Write;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use uuid::Uuid;

use crate::env::{Env, Resource};
use crate::{AvatarUrl, Fault, Picture, Result, User, random};

pub use sweep::Swept;

/// What every key begins with, and the path of every URL.
const FOLDER: &str = "avatars";

/// A year, which is the most that caches heed.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// The pictures.
pub struct Avatars {
    s3: Client,
    bucket: String,
    base_url: String,
}

impl Resource for Avatars {
    async fn open(env: &Env) -> Result<Self, Fault> {
        Ok(Self {
            s3: env.s3(),
            bucket: env.text("AVATARS_BUCKET")?,
            base_url: env.text("AVATARS_URL")?,
        })
    }
}

impl Avatars {
    /// Keeps a picture of `user`, whom nothing points to it yet: where it is.
    ///
    /// # Errors
    /// Only a fault of ours.
    pub async fn put(&self, user: &User, picture: Picture) -> Result<AvatarUrl, Fault> {
        let mut name = String::new();
        for byte in random::bytes::<16>()? {
            let _ = write!(name, "{byte:02x}"); // a text takes whatever is written
        }
        let key = format!("{FOLDER}/{}/{name}.{}", user.uuid, picture.extension);
        let put = self
            .s3
            .put_object()
            .bucket(&self.bucket)
            .key(&key)
            .body(picture.bytes.into());
        let put = put
            .content_type(picture.media_type)
            .cache_control(FOR_EVER)
            .content_disposition("inline");
        put.send()
            .await
            .map_err(|error| fault("PutObject", &error))?;
        Ok(AvatarUrl::stored(format!("{}/{key}", self.base_url)))
    }

    /// Deletes the object at `key`, whether or not it is there.
    ///
    /// # Errors
    /// Only a fault of ours.
    pub async fn delete(&self, key: &str) -> Result<(), Fault> {
        let delete = self.s3.delete_object().bucket(&self.bucket).key(key);
        delete
            .send()
            .await
            .map_err(|error| fault("DeleteObject", &error))?;
        Ok(())
    }
}

/// The key of the picture of `user` that this URL leads to; nothing for any other URL, also one of
/// another user's picture. Its path's end says so, whatever is before it: pictures stay where they
/// are when the address changes at which they are served.
pub(crate) fn key_of(user: Uuid, url: &AvatarUrl) -> Option<String> {
    let url = url.to_string();
    let folder = format!("/{FOLDER}/{user}/");
    let (_, file) = url.split(['?', '#']).next()?.rsplit_once(&folder)?;
    let (name, extension) = file.split_once('.')?;
    let ours = name.len() == 32
        && name
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        && extension.bytes().all(|byte| byte.is_ascii_lowercase());
    ours.then(|| format!("{FOLDER}/{user}/{file}"))
}

fn fault(operation: &str, error: &impl ProvideErrorMetadata) -> Fault {
    Fault::new(format!(
        "{operation}: {}",
        error.code().unwrap_or("no answer")
    ))
}
