//! A JPEG file by its markers: what decoding it will take, and whether its end is there. The
//! decoder would fill in what is missing with grey.

use super::Flaw;
use super::decode::{BROKEN, TOO_MUCH};

/// What decoders allow to be sent in pieces; each piece costs a walk over the whole picture.
const MOST_SCANS: u32 = 100;

/// The memory that the decoder holds beside the picture. Where a picture comes in several scans,
/// all coefficients of all of them, in 16 bits, until the last has come.
pub(super) fn work(file: &[u8]) -> Result<u64, Flaw> {
    let mut rest = file.get(2..).ok_or(BROKEN)?; // behind the marker that begins the file
    let (mut coefficients, mut progressive, mut scans) = (0, false, 0);
    loop {
        let (marker, behind) = marker(rest).ok_or(BROKEN)?;
        match marker {
            // Up to the first scan, to the decoder these are segments that have a length: what one of
            // us passes over would hide a frame from the other.
            0x01 | 0xD0..=0xD7 if scans == 0 => return Err(BROKEN),
            0xD9 if scans > 0 => break,
            0xD8 | 0xD9 => return Err(BROKEN),
            0x01 | 0xD0..=0xD7 => {
                rest = behind;
                continue;
            }
            _ => (),
        }
        let length = behind
            .get(..2)
            .ok_or(BROKEN)?
            .iter()
            .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        let segment = behind.get(2..length).ok_or(BROKEN)?;
        match marker {
            0xC0..=0xC2 => {
                coefficients = samples(segment).ok_or(BROKEN)?.max(coefficients);
                progressive |= marker == 0xC2;
            }
            0xDA => scans += 1,
            _ => (),
        }
        if scans > MOST_SCANS {
            return Err(TOO_MUCH);
        }
        rest = behind.get(length..).ok_or(BROKEN)?;
    }
    Ok(if progressive || scans > 1 {
        coefficients * 2
    } else {
        0
    })
}

/// The next marker, and what is behind it. What stands before it is the data of a scan, in which
/// `FF 00` is no marker.
fn marker(data: &[u8]) -> Option<(u8, &[u8])> {
    let found = |pair: &[u8]| matches!(pair, [0xFF, kind] if *kind != 0 && *kind != 0xFF);
    let at = data.windows(2).position(found)?;
    Some((*data.get(at + 1)?, data.get(at + 2..)?))
}

/// How many samples the components of a frame have together, from its header: precision, height,
/// width, number of components; and for each its id, its sampling factors, its table.
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
    let most = factors.iter().copied().max().filter(|most| *most > 0)?;
    Some(pixels * factors.iter().sum::<u64>() / most)
}
