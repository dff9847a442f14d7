//! A file in a form (`multipart/form-data`, RFC 7578).

use std::convert::Infallible;
use std::future::ready;

use futures_util::stream::once;
use multer::{Constraints, Error as Broken, Multipart, bytes::Bytes, parse_boundary};

use super::{Call, unreadable};
use crate::picture::MOST_BYTES;
use crate::{Error, Result};

/// The largest body: the largest file, and room for what a form puts around it.
const MOST_FORM: usize = MOST_BYTES + 64 * 1024;

impl Call {
    /// The file in the form's field of this name; nothing where there is none. What it is called
    /// there and what it is said to be do not matter.
    ///
    /// # Errors
    /// [`Error::TooLarge`]; [`Error::Unreadable`] where the form is cut off, or the field has
    /// several files or a form in it.
    pub async fn file(&self, field: &str) -> Result<Option<Bytes>> {
        let body: &[u8] = self.request.body().as_ref();
        if body.len() > MOST_FORM {
            return Err(Error::TooLarge);
        }
        let boundary = match parse_boundary(self.header("content-type").unwrap_or_default()) {
            Ok(boundary) => boundary,
            Err(Broken::NoBoundary) => return Err(unreadable("the form's boundary is missing")),
            Err(_) => return Ok(None), // another kind of body has no file
        };
        let body = once(ready(Ok::<_, Infallible>(Bytes::copy_from_slice(body))));
        let mut form = Multipart::with_constraints(body, boundary, Constraints::new());
        let mut found = None;
        while let Some(part) = form.next_field().await.map_err(broken)? {
            if part.name() != Some(field)
                || (part.file_name().is_none() && part.content_type().is_none())
            {
                continue; // another field, or a text
            }
            if part
                .content_type()
                .is_some_and(|kind| kind.type_() == "multipart")
            {
                return Err(unreadable("the file is a form itself"));
            }
            let nameless = part.file_name().is_none_or(str::is_empty);
            let file = part.bytes().await.map_err(broken)?;
            if nameless && file.is_empty() {
                continue; // how browsers send a field where no file was chosen
            }
            if found.replace(file).is_some() {
                return Err(unreadable("the field has several files"));
            }
        }
        Ok(found)
    }
}

fn broken(error: Broken) -> Error {
    match error {
        Broken::IncompleteStream
        | Broken::IncompleteFieldData { .. }
        | Broken::IncompleteHeaders => unreadable("the form is cut off"),
        _ => unreadable("the form cannot be read"),
    }
}
