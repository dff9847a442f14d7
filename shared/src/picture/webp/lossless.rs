//! A lossless stream up to its pixels: how large the tables are that the decoder makes of it
//! (<https://developers.google.com/speed/webp/docs/webp_lossless_bitstream_specification>).
//!
//! The colours come in codes of their own for each group of blocks, and how many groups there are
//! says a small picture before them, whose values need not be small: a picture of one pixel can ask
//! for tables of many hundred megabytes. So the stream is read as the decoder reads it, and nothing
//! kept but what it costs.

use std::mem::replace;

use super::super::Flaw;
use super::super::decode::{BROKEN, MOST_WORK, TOO_MUCH};
use super::code::{Bits, Code};

/// What the decoder keeps of a group beside the tables, twice while the list of groups grows.
const A_GROUP: u64 = 1024;

/// The bytes of the tables of a stream for a picture of this size.
pub(super) fn tables(stream: &[u8], size: (u32, u32)) -> Result<u64, Flaw> {
    let bytes = groups(&mut Bits::of(stream), size).ok_or(BROKEN)?;
    if bytes > MOST_WORK { Err(TOO_MUCH) } else { Ok(bytes) }
}

/// The bytes of all groups, or as soon as it is too much; nothing where the stream is none.
fn groups(bits: &mut Bits<'_>, (mut width, height): (u32, u32)) -> Option<u64> {
    let mut seen = [false; 4];
    while bits.take(1)? == 1 {
        let transform = bits.take(2)?;
        if replace(seen.get_mut(usize::try_from(transform).ok()?)?, true) {
            return None;
        }
        match transform {
            0 | 1 => {
                let pixels = blocks(bits, width, height)?;
                greatest(bits, pixels)?;
            }
            2 => (), // which has no data
            _ => {
                let colours = bits.take(8)? + 1;
                greatest(bits, colours)?;
                let packed = match colours {
                    1..=2 => 8,
                    3..=4 => 4,
                    5..=16 => 2,
                    _ => 1,
                };
                width = width.div_ceil(packed);
            }
        }
    }
    let cache = cache(bits)?;
    let several = bits.take(1)? == 1;
    let pixels = if several { blocks(bits, width, height)? } else { 0 };
    let last = if several { greatest(bits, pixels)? } else { 0 };
    let mut bytes = 0;
    for _ in 0..=last {
        let [green, red, blue, alpha, distance] = group(bits, cache)?;
        bytes += [green, red, blue, alpha, distance].iter().map(Code::bytes).sum::<u64>() + A_GROUP;
        if bytes > MOST_WORK {
            break;
        }
    }
    Some(bytes)
}

/// How many blocks a picture has, of the size that comes next.
fn blocks(bits: &mut Bits<'_>, width: u32, height: u32) -> Option<u32> {
    let side = 4 << bits.take(3)?;
    Some(width.div_ceil(side) * height.div_ceil(side))
}

/// How many colours are kept to be named again.
fn cache(bits: &mut Bits<'_>) -> Option<u32> {
    if bits.take(1)? == 0 {
        return Some(0);
    }
    let size = bits.take(4)?;
    (1..=11).contains(&size).then(|| 1 << size)
}

/// The codes for green and lengths, red, blue, transparency, and distances.
fn group(bits: &mut Bits<'_>, cache: u32) -> Option<[Code; 5]> {
    let mut code = |symbols| Code::read(bits, symbols);
    Some([code(256 + 24 + cache)?, code(256)?, code(256)?, code(256)?, code(40)?])
}

/// Reads a small picture: the greatest number that red and green of a pixel make together. Pixels
/// that repeat another make none that is greater.
fn greatest(bits: &mut Bits<'_>, pixels: u32) -> Option<u32> {
    let cache = cache(bits)?;
    let [green, red, blue, alpha, distance] = group(bits, cache)?;
    let (mut left, mut greatest) = (pixels, 0);
    while left > 0 {
        let symbol = green.symbol(bits)?;
        let read = match symbol {
            ..256 => {
                greatest = greatest.max(red.symbol(bits)? << 8 | symbol);
                blue.symbol(bits)?;
                alpha.symbol(bits)?;
                1
            }
            256..280 => {
                let length = number(bits, symbol - 256)?;
                let from = distance.symbol(bits)?;
                number(bits, from)?;
                length
            }
            _ => 1,
        };
        left = left.checked_sub(read)?;
    }
    Some(greatest)
}

/// The length or distance that begins with this symbol.
fn number(bits: &mut Bits<'_>, symbol: u32) -> Option<u32> {
    if symbol < 4 {
        return Some(symbol + 1);
    }
    let more = (symbol - 2) >> 1;
    Some(((2 + (symbol & 1)) << more) + bits.take(more)? + 1)
}
