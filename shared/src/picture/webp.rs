//! A WebP file by its chunks: what decoding it will take, and whether it is all there. The
//! decoder believes each part of a file about its own size, so only what the format allows is
//! handed to it (<https://developers.google.com/speed/webp/docs/riff_container>).

use super::Flaw;
use super::decode::{BROKEN, LONGEST_SIDE, TOO_MUCH};

const ALPHA: u8 = 0x10;
const ANIMATION: u8 = 0x02;

/// Width and height.
type Size = (u32, u32);

/// The file without what is behind its end, where the decoder would look, too; and the memory that
/// the decoder holds beside the picture at its worst. In bytes a pixel: of a still without
/// transparency, a copy with it; of one with it, the planes of the colour, and the transparency,
/// which is decoded as a picture of its own, unless all is in one lossless stream; of an animation,
/// the canvas and the frame as well. The tables of a lossless stream are not in it: nobody knows
/// how large they are before they are decoded. But of the costliest codes there are, 1,115 bits for
/// 68 KiB, the largest file that is taken asks for a gigabyte, for which the function has the memory.
pub(super) fn work(file: &[u8]) -> Result<(&[u8], u64), Flaw> {
    let length = usize::try_from(little(file.get(4..8))?).map_err(|_| BROKEN)?;
    let file = file
        .get(..length.checked_add(8).ok_or(BROKEN)?)
        .ok_or("is cut off")?;
    let ((kind, first), behind) = chunk(file.get(12..).ok_or(BROKEN)?)?;
    let (canvas, each) = match (kind, first) {
        (b"VP8X", [flags, _, _, _, size @ ..]) => {
            let canvas = (1 + little(size.get(..3))?, 1 + little(size.get(3..6))?);
            match (flags & ANIMATION, flags & ALPHA) {
                (0, alpha) => {
                    still(canvas, behind)?;
                    (canvas, if alpha == 0 { 4 } else { 7 })
                }
                _ => {
                    first_frame(canvas, behind)?;
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
    Ok((file, u64::from(canvas.0) * u64::from(canvas.1) * each))
}

/// Whether a still's stream fits. It has no other, and no frames: the decoder would take the
/// first of each kind, wherever it is.
fn still(canvas: Size, chunks: &[u8]) -> Result<(), Flaw> {
    let mut parts = all(chunks)?;
    parts.retain(|(kind, _)| matches!(*kind, b"VP8 " | b"VP8L" | b"ALPH" | b"ANMF"));
    fits(canvas, &parts)
}

/// Whether an animation's first frame fits, which is all that is decoded.
fn first_frame(canvas: Size, chunks: &[u8]) -> Result<(), Flaw> {
    let chunks = all(chunks)?;
    let (_, frame) = chunks
        .iter()
        .find(|(kind, _)| *kind == b"ANMF")
        .ok_or(BROKEN)?;
    let size = (1 + little(frame.get(6..9))?, 1 + little(frame.get(9..12))?);
    if !within(size, canvas) {
        return Err(TOO_MUCH);
    }
    let parts = all(frame.get(16..).ok_or(BROKEN)?)?;
    // The decoder takes whatever is behind the transparency for the colour.
    let count = if parts.first().is_some_and(|(kind, _)| *kind == b"ALPH") {
        2
    } else {
        1
    };
    fits(size, parts.get(..count).ok_or(BROKEN)?)
}

/// Whether a picture fits, which is one stream, or its transparency and then its colour.
fn fits(room: Size, parts: &[Part<'_>]) -> Result<(), Flaw> {
    if !within(room, (LONGEST_SIDE, LONGEST_SIDE)) {
        return Err(TOO_MUCH);
    }
    let (kind, colour) = match *parts {
        [colour] | [(b"ALPH", _), colour @ (b"VP8 ", _)] => colour,
        _ => return Err(BROKEN),
    };
    if within(size(kind, colour)?, room) {
        Ok(())
    } else {
        Err(TOO_MUCH)
    }
}

fn within(size: Size, room: Size) -> bool {
    size.0 <= room.0 && size.1 <= room.1
}

/// What a stream says that its size is.
fn size(kind: &[u8], data: &[u8]) -> Result<Size, Flaw> {
    let two = |value: u32, from: u32| value >> from & 0x3FFF;
    match kind {
        b"VP8 " => {
            let sides = little(data.get(6..10))?;
            Ok((two(sides, 0), two(sides, 16)))
        }
        b"VP8L" => {
            let sides = little(data.get(1..5))?;
            Ok((1 + two(sides, 0), 1 + two(sides, 14)))
        }
        _ => Err(BROKEN),
    }
}

/// A chunk: its kind, and its data.
type Part<'a> = (&'a [u8], &'a [u8]);

/// All chunks, which leave nothing over.
fn all(mut data: &[u8]) -> Result<Vec<Part<'_>>, Flaw> {
    let mut chunks = Vec::new();
    while !data.is_empty() {
        let (first, behind) = chunk(data)?;
        chunks.push(first);
        data = behind;
    }
    Ok(chunks)
}

/// The first chunk, and what is behind it.
fn chunk(data: &[u8]) -> Result<(Part<'_>, &[u8]), Flaw> {
    let length = usize::try_from(little(data.get(4..8))?).map_err(|_| BROKEN)?;
    let end = length.checked_add(8).ok_or(BROKEN)?;
    let behind = data.get(end + end % 2..).unwrap_or_default(); // the last one's padding may lack
    Ok((
        (
            data.get(..4).ok_or(BROKEN)?,
            data.get(8..end).ok_or("is cut off")?,
        ),
        behind,
    ))
}

/// A number of at most four bytes, the least of them first.
fn little(bytes: Option<&[u8]>) -> Result<u32, Flaw> {
    let bytes = bytes.ok_or(BROKEN)?;
    Ok(bytes
        .iter()
        .rev()
        .fold(0, |number, byte| number << 8 | u32::from(*byte)))
}
