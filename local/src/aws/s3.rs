//! S3, emulated by `s3s` in a directory. Requests are path-style.

use std::{fs, path::Path};

use anyhow::{Context, Result, anyhow};
use http::{Method, request::Parts};
use http_body_util::{BodyExt, Full};
use percent_encoding::percent_decode_str;
use s3s::{
    auth::SimpleAuth,
    service::{S3Service, S3ServiceBuilder},
};

use super::request::{AwsRequest, OPERATOR, RequiredPermission, SECRET_ACCESS_KEY};
use crate::{
    server::{ConnectionClosed, HttpResponse},
    template::Template,
};

/// The running service.
pub(super) struct S3 {
    /// Verifies signatures.
    signed: S3Service,
    /// Accepts unsigned requests, for distributions.
    unsigned: S3Service,
}

impl S3 {
    /// Creates the directory `objects` with the template's buckets, and serves it.
    pub(super) fn open(template: &Template, objects: &Path) -> Result<S3> {
        for bucket in &template.buckets {
            fs::create_dir_all(objects.join(&bucket.name)).context("creating the buckets")?;
        }
        fs::create_dir_all(objects).context("creating the buckets")?;
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
            unsigned: S3ServiceBuilder::new(files()?).build(),
        })
    }

    pub(super) async fn serve(
        &self,
        request: AwsRequest,
    ) -> Result<HttpResponse, ConnectionClosed> {
        let request = http::Request::from_parts(request.head, s3s::Body::from(request.body));
        S3::call(&self.signed, request).await
    }

    /// Gets an object without authorization. `key` is percent-encoded.
    pub(super) async fn object(
        &self,
        bucket: &str,
        key: &str,
    ) -> Result<HttpResponse, ConnectionClosed> {
        let request = http::Request::get(format!("http://localhost/{bucket}/{key}"));
        let request = request
            .body(s3s::Body::empty())
            .map_err(|_| ConnectionClosed)?;
        S3::call(&self.unsigned, request).await
    }

    async fn call(
        service: &S3Service,
        request: http::Request<s3s::Body>,
    ) -> Result<HttpResponse, ConnectionClosed> {
        let response = service.call(request).await.map_err(|_| ConnectionClosed)?;
        let (head, body) = response.into_parts();
        let body = body
            .collect()
            .await
            .map_err(|_| ConnectionClosed)?
            .to_bytes();
        Ok(http::Response::from_parts(head, Full::new(body)))
    }
}

/// The operation and its required permissions, from method, path and query.
///
/// An unknown operation requires every permission.
pub(super) fn required_permissions(head: &Parts) -> (String, Vec<RequiredPermission>) {
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
    let has = |name: &str| query.iter().any(|parameter| parameter == name);
    let source = head
        .headers
        .get("x-amz-copy-source")
        .and_then(|source| source.to_str().ok());

    let bucket_arn = format!("arn:aws:s3:::{bucket}");
    let object_arn = format!("arn:aws:s3:::{bucket}/{key}");
    let single = |operation: &str, action: &str, resource: &str| {
        (
            operation.to_owned(),
            vec![RequiredPermission::new(
                format!("s3:{action}"),
                resource.to_owned(),
            )],
        )
    };
    match (&head.method, bucket.is_empty(), key.is_empty()) {
        (&Method::GET, true, _) => single("ListBuckets", "ListAllMyBuckets", "*"),
        (&Method::GET, _, true) if has("list-type") => {
            single("ListObjectsV2", "ListBucket", &bucket_arn)
        }
        (&Method::GET, _, true) if has("location") => {
            single("GetBucketLocation", "GetBucketLocation", &bucket_arn)
        }
        (&Method::HEAD, _, true) => single("HeadBucket", "ListBucket", &bucket_arn),
        (&Method::POST, _, true) if has("delete") => {
            single("DeleteObjects", "DeleteObject", &format!("{bucket_arn}/*"))
        }
        (&Method::GET, _, false) => single("GetObject", "GetObject", &object_arn),
        (&Method::HEAD, _, false) => single("HeadObject", "GetObject", &object_arn),
        (&Method::DELETE, _, false) if has("uploadId") => {
            single("AbortMultipartUpload", "AbortMultipartUpload", &object_arn)
        }
        (&Method::DELETE, _, false) => single("DeleteObject", "DeleteObject", &object_arn),
        (&Method::POST, _, false) if has("uploads") => {
            single("CreateMultipartUpload", "PutObject", &object_arn)
        }
        (&Method::POST, _, false) if has("uploadId") => {
            single("CompleteMultipartUpload", "PutObject", &object_arn)
        }
        (&Method::PUT, _, false) if has("uploadId") => {
            single("UploadPart", "PutObject", &object_arn)
        }
        (&Method::PUT, _, false) => match source {
            None => single("PutObject", "PutObject", &object_arn),
            Some(source) => {
                let source = percent_decode_str(source.trim_start_matches('/'))
                    .decode_utf8_lossy()
                    .into_owned();
                let read = RequiredPermission::new(
                    "s3:GetObject".to_owned(),
                    format!("arn:aws:s3:::{source}"),
                );
                (
                    "CopyObject".to_owned(),
                    vec![
                        read,
                        RequiredPermission::new("s3:PutObject".to_owned(), object_arn),
                    ],
                )
            }
        },
        _ => single("Unknown", "*", "*"),
    }
}
