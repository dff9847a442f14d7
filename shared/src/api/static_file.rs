//! Public static files with ETags. They change only with a deployment.

use std::borrow::Cow;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};

use crate::api::Response;

/// How long a client may cache a file without revalidation.
const MAX_AGE_SECONDS: u32 = 300;

/// A file with its headers.
#[derive(Debug)]
pub struct StaticFile {
    headers: Vec<(&'static str, String)>,
    etag: String,
    bytes: Cow<'static, [u8]>,
}

impl StaticFile {
    /// A file of this media type.
    #[must_use]
    pub fn new(content_type: &str, bytes: impl Into<Cow<'static, [u8]>>) -> Self {
        let bytes = bytes.into();
        let etag = format!(
            "\"{}\"",
            BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, &bytes))
        );
        let headers = vec![
            ("content-type", content_type.to_owned()),
            (
                "cache-control",
                format!("public, max-age={MAX_AGE_SECONDS}"),
            ),
            ("etag", etag.clone()),
        ];
        Self {
            headers,
            etag,
            bytes,
        }
    }

    /// Adds a header, such as `content-encoding: gzip` for a compressed file.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// The response with the file; 304 if the header `If-None-Match` contains its ETag (RFC 9110,
    /// section 13.1.2).
    #[must_use]
    pub fn response(&self, if_none_match: Option<&str>) -> Response {
        let same = |tag: &str| tag.trim().trim_start_matches("W/") == self.etag;
        let (status, body) = match if_none_match {
            Some(tags) if tags.split(',').any(same) => (304, vec![]),
            _ => (200, self.bytes.to_vec()),
        };
        Response {
            status,
            headers: self.headers.clone(),
            body,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::StaticFile;

    #[test]
    fn a_cached_file_is_not_sent_again() {
        let file = StaticFile::new("text/plain", b"text".as_slice());
        let etag = file.etag.clone();
        assert_eq!(file.response(None).body, b"text");
        assert_eq!(file.response(Some("\"other\"")).status, 200);
        for tags in [
            etag.clone(),
            format!("W/{etag}"),
            format!("\"other\", {etag}"),
        ] {
            let response = file.response(Some(&tags));
            assert_eq!((response.status, response.body.len()), (304, 0), "{tags}");
            assert!(response.headers.contains(&("etag", etag.clone())));
        }
    }
}
