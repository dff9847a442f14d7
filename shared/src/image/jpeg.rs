//! The decoder memory of a JPEG file, from its markers.
//!
//! Also rejects files without an end marker, whose missing part the decoder would fill with grey.

use super::invalid::{BROKEN, InvalidImage, TOO_LARGE};

/// The maximum number of scans. Decoding each scan takes a pass over the whole picture.
const MAX_SCANS: u32 = 100;

/// The memory of the decoder besides the picture, in bytes.
///
/// If a picture has several scans, the decoder keeps all 16-bit coefficients until the last one.
pub(super) fn decoder_memory(file: &[u8]) -> Result<u64, InvalidImage> {
    let mut rest = file.get(2..).ok_or(BROKEN)?; // after the start-of-image marker
    let (mut coefficients, mut progressive, mut scans) = (0, false, 0);
    loop {
        let (marker, after) = marker(rest).ok_or(BROKEN)?;
        match marker {
            // Before the first scan, the decoder reads a length after these markers, which the
            // standard does not. A frame that only one parser sees would bypass the limits.
            0x01 | 0xD0..=0xD7 if scans == 0 => return Err(BROKEN),
            0xD9 if scans > 0 => break,
            0xD8 | 0xD9 => return Err(BROKEN),
            0x01 | 0xD0..=0xD7 => {
                rest = after;
                continue;
            }
            _ => (),
        }
        let length = after
            .get(..2)
            .ok_or(BROKEN)?
            .iter()
            .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        let segment = after.get(2..length).ok_or(BROKEN)?;
        match marker {
            0xC0..=0xC2 => {
                coefficients = samples(segment).ok_or(BROKEN)?.max(coefficients);
                progressive |= marker == 0xC2;
            }
            0xDA => scans += 1,
            _ => (),
        }
        if scans > MAX_SCANS {
            return Err(TOO_LARGE);
        }
        rest = after.get(length..).ok_or(BROKEN)?;
    }
    Ok(if progressive || scans > 1 {
        coefficients * 2
    } else {
        0
    })
}

/// The next marker, and the data after it. Skips entropy-coded data, in which `FF 00` is no marker.
fn marker(data: &[u8]) -> Option<(u8, &[u8])> {
    let is_marker = |pair: &[u8]| matches!(pair, [0xFF, kind] if *kind != 0 && *kind != 0xFF);
    let at = data.windows(2).position(is_marker)?;
    Some((*data.get(at + 1)?, data.get(at + 2..)?))
}

/// The number of samples in all components of a frame, from its header.
///
/// The header is precision, height, width and the number of components. Each component has an id,
/// sampling factors and a table.
fn samples(frame: &[u8]) -> Option<u64> {
    let &[_, h1, h0, w1, w0, _, ref components @ ..] = frame else {
        return None;
    };
    let pixels = u64::from(u16::from_be_bytes([h1, h0])) * u64::from(u16::from_be_bytes([w1, w0]));
    let factors = components
        .chunks_exact(3)
        .filter_map(|component| component.get(1));
    let factors: Vec<u64> = factors
        .map(|factors| u64::from(factors >> 4) * u64::from(factors & 15))
        .collect();
    let max = factors.iter().copied().max().filter(|max| *max > 0)?;
    Some(pixels * factors.iter().sum::<u64>() / max)
}
