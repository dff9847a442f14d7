//! S3, played by `s3s` on a directory. Buckets are addressed by path.

use std::{fs, path::Path};

use anyhow::{Context, Result, anyhow};
use http::{Method, request::Parts};
use http_body_util::{BodyExt, Full};
use percent_encoding::percent_decode_str;
use s3s::{
    auth::SimpleAuth,
    service::{S3Service, S3ServiceBuilder},
};

use super::{
    OPERATOR, SECRET_ACCESS_KEY,
    request::{Call, Need},
};
use crate::{
    Template,
    server::{Answer, Broken},
};

/// The running service: for who signs, and past that for the distributions.
pub(super) struct S3 {
    signed: S3Service,
    open: S3Service,
}

impl S3 {
    /// Serves the directory `objects`, which it makes, with the template's buckets in it.
    pub(super) fn start(template: &Template, objects: &Path) -> Result<S3> {
        for bucket in &template.buckets {
            fs::create_dir_all(objects.join(&bucket.name)).context("making the buckets")?;
        }
        fs::create_dir_all(objects).context("making the buckets")?;
        let files = || {
            s3s_fs::FileSystem::new(objects)
                .map_err(|error| anyhow!("opening the buckets: {error:?}"))
        };
        let mut keys = SimpleAuth::new();
        for name in template
            .functions
            .iter()
            .map(|function| function.name.as_str())
            .chain([OPERATOR])
        {
            keys.register(name.to_owned(), SECRET_ACCESS_KEY.into());
        }
        let mut builder = S3ServiceBuilder::new(files()?);
        builder.set_auth(keys);
        Ok(S3 {
            signed: builder.build(),
            open: S3ServiceBuilder::new(files()?).build(),
        })
    }

    pub(super) async fn serve(&self, call: Call) -> Result<Answer, Broken> {
        let request = http::Request::from_parts(call.head, s3s::Body::from(call.body));
        S3::ask(&self.signed, request).await
    }

    /// The object at `key`, percent-encoded, or the error in its place; signed by nobody.
    pub(super) async fn object(&self, bucket: &str, key: &str) -> Result<Answer, Broken> {
        let request = http::Request::get(format!("http://localhost/{bucket}/{key}"));
        S3::ask(
            &self.open,
            request.body(s3s::Body::empty()).map_err(|_| Broken)?,
        )
        .await
    }

    async fn ask(service: &S3Service, request: http::Request<s3s::Body>) -> Result<Answer, Broken> {
        let answer = service.call(request).await.map_err(|_| Broken)?;
        let (head, body) = answer.into_parts();
        let body = body.collect().await.map_err(|_| Broken)?.to_bytes();
        Ok(http::Response::from_parts(head, Full::new(body)))
    }
}

/// The operation and what it takes, read from the method, the path and the query. Whatever
/// is not known takes everything.
pub(super) fn read(head: &Parts) -> (String, Vec<Need>) {
    let path = percent_decode_str(head.uri.path())
        .decode_utf8_lossy()
        .into_owned();
    let (bucket, key) = path
        .trim_start_matches('/')
        .split_once('/')
        .unwrap_or((path.trim_start_matches('/'), ""));
    let query: Vec<String> =
        form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes())
            .map(|(name, _)| name.into_owned())
            .collect();
    let asks = |name: &str| query.iter().any(|given| given == name);
    let source = head
        .headers
        .get("x-amz-copy-source")
        .and_then(|source| source.to_str().ok());

    let of_bucket = format!("arn:aws:s3:::{bucket}");
    let of_key = format!("arn:aws:s3:::{bucket}/{key}");
    let one = |operation: &str, action: &str, resource: &str| {
        (
            operation.to_owned(),
            vec![Need::new(format!("s3:{action}"), resource.to_owned())],
        )
    };
    match (&head.method, bucket.is_empty(), key.is_empty()) {
        (&Method::GET, true, _) => one("ListBuckets", "ListAllMyBuckets", "*"),
        (&Method::GET, _, true) if asks("list-type") => {
            one("ListObjectsV2", "ListBucket", &of_bucket)
        }
        (&Method::GET, _, true) if asks("location") => {
            one("GetBucketLocation", "GetBucketLocation", &of_bucket)
        }
        (&Method::HEAD, _, true) => one("HeadBucket", "ListBucket", &of_bucket),
        (&Method::POST, _, true) if asks("delete") => {
            one("DeleteObjects", "DeleteObject", &format!("{of_bucket}/*"))
        }
        (&Method::GET, _, false) => one("GetObject", "GetObject", &of_key),
        (&Method::HEAD, _, false) => one("HeadObject", "GetObject", &of_key),
        (&Method::DELETE, _, false) if asks("uploadId") => {
            one("AbortMultipartUpload", "AbortMultipartUpload", &of_key)
        }
        (&Method::DELETE, _, false) => one("DeleteObject", "DeleteObject", &of_key),
        (&Method::POST, _, false) if asks("uploads") => {
            one("CreateMultipartUpload", "PutObject", &of_key)
        }
        (&Method::POST, _, false) if asks("uploadId") => {
            one("CompleteMultipartUpload", "PutObject", &of_key)
        }
        (&Method::PUT, _, false) if asks("uploadId") => one("UploadPart", "PutObject", &of_key),
        (&Method::PUT, _, false) => match source {
            None => one("PutObject", "PutObject", &of_key),
            Some(source) => {
                let source = percent_decode_str(source.trim_start_matches('/'))
                    .decode_utf8_lossy()
                    .into_owned();
                let read = Need::new("s3:GetObject".to_owned(), format!("arn:aws:s3:::{source}"));
                (
                    "CopyObject".to_owned(),
                    vec![read, Need::new("s3:PutObject".to_owned(), of_key)],
                )
            }
        },
        _ => one("Unknown", "*", "*"),
    }
}
