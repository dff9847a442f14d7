//! The decoder memory of a WebP file, from its chunks.
//!
//! The decoder allocates whatever size each chunk declares. So files are rejected whose chunks
//! break the format or the limits (<https://developers.google.com/speed/webp/docs/riff_container>).

use super::invalid::{BROKEN, InvalidImage, MAX_DECODED_SIDE, TOO_LARGE};

const ALPHA: u8 = 0x10;
const ANIMATION: u8 = 0x02;

/// Width and height in pixels.
type Size = (u32, u32);

/// The file without trailing data, which the decoder would read, too; and the decoder's peak memory
/// besides the picture, in bytes.
///
/// The memory per pixel is:
/// - still image without alpha: a copy with alpha;
/// - still image with alpha: the colour planes, and the alpha plane, which is decoded as an image
///   of its own. Nothing if both are in one lossless stream;
/// - animation: also the canvas and the frame.
///
/// The tables of a lossless stream are not included, since their size is known only after decoding.
/// The costliest codes need 68 KiB for 1,115 bits. So the largest upload takes about 1 GiB, which
/// the function has.
pub(super) fn decoder_memory(file: &[u8]) -> Result<(&[u8], u64), InvalidImage> {
    let length = usize::try_from(little_endian(file.get(4..8))?).map_err(|_| BROKEN)?;
    let file = file
        .get(..length.checked_add(8).ok_or(BROKEN)?)
        .ok_or("is cut off")?;
    let ((kind, first), after) = chunk(file.get(12..).ok_or(BROKEN)?)?;
    let (canvas, bytes_per_pixel) = match (kind, first) {
        (b"VP8X", [flags, _, _, _, size @ ..]) => {
            let canvas = (
                1 + little_endian(size.get(..3))?,
                1 + little_endian(size.get(3..6))?,
            );
            match (flags & ANIMATION, flags & ALPHA) {
                (0, alpha) => {
                    still(canvas, after)?;
                    (canvas, if alpha == 0 { 4 } else { 7 })
                }
                _ => {
                    first_frame(canvas, after)?;
                    (canvas, 15)
                }
            }
        }
        _ => {
            let canvas = size(kind, first)?;
            fits(canvas, &[(kind, first)])?;
            let transparent = kind == b"VP8L" && first.get(4).is_some_and(|last| last & ALPHA != 0);
            (canvas, if transparent { 0 } else { 4 })
        }
    };
    Ok((
        file,
        u64::from(canvas.0) * u64::from(canvas.1) * bytes_per_pixel,
    ))
}

/// `Ok` if a still image has one stream, which fits the canvas, and no frames.
///
/// The decoder takes the first chunk of each kind, wherever it is.
fn still(canvas: Size, chunks: &[u8]) -> Result<(), InvalidImage> {
    let mut parts = all(chunks)?;
    parts.retain(|(kind, _)| matches!(*kind, b"VP8 " | b"VP8L" | b"ALPH" | b"ANMF"));
    fits(canvas, &parts)
}

/// `Ok` if the first frame of an animation fits the canvas. Only that frame is decoded.
fn first_frame(canvas: Size, chunks: &[u8]) -> Result<(), InvalidImage> {
    let chunks = all(chunks)?;
    let (_, frame) = chunks
        .iter()
        .find(|(kind, _)| *kind == b"ANMF")
        .ok_or(BROKEN)?;
    let size = (
        1 + little_endian(frame.get(6..9))?,
        1 + little_endian(frame.get(9..12))?,
    );
    if !within(size, canvas) {
        return Err(TOO_LARGE);
    }
    let parts = all(frame.get(16..).ok_or(BROKEN)?)?;
    // The decoder takes any chunk after the alpha plane as the colour.
    let count = if parts.first().is_some_and(|(kind, _)| *kind == b"ALPH") {
        2
    } else {
        1
    };
    fits(size, parts.get(..count).ok_or(BROKEN)?)
}

/// `Ok` if the image in `parts` fits into `bounds`: one stream, or an alpha plane and a colour stream.
fn fits(bounds: Size, parts: &[Chunk<'_>]) -> Result<(), InvalidImage> {
    if !within(bounds, (MAX_DECODED_SIDE, MAX_DECODED_SIDE)) {
        return Err(TOO_LARGE);
    }
    let (kind, colour) = match *parts {
        [colour] | [(b"ALPH", _), colour @ (b"VP8 ", _)] => colour,
        _ => return Err(BROKEN),
    };
    if within(size(kind, colour)?, bounds) {
        Ok(())
    } else {
        Err(TOO_LARGE)
    }
}

fn within(size: Size, bounds: Size) -> bool {
    size.0 <= bounds.0 && size.1 <= bounds.1
}

/// The size in a stream's header.
fn size(kind: &[u8], data: &[u8]) -> Result<Size, InvalidImage> {
    let bits14 = |value: u32, from: u32| value >> from & 0x3FFF;
    match kind {
        b"VP8 " => {
            let sides = little_endian(data.get(6..10))?;
            Ok((bits14(sides, 0), bits14(sides, 16)))
        }
        b"VP8L" => {
            let sides = little_endian(data.get(1..5))?;
            Ok((1 + bits14(sides, 0), 1 + bits14(sides, 14)))
        }
        _ => Err(BROKEN),
    }
}

/// A chunk: its FourCC and its data.
type Chunk<'a> = (&'a [u8], &'a [u8]);

/// All chunks of `data`.
fn all(mut data: &[u8]) -> Result<Vec<Chunk<'_>>, InvalidImage> {
    let mut chunks = Vec::new();
    while !data.is_empty() {
        let (first, after) = chunk(data)?;
        chunks.push(first);
        data = after;
    }
    Ok(chunks)
}

/// The first chunk, and the data after it.
fn chunk(data: &[u8]) -> Result<(Chunk<'_>, &[u8]), InvalidImage> {
    let length = usize::try_from(little_endian(data.get(4..8))?).map_err(|_| BROKEN)?;
    let end = length.checked_add(8).ok_or(BROKEN)?;
    let after = data.get(end + end % 2..).unwrap_or_default(); // the last chunk's padding may be missing
    Ok((
        (
            data.get(..4).ok_or(BROKEN)?,
            data.get(8..end).ok_or("is cut off")?,
        ),
        after,
    ))
}

/// A little-endian number of at most four bytes.
fn little_endian(bytes: Option<&[u8]>) -> Result<u32, InvalidImage> {
    let bytes = bytes.ok_or(BROKEN)?;
    Ok(bytes
        .iter()
        .rev()
        .fold(0, |number, byte| number << 8 | u32::from(*byte)))
}
