//! A picture as users upload one, made harmless: decoded within limits, turned upright, scaled
//! down, and written anew, so that nothing of the file itself is kept: no metadata, no trailing
//! bytes, nothing that is a picture and a page at once.

mod decode;
mod jpeg;
mod scale;
mod webp;

use std::panic::catch_unwind;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::webp::WebPEncoder;
use image::{DynamicImage, ExtendedColorType, Rgba, RgbaImage};

/// The largest file.
pub(crate) const MOST_BYTES: usize = 2 * 1024 * 1024;

/// The longest side of what is kept.
const LONGEST_SIDE: u32 = 512;

/// Where a JPEG of a face is not told from the original, at a tenth of its size.
const QUALITY: u8 = 85;

/// What is wrong with a file, in words for the client.
type Flaw = &'static str;

/// A picture that can be shown to anyone.
#[derive(Debug)]
pub struct Picture {
    /// The file.
    pub bytes: Vec<u8>,
    /// What it is.
    pub media_type: &'static str,
    /// How its name ends.
    pub extension: &'static str,
}

impl Picture {
    /// The picture in a PNG, JPEG, WebP or GIF file, which it is by its content; of an
    /// animation, the first frame.
    ///
    /// # Errors
    /// Where it is none of them, is too large, or cannot be decoded; in words for the client.
    pub fn read(bytes: &[u8]) -> Result<Self, Flaw> {
        if bytes.len() > MOST_BYTES {
            return Err("is larger than 2 MiB");
        }
        // A decoder that panics has met a file that it cannot read; nothing of it is used then.
        let small = catch_unwind(|| {
            let (image, orientation) = decode::decode(bytes)?;
            let mut small = DynamicImage::ImageRgba8(scale::down(&image, LONGEST_SIDE));
            small.apply_orientation(orientation);
            Ok(small.into_rgba8())
        });
        Self::write(small.unwrap_or(Err(decode::BROKEN))?)
    }

    /// JPEG where nothing shines through: every client shows it, and it is the smaller for
    /// photographs. Else WebP, which is lossless as the encoder has no other, and smaller than PNG.
    fn write(image: RgbaImage) -> Result<Self, Flaw> {
        const UNWRITABLE: Flaw = "cannot be written anew";
        let (width, height) = image.dimensions();
        let mut bytes = Vec::new();
        if image.pixels().all(|Rgba([.., alpha])| *alpha == u8::MAX) {
            let opaque = DynamicImage::ImageRgba8(image).into_rgb8();
            let written = JpegEncoder::new_with_quality(&mut bytes, QUALITY).encode_image(&opaque);
            written.map_err(|_| UNWRITABLE)?;
            return Ok(Self {
                bytes,
                media_type: "image/jpeg",
                extension: "jpg",
            });
        }
        let encoder = WebPEncoder::new_lossless(&mut bytes);
        let written = encoder.encode(image.as_raw(), width, height, ExtendedColorType::Rgba8);
        written.map_err(|_| UNWRITABLE)?;
        Ok(Self {
            bytes,
            media_type: "image/webp",
            extension: "webp",
        })
    }
}

#[cfg(test)]
mod tests;
