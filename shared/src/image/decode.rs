//! Decoding of the first frame of a file, within memory limits.
//!
//! The header is checked first, so that a small file cannot demand much memory.

use std::io::Cursor;

use image::codecs::{gif::GifDecoder, jpeg::JpegDecoder, png::PngDecoder, webp::WebPDecoder};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, Limits, guess_format};

use super::invalid::{BROKEN, InvalidImage, MAX_DECODED_SIDE, TOO_LARGE};
use super::{jpeg, webp};

/// The limit of a decoded picture, in bytes.
const MAX_PICTURE_MEMORY: u64 = 64 * 1024 * 1024;

/// The limit of a decoded picture and its decoder's peak memory together, in bytes.
const MAX_TOTAL_MEMORY: u64 = 96 * 1024 * 1024;

/// The decoded picture, and its EXIF orientation, which is not applied yet.
pub(super) fn decode(file: &[u8]) -> Result<(DynamicImage, Orientation), InvalidImage> {
    let source = Cursor::new(file);
    match guess_format(file) {
        Ok(ImageFormat::Png) => {
            let mut limits = Limits::no_limits();
            limits.max_alloc = Some(MAX_PICTURE_MEMORY);
            decode_within_limits(PngDecoder::with_limits(source, limits).map_err(invalid)?, 0)
        }
        Ok(ImageFormat::Jpeg) => {
            let decoder_memory = jpeg::decoder_memory(file)?;
            decode_within_limits(JpegDecoder::new(source).map_err(invalid)?, decoder_memory)
        }
        Ok(ImageFormat::WebP) => {
            let (file, decoder_memory) = webp::decoder_memory(file)?;
            decode_within_limits(
                WebPDecoder::new(Cursor::new(file)).map_err(invalid)?,
                decoder_memory,
            )
        }
        Ok(ImageFormat::Gif) => decode_within_limits(GifDecoder::new(source).map_err(invalid)?, 0),
        _ => Err("is not a PNG, JPEG, WebP or GIF image"),
    }
}

/// Decodes, if the picture and the `decoder_memory` (in bytes) stay within the limits.
fn decode_within_limits(
    mut decoder: impl ImageDecoder,
    decoder_memory: u64,
) -> Result<(DynamicImage, Orientation), InvalidImage> {
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(BROKEN);
    }
    let memory = decoder.total_bytes();
    let total = memory.saturating_add(decoder_memory);
    if width.max(height) > MAX_DECODED_SIDE
        || memory > MAX_PICTURE_MEMORY
        || total > MAX_TOTAL_MEMORY
    {
        return Err(TOO_LARGE);
    }
    let mut limits = Limits::no_limits();
    // A GIF frame that is smaller than the canvas gets a buffer of its own.
    limits.max_alloc = Some(MAX_TOTAL_MEMORY.saturating_sub(total));
    decoder.set_limits(limits).map_err(invalid)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    Ok((
        DynamicImage::from_decoder(decoder).map_err(invalid)?,
        orientation,
    ))
}

fn invalid(error: ImageError) -> InvalidImage {
    match error {
        ImageError::Limits(_) => TOO_LARGE,
        _ => BROKEN,
    }
}
