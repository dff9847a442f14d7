//! Tests of accepted files: formats, orientation, scaling and removal of metadata.

mod make;
mod rejected;

use image::ImageFormat::{self, Gif, Jpeg, Png, WebP};
use image::{DynamicImage, GenericImageView};
use jpeg_encoder::ColorType::{Cmyk, CmykAsYcck, Rgb};

use super::Picture;
use make::{
    CANARY, exif_jpeg, file, frame, glass, gradient, jpeg, png_with, riff, riff_chunk, vp8x,
};

const FORMATS: [ImageFormat; 4] = [Png, Jpeg, WebP, Gif];

/// The pixels of the sanitized file. Asserts the output format and that no metadata is left.
fn sanitized(file: &[u8]) -> DynamicImage {
    let picture = Picture::sanitize(file).unwrap();
    let format = image::guess_format(&picture.bytes).unwrap();
    let outputs = [(Jpeg, "image/jpeg", "jpg"), (WebP, "image/webp", "webp")];
    assert!(
        outputs.contains(&(format, picture.media_type, picture.extension)),
        "{format:?}"
    );
    for metadata in [
        CANARY, b"Exif", b"GPS", b"ICC", b"EXIF", b"XMP", b"adobe", b"<script", b"tEXt",
    ] {
        assert!(
            !picture
                .bytes
                .windows(metadata.len())
                .any(|window| window == metadata),
            "{metadata:?} was kept"
        );
    }
    let image = image::load_from_memory(&picture.bytes).unwrap();
    assert!(image.width().max(image.height()) <= 512);
    image
}

/// Whether the pixel is close to `colour`, as JPEG is lossy.
fn alike(image: &DynamicImage, x: u32, y: u32, colour: [u8; 3]) -> bool {
    let pixel = image.get_pixel(x, y).0;
    pixel
        .iter()
        .zip(colour)
        .all(|(one, other)| one.abs_diff(other) < 12)
}

#[test]
fn each_format_is_accepted_and_scaled_down_but_never_up() {
    for format in FORMATS {
        assert_eq!(
            sanitized(&file(&gradient(1000, 500), format)).dimensions(),
            (512, 256),
            "{format:?}"
        );
        assert_eq!(
            sanitized(&file(&gradient(30, 40), format)).dimensions(),
            (30, 40),
            "{format:?}"
        );
        assert_eq!(
            sanitized(&file(&gradient(1, 1), format)).dimensions(),
            (1, 1),
            "{format:?}"
        );
    }
    assert_eq!(
        sanitized(&file(&gradient(4096, 1), Png)).dimensions(),
        (512, 1)
    );
    let small = sanitized(&file(&gradient(1024, 1024), Png));
    assert!(alike(&small, 0, 0, [0, 0, 128]) && alike(&small, 511, 511, [254, 254, 128]));
}

#[test]
fn every_pixel_format_is_accepted() {
    let image = gradient(64, 64);
    for image in [
        DynamicImage::from(image.to_rgb16()),
        image.to_rgba16().into(),
        image.to_luma8().into(),
        image.to_luma16().into(),
        image.to_luma_alpha8().into(),
    ] {
        assert_eq!(sanitized(&file(&image, Png)).dimensions(), (64, 64));
    }
    let grey = image.to_luma8().into();
    assert_eq!(sanitized(&file(&grey, Jpeg)).dimensions(), (64, 64));
    assert_eq!(
        sanitized(&file(&image, Gif)).dimensions(),
        (64, 64),
        "a palette"
    );
    for progressive in [false, true] {
        assert!(alike(
            &sanitized(&jpeg(&[200, 30, 60], Rgb, progressive)),
            12,
            12,
            [200, 30, 60]
        ));
        for colour in [Cmyk, CmykAsYcck] {
            let red = sanitized(&jpeg(&[0, 255, 255, 0], colour, progressive));
            assert!(
                alike(&red, 12, 12, [255, 0, 0]),
                "{colour:?}: {:?}",
                red.get_pixel(12, 12)
            );
        }
    }
}

