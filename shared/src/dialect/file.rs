//! Files for anyone: the same for every client, until the function is deployed anew.

use std::borrow::Cow;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};

use super::Reply;

/// For how long a client need not ask whether a file is still the same.
const SECONDS: u32 = 300;

/// A file, and the headers that go with it.
#[derive(Debug)]
pub struct File {
    headers: Vec<(&'static str, String)>,
    etag: String,
    bytes: Cow<'static, [u8]>,
}

impl File {
    /// A file of this media type.
    #[must_use]
    pub fn of(content_type: &str, bytes: impl Into<Cow<'static, [u8]>>) -> Self {
        let bytes = bytes.into();
        let etag = format!(
            "\"{}\"",
            BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, &bytes))
        );
        let headers = vec![
            ("content-type", content_type.to_owned()),
            ("cache-control", format!("public, max-age={SECONDS}")),
            ("etag", etag.clone()),
        ];
        Self {
            headers,
            etag,
            bytes,
        }
    }

    /// The file with one more header: `content-encoding: gzip` where its bytes are in it.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// The file as an answer; 304 without it where `known`, an `If-None-Match`, names it (RFC
    /// 9110, section 13.1.2).
    #[must_use]
    pub fn reply(&self, known: Option<&str>) -> Reply {
        let same = |tag: &str| tag.trim().trim_start_matches("W/") == self.etag;
        let (status, body) = match known {
            Some(known) if known.split(',').any(same) => (304, vec![]),
            _ => (200, self.bytes.to_vec()),
        };
        Reply {
            status,
            headers: self.headers.clone(),
            body,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::File;

    #[test]
    fn a_file_that_the_client_knows_is_not_sent_again() {
        let file = File::of("text/plain", b"text".as_slice());
        let etag = file.etag.clone();
        assert_eq!(file.reply(None).body, b"text");
        assert_eq!(file.reply(Some("\"other\"")).status, 200);
        for known in [
            etag.clone(),
            format!("W/{etag}"),
            format!("\"other\", {etag}"),
        ] {
            let reply = file.reply(Some(&known));
            assert_eq!((reply.status, reply.body.len()), (304, 0), "{known}");
            assert!(reply.headers.contains(&("etag", etag.clone())));
        }
    }
}
