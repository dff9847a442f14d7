//! Sanitization of uploaded pictures.
//!
//! A picture is decoded within limits, rotated upright, scaled down and re-encoded. So no byte of
//! the upload is kept: no metadata, no trailing data, no polyglot file.

use std::panic::catch_unwind;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::webp::WebPEncoder;
use image::{DynamicImage, ExtendedColorType, Rgba, RgbaImage};

use super::invalid::{BROKEN, InvalidImage};
use super::{decode, scale};

/// The largest upload, in bytes.
pub(crate) const MAX_BYTES: usize = 2 * 1024 * 1024;

/// The longest side of a stored picture, in pixels.
const MAX_SIDE: u32 = 512;

/// The JPEG quality: portraits look like the original, at a tenth of its size.
const QUALITY: u8 = 85;

/// A sanitized picture.
#[derive(Debug)]
pub struct Picture {
    /// The encoded file.
    pub bytes: Vec<u8>,
    /// The media type.
    pub media_type: &'static str,
    /// The file name extension, without the dot.
    pub extension: &'static str,
}

impl Picture {
    /// Sanitizes a PNG, JPEG, WebP or GIF file. The format is detected from the content. Of an
    /// animation, the first frame is used.
    ///
    /// # Errors
    /// If the file has another format, is too large, or cannot be decoded. Clients see the text.
    pub fn sanitize(bytes: &[u8]) -> Result<Self, InvalidImage> {
        if bytes.len() > MAX_BYTES {
            return Err("is larger than 2 MiB");
        }
        // A panic of a decoder counts as a decoding error.
        let small = catch_unwind(|| {
            let (image, orientation) = decode::decode(bytes)?;
            let mut small = DynamicImage::ImageRgba8(scale::down(&image, MAX_SIDE));
            small.apply_orientation(orientation);
            Ok(small.into_rgba8())
        });
        Self::encode(small.unwrap_or(Err(BROKEN))?)
    }

    /// Encodes opaque pictures as JPEG, which all clients support and which is small for photos.
    ///
    /// Other pictures become lossless WebP, which is smaller than PNG. The encoder has no lossy mode.
    fn encode(image: RgbaImage) -> Result<Self, InvalidImage> {
        const ENCODING_FAILED: InvalidImage = "cannot be written anew";
        let (width, height) = image.dimensions();
        let mut bytes = Vec::new();
        if image.pixels().all(|Rgba([.., alpha])| *alpha == u8::MAX) {
            let opaque = DynamicImage::ImageRgba8(image).into_rgb8();
            let encoded = JpegEncoder::new_with_quality(&mut bytes, QUALITY).encode_image(&opaque);
            encoded.map_err(|_| ENCODING_FAILED)?;
            return Ok(Self {
                bytes,
                media_type: "image/jpeg",
                extension: "jpg",
            });
        }
        let encoder = WebPEncoder::new_lossless(&mut bytes);
        let encoded = encoder.encode(image.as_raw(), width, height, ExtendedColorType::Rgba8);
        encoded.map_err(|_| ENCODING_FAILED)?;
        Ok(Self {
            bytes,
            media_type: "image/webp",
            extension: "webp",
        })
    }
}