#[test]
fn alpha_is_kept_and_transparent_pixels_do_not_tint_edges() {
    for format in [Png, WebP] {
        let picture = Picture::sanitize(&file(&glass(64, 64), format)).unwrap();
        assert_eq!(picture.media_type, "image/webp");
        assert_eq!(
            sanitized(&file(&glass(64, 64), format)).get_pixel(0, 9).0,
            [0; 4]
        );
    }
    let edge = DynamicImage::from(image::RgbaImage::from_fn(1024, 1, |x, _| match x {
        0 => image::Rgba([0, 0, 255, 255]),
        _ => image::Rgba([255, 0, 0, 0]),
    }));
    assert_eq!(
        sanitized(&file(&edge, Png)).get_pixel(0, 0).0,
        [0, 0, 255, 128]
    );
}

#[test]
fn all_eight_exif_orientations_are_applied() {
    let (red, green, blue) = ([255, 0, 0], [0, 255, 0], [0, 0, 255]);
    let stored = DynamicImage::from(image::RgbImage::from_fn(96, 64, |x, y| {
        image::Rgb(match (x < 48, y < 32) {
            (true, true) => red,
            (false, true) => green,
            (true, false) => blue,
            _ => [255; 3],
        })
    }));
    // The target corners of the stored top left, top right and bottom left corners: (x, y).
    for (orientation, corners) in [
        (1, [(0, 0), (1, 0), (0, 1)]),
        (2, [(1, 0), (0, 0), (1, 1)]),
        (3, [(1, 1), (0, 1), (1, 0)]),
        (4, [(0, 1), (1, 1), (0, 0)]),
        (5, [(0, 0), (0, 1), (1, 0)]),
        (6, [(1, 0), (1, 1), (0, 0)]),
        (7, [(1, 1), (1, 0), (0, 1)]),
        (8, [(0, 1), (0, 0), (1, 1)]),
    ] {
        let png = png_with(&file(&stored, Png), &[(b"eXIf", &make::exif(orientation))]);
        for file in [exif_jpeg(&stored, orientation), png] {
            let image = sanitized(&file);
            let (width, height) = if orientation < 5 { (96, 64) } else { (64, 96) };
            assert_eq!(image.dimensions(), (width, height), "{orientation}");
            for ((right, below), colour) in corners.into_iter().zip([red, green, blue]) {
                let (x, y) = (
                    width / 4 + right * width / 2,
                    height / 4 + below * height / 2,
                );
                assert!(
                    alike(&image, x, y, colour),
                    "{orientation}: {:?}",
                    image.get_pixel(x, y)
                );
            }
        }
    }
}

#[test]
fn no_metadata_or_trailing_data_is_kept() {
    let png = file(&gradient(40, 40), Png);
    let text = [b"Comment\0", CANARY].concat();
    let xmp = [b"XML:com.adobe.xmp\0\0\0\0\0", CANARY].concat();
    sanitized(&png_with(
        &png,
        &[
            (b"tEXt", &text),
            (b"iTXt", &xmp),
            (b"iCCP", &text),
            (b"zzZz", CANARY),
        ],
    ));
    for format in FORMATS {
        let tail = b"<html><script>alert('GPS-canary')</script></html>".to_vec();
        sanitized(&[file(&gradient(40, 40), format), tail].concat());
    }
    let still = file(&gradient(40, 40), WebP)[12..].to_vec();
    let meta = [
        riff_chunk(b"EXIF", &make::exif(1)),
        riff_chunk(b"XMP ", CANARY),
    ]
    .concat();
    let icc = riff_chunk(b"ICCP", CANARY);
    sanitized(&riff(&[vp8x(0x2C, 40, 40), icc, still, meta]));
}

#[test]
fn of_an_animation_only_the_first_frame_is_decoded() {
    let one = file(
        &DynamicImage::from(image::RgbImage::from_pixel(8, 8, image::Rgb([9, 99, 199]))),
        Gif,
    );
    // The second frame is damaged: decoding it would fail.
    let (head, frame_bytes) = one[..one.len() - 1].split_at(13);
    let damaged = [b"\x2C".as_slice(), &[0xFF; 40]].concat();
    let gif = [head, frame_bytes, &damaged, b"\x3B"].concat();
    assert!(alike(&sanitized(&gif), 4, 4, [9, 99, 199]));

    let (first, second) = (file(&glass(20, 20), WebP), file(&gradient(20, 20), WebP));
    let frames = [frame(&first, 20, 20), frame(&second, 20, 20)].concat();
    let webp = riff(&[vp8x(0x12, 20, 20), riff_chunk(b"ANIM", &[0; 6]), frames]);
    assert!(alike(&sanitized(&webp), 19, 7, [200, 7, 50]));
}
