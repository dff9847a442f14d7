//! The first picture of a file, decoded, where its header says that this is affordable.

use std::io::Cursor;

use image::codecs::{gif::GifDecoder, jpeg::JpegDecoder, png::PngDecoder, webp::WebPDecoder};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, Limits, guess_format};

use super::{Flaw, jpeg, webp};

/// The longest side that is decoded, in pixels.
pub(super) const LONGEST_SIDE: u32 = 4096;

/// The most memory that a decoded picture takes.
const MOST_MEMORY: u64 = 64 * 1024 * 1024;

/// The most that it takes together with what its decoder holds beside it at its worst.
const MOST_WORK: u64 = 96 * 1024 * 1024;

/// A file of a format that we know, and that is damaged.
pub(super) const BROKEN: Flaw = "cannot be decoded";

/// A file that claims to be more than we decode.
pub(super) const TOO_MUCH: Flaw = "is larger than 4096 × 4096 pixels, or takes too much memory";

/// The picture, and how it is to be turned.
pub(super) fn decode(file: &[u8]) -> Result<(DynamicImage, Orientation), Flaw> {
    let source = Cursor::new(file);
    match guess_format(file) {
        Ok(ImageFormat::Png) => {
            let mut limits = Limits::no_limits();
            limits.max_alloc = Some(MOST_MEMORY);
            affordable(PngDecoder::with_limits(source, limits).map_err(flaw)?, 0)
        }
        Ok(ImageFormat::Jpeg) => {
            let beside = jpeg::work(file)?;
            affordable(JpegDecoder::new(source).map_err(flaw)?, beside)
        }
        Ok(ImageFormat::WebP) => {
            let (file, beside) = webp::work(file)?;
            affordable(WebPDecoder::new(Cursor::new(file)).map_err(flaw)?, beside)
        }
        Ok(ImageFormat::Gif) => affordable(GifDecoder::new(source).map_err(flaw)?, 0),
        _ => Err("is not a PNG, JPEG, WebP or GIF image"),
    }
}

/// Decodes, where picture and what is held `beside` it stay within the limits.
fn affordable(
    mut decoder: impl ImageDecoder,
    beside: u64,
) -> Result<(DynamicImage, Orientation), Flaw> {
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(BROKEN);
    }
    let memory = decoder.total_bytes();
    let work = memory.saturating_add(beside);
    if width.max(height) > LONGEST_SIDE || memory > MOST_MEMORY || work > MOST_WORK {
        return Err(TOO_MUCH);
    }
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MOST_WORK.saturating_sub(work)); // a GIF's frame, where it is not the whole
    decoder.set_limits(limits).map_err(flaw)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    Ok((
        DynamicImage::from_decoder(decoder).map_err(flaw)?,
        orientation,
    ))
}

fn flaw(error: ImageError) -> Flaw {
    match error {
        ImageError::Limits(_) => TOO_MUCH,
        _ => BROKEN,
    }
}
