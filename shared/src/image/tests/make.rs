//! Generators of image files for tests.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use jpeg_encoder::{ColorType, Encoder};

/// The marker in all metadata that tests write. No sanitized picture may contain it.
pub(in super::super) const CANARY: &[u8] = b"GPS-canary";

pub(in super::super) fn gradient(width: u32, height: u32) -> DynamicImage {
    let pixel = |x, y| Rgb([(x * 255 / width) as u8, (y * 255 / height) as u8, 128]);
    RgbImage::from_fn(width, height, pixel).into()
}

pub(in super::super) fn glass(width: u32, height: u32) -> DynamicImage {
    RgbaImage::from_fn(width, height, |x, y| {
        Rgba([200, y as u8, 50, (x * 255 / width) as u8])
    })
    .into()
}

pub(in super::super) fn file(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    image.write_to(&mut file, format).unwrap();
    file.into_inner()
}

/// A JPEG with this EXIF orientation and a GPS position.
pub(in super::super) fn exif_jpeg(image: &DynamicImage, orientation: u16) -> Vec<u8> {
    let (image, mut file) = (image.to_rgb8(), Vec::new());
    let mut encoder = Encoder::new(&mut file, 95);
    encoder
        .add_app_segment(1, [b"Exif\0\0", exif(orientation).as_slice()].concat())
        .unwrap();
    encoder.add_icc_profile(CANARY).unwrap();
    encoder
        .encode(
            image.as_raw(),
            image.width() as u16,
            image.height() as u16,
            ColorType::Rgb,
        )
        .unwrap();
    file
}

/// A JPEG of one colour in another colour space, or in several scans.
pub(in super::super) fn jpeg(pixel: &[u8], colour: ColorType, progressive: bool) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, 100);
    encoder.set_progressive(progressive);
    encoder
        .encode(&pixel.repeat(24 * 24), 24, 24, colour)
        .unwrap();
    file
}

/// EXIF data with the orientation and a GPS directory, whose one entry is the canary.
pub(in super::super) fn exif(orientation: u16) -> Vec<u8> {
    let entry = |tag: u16, kind: u16, count: u32, value: u32| {
        [
            &tag.to_le_bytes()[..],
            &kind.to_le_bytes(),
            &count.to_le_bytes(),
            &value.to_le_bytes(),
        ]
        .concat()
    };
    let end = 0_u32.to_le_bytes();
    let first = [
        &[2, 0][..],
        &entry(0x0112, 3, 1, orientation.into()),
        &entry(0x8825, 4, 1, 38),
        &end,
    ];
    let place = [
        &[1, 0][..],
        &entry(1, 2, CANARY.len() as u32, 56),
        &end,
        CANARY,
    ];
    [&b"II*\0\x08\0\0\0"[..], &first.concat(), &place.concat()].concat()
}

/// A PNG with these chunks after its header.
pub(in super::super) fn png_with(file: &[u8], chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let chunks = chunks.iter().flat_map(|(kind, data)| png_chunk(kind, data));
    file[..33]
        .iter()
        .copied()
        .chain(chunks)
        .chain(file[33..].iter().copied())
        .collect()
}

/// A PNG with this size in its header, and `data` as its compressed data.
pub(in super::super) fn png_of(width: u32, height: u32, data: &[u8]) -> Vec<u8> {
    let header = [
        &width.to_be_bytes()[..],
        &height.to_be_bytes(),
        &[8, 2, 0, 0, 0],
    ]
    .concat();
    let chunks = [
        png_chunk(b"IHDR", &header),
        png_chunk(b"IDAT", data),
        png_chunk(b"IEND", b""),
    ];
    [b"\x89PNG\r\n\x1a\n".to_vec(), chunks.concat()].concat()
}

fn png_chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let named = [&kind[..], data].concat();
    let crc = named.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            crc >> 1 ^ (0xEDB8_8320 * (crc & 1))
        })
    });
    [
        &(data.len() as u32).to_be_bytes()[..],
        &named,
        &(!crc).to_be_bytes(),
    ]
    .concat()
}

pub(in super::super) fn riff(chunks: &[Vec<u8>]) -> Vec<u8> {
    let body = [b"WEBP".to_vec(), chunks.concat()].concat();
    [&b"RIFF"[..], &(body.len() as u32).to_le_bytes(), &body].concat()
}

pub(in super::super) fn riff_chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let padding = &[0][..data.len() % 2];
    [&kind[..], &(data.len() as u32).to_le_bytes(), data, padding].concat()
}

/// The header of an extended WebP: its feature flags and its canvas size.
pub(in super::super) fn vp8x(flags: u8, width: u32, height: u32) -> Vec<u8> {
    let side = |side: u32| (side - 1).to_le_bytes();
    riff_chunk(
        b"VP8X",
        &[&[flags, 0, 0, 0], &side(width)[..3], &side(height)[..3]].concat(),
    )
}

/// A frame of an animation, with this size and the image of a lossless WebP.
pub(in super::super) fn frame(still: &[u8], width: u32, height: u32) -> Vec<u8> {
    let side = |side: u32| (side - 1).to_le_bytes();
    let place = [
        &[0; 6][..],
        &side(width)[..3],
        &side(height)[..3],
        &[100, 0, 0, 0],
    ]
    .concat();
    riff_chunk(b"ANMF", &[place.as_slice(), &still[12..]].concat())
}
