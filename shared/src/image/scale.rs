//! Downscaling by area averaging, with colours weighted by alpha.
//!
//! The `image` crate's own scaling does not weight by alpha, so that transparent pixels tint edges.
//! It also takes another 32 MiB.

use image::{DynamicImage, GenericImageView, Rgba, RgbaImage};

/// The image in 8 bits per channel, with no side longer than `max_side`. It is never enlarged.
pub(super) fn down(image: &DynamicImage, max_side: u32) -> RgbaImage {
    let (width, height) = image.dimensions();
    let longest = width.max(height).max(1);
    let scaled = |side: u32| {
        if longest > max_side {
            (side * max_side / longest).max(1)
        } else {
            side
        }
    };
    let (columns, rows) = (
        covered(width, scaled(width)),
        covered(height, scaled(height)),
    );
    let mut small = RgbaImage::new(scaled(width), scaled(height));
    for (row, line) in rows.iter().zip(small.rows_mut()) {
        for (column, pixel) in columns.iter().zip(line) {
            *pixel = mean(image, column, row);
        }
    }
    small
}

/// The source pixels that each target pixel of a side covers, when `long` pixels become `short`.
///
/// Each comes with the covered share, in units of `1 / short` pixel.
fn covered(long: u32, short: u32) -> Vec<Vec<(u32, u32)>> {
    let share = |new: u32, old: u32| {
        let (begin, end) = (
            (new * long).max(old * short),
            ((new + 1) * long).min((old + 1) * short),
        );
        (old, end.saturating_sub(begin))
    };
    let sources = |new: u32| {
        (new * long / short..((new + 1) * long).div_ceil(short))
            .map(|old| share(new, old))
            .collect()
    };
    (0..short).map(sources).collect()
}

/// The mean of the pixels in these columns and rows, with colours weighted by alpha.
fn mean(image: &DynamicImage, columns: &[(u32, u32)], rows: &[(u32, u32)]) -> Rgba<u8> {
    let (mut red, mut green, mut blue, mut alpha, mut area) = (0, 0, 0, 0, 0);
    for (y, height) in rows {
        for (x, width) in columns {
            let Rgba([r, g, b, a]) = image.get_pixel(*x, *y);
            let share = u64::from(*width) * u64::from(*height);
            let visible = share * u64::from(a);
            red += visible * u64::from(r);
            green += visible * u64::from(g);
            blue += visible * u64::from(b);
            alpha += visible;
            area += share;
        }
    }
    let rounded = |sum: u64, weight: u64| {
        (sum + weight / 2)
            .checked_div(weight)
            .and_then(|mean| mean.try_into().ok())
    };
    let [red, green, blue] = [red, green, blue].map(|sum| rounded(sum, alpha).unwrap_or(0));
    Rgba([red, green, blue, rounded(alpha, area).unwrap_or(0)])
}
