//! Uploaded files in forms (`multipart/form-data`, RFC 7578).

use std::convert::Infallible;
use std::future::ready;

use futures_util::stream::once;
use multer::{Constraints, Error as FormError, Multipart, bytes::Bytes, parse_boundary};

use super::{Request, malformed};
use crate::domain::{Error, Result};
use crate::image::MAX_BYTES;

/// The largest form in bytes: the largest file, and 64 KiB for headers and boundaries.
const MAX_FORM: usize = MAX_BYTES + 64 * 1024;

impl Request {
    /// The file in the form field `field`, if any. Its file name and media type are ignored.
    ///
    /// # Errors
    /// [`Error::TooLarge`]; [`Error::MalformedBody`] if the form is truncated, or the field has several
    /// files or a nested form.
    pub async fn file(&self, field: &str) -> Result<Option<Bytes>> {
        let body = &self.body;
        if body.len() > MAX_FORM {
            return Err(Error::TooLarge);
        }
        let boundary = match parse_boundary(self.header("content-type").unwrap_or_default()) {
            Ok(boundary) => boundary,
            Err(FormError::NoBoundary) => return Err(malformed("the form's boundary is missing")),
            Err(_) => return Ok(None), // any other media type has no file
        };
        let body = once(ready(Ok::<_, Infallible>(Bytes::copy_from_slice(body))));
        let mut form = Multipart::with_constraints(body, boundary, Constraints::new());
        let mut found = None;
        while let Some(part) = form.next_field().await.map_err(form_error)? {
            if part.name() != Some(field)
                || (part.file_name().is_none() && part.content_type().is_none())
            {
                continue; // another field, or not a file
            }
            if part
                .content_type()
                .is_some_and(|kind| kind.type_() == "multipart")
            {
                return Err(malformed("the file is a form itself"));
            }
            let unnamed = part.file_name().is_none_or(str::is_empty);
            let file = part.bytes().await.map_err(form_error)?;
            if unnamed && file.is_empty() {
                continue; // how browsers send a field where no file was chosen
            }
            if found.replace(file).is_some() {
                return Err(malformed("the field has several files"));
            }
        }
        Ok(found)
    }
}

fn form_error(error: FormError) -> Error {
    match error {
        FormError::IncompleteStream
        | FormError::IncompleteFieldData { .. }
        | FormError::IncompleteHeaders => malformed("the form is cut off"),
        _ => malformed("the form cannot be read"),
    }
}
