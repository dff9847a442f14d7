//! A WebP file by its chunks: what decoding it will take, and whether it is all there. The
//! decoder believes each part of a file about its own size.

use super::Flaw;
use super::decode::{BROKEN, TOO_MUCH};

const ALPHA: u8 = 0x10;
const ANIMATION: u8 = 0x02;

/// The memory that the decoder holds beside the picture at its worst, in bytes a pixel: of a
/// still without transparency, a copy with it; of one with it, the planes of the colour, and
/// the transparency, which is decoded as a picture of its own, unless all is in one lossless
/// stream; of an animation, the canvas and the frame as well.
pub(super) fn work(file: &[u8]) -> Result<u64, Flaw> {
    let length = usize::try_from(little(file.get(4..8))?).map_err(|_| BROKEN)?;
    let body = file.get(12..length.checked_add(8).ok_or(BROKEN)?).ok_or("is cut off")?;
    let (kind, first, behind) = chunk(body)?;
    let (canvas, each) = match (kind, first) {
        (b"VP8X", [flags, _, _, _, size @ ..]) => {
            let canvas = (1 + little(size.get(..3))?, 1 + little(size.get(3..6))?);
            let each = match (flags & ANIMATION, flags & ALPHA) {
                (0, 0) => 4,
                (0, _) => 7,
                _ => 15,
            };
            fits(canvas, behind)?;
            (canvas, each)
        }
        (b"VP8L", [_, _, _, _, last, ..]) if last & ALPHA != 0 => (size(kind, first)?.ok_or(BROKEN)?, 0),
        _ => (size(kind, first)?.ok_or(BROKEN)?, 4),
    };
    Ok(u64::from(canvas.0) * u64::from(canvas.1) * each)
}

/// Whether no bitstream in these chunks is larger than the canvas that was told.
fn fits(canvas: (u32, u32), mut chunks: &[u8]) -> Result<(), Flaw> {
    while !chunks.is_empty() {
        let (kind, data, behind) = chunk(chunks)?;
        if kind == b"ANMF" {
            return fits(canvas, data.get(16..).ok_or(BROKEN)?); // the first frame is all we decode
        }
        if size(kind, data)?.is_some_and(|size| size.0 > canvas.0 || size.1 > canvas.1) {
            return Err(TOO_MUCH);
        }
        chunks = behind;
    }
    Ok(())
}

/// What a bitstream says that its size is; nothing where the chunk is none.
fn size(kind: &[u8], data: &[u8]) -> Result<Option<(u32, u32)>, Flaw> {
    let two = |value: u32, from: u32| value >> from & 0x3FFF;
    match kind {
        b"VP8 " => {
            let sides = little(data.get(6..10))?;
            Ok(Some((two(sides, 0), two(sides, 16))))
        }
        b"VP8L" => {
            let sides = little(data.get(1..5))?;
            Ok(Some((1 + two(sides, 0), 1 + two(sides, 14))))
        }
        _ => Ok(None),
    }
}

/// A chunk: its kind, its data, and what is behind it.
type Chunk<'a> = (&'a [u8], &'a [u8], &'a [u8]);

/// The first chunk.
fn chunk(data: &[u8]) -> Result<Chunk<'_>, Flaw> {
    let length = usize::try_from(little(data.get(4..8))?).map_err(|_| BROKEN)?;
    let end = length.checked_add(8).ok_or(BROKEN)?;
    let behind = data.get(end + end % 2..).unwrap_or_default(); // the last one's padding may lack
    Ok((data.get(..4).ok_or(BROKEN)?, data.get(8..end).ok_or("is cut off")?, behind))
}

/// A number of at most four bytes, the least of them first.
fn little(bytes: Option<&[u8]>) -> Result<u32, Flaw> {
    let bytes = bytes.ok_or(BROKEN)?;
    Ok(bytes.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte)))
}
