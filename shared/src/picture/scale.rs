//! Scaling down by the mean of what each pixel covers. The crate's own scaling lets the colour of
//! invisible pixels shine through at edges, and holds another 32 MiB.

use image::{DynamicImage, GenericImageView, Rgba, RgbaImage};

/// The image in 8 bits, with no side longer than `longest`; never larger than it was.
pub(super) fn down(image: &DynamicImage, longest: u32) -> RgbaImage {
    let (width, height) = image.dimensions();
    let most = width.max(height).max(1);
    let scaled = |side: u32| {
        if most > longest {
            (side * longest / most).max(1)
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

/// For each pixel of a side scaled from `long` to `short`: which of the old ones it covers, and
/// how much of them, in `1 / short`.
fn covered(long: u32, short: u32) -> Vec<Vec<(u32, u32)>> {
    let share = |new: u32, old: u32| {
        let (begin, end) = (
            (new * long).max(old * short),
            ((new + 1) * long).min((old + 1) * short),
        );
        (old, end.saturating_sub(begin))
    };
    let of = |new: u32| {
        (new * long / short..((new + 1) * long).div_ceil(short))
            .map(|old| share(new, old))
            .collect()
    };
    (0..short).map(of).collect()
}

/// The mean of the pixels in these columns and rows, where each counts for its colour as much as
/// it is visible.
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
    let rounded = |sum: u64, of: u64| {
        (sum + of / 2)
            .checked_div(of)
            .and_then(|mean| mean.try_into().ok())
    };
    let [red, green, blue] = [red, green, blue].map(|sum| rounded(sum, alpha).unwrap_or(0));
    Rgba([red, green, blue, rounded(alpha, area).unwrap_or(0)])
}
