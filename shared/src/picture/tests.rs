//! What is taken, and that nothing of a file is kept but what it shows.

mod make;
mod refused;

use std::time::{Duration, Instant};

use image::ImageFormat::{self, Gif, Jpeg, Png, WebP};
use image::{DynamicImage, GenericImageView};
use jpeg_encoder::ColorType::{Cmyk, CmykAsYcck, Rgb};

use super::Picture;
use make::{
    CANARY, exif_jpeg, file, frame, glass, gradient, jpeg, png_with, riff, riff_chunk, vp8x,
};

const FORMATS: [ImageFormat; 4] = [Png, Jpeg, WebP, Gif];

/// What a picture that is taken shows. It is one of our two formats, and holds no metadata.
fn shown(file: &[u8]) -> DynamicImage {
    let picture = Picture::read(file).unwrap();
    let format = image::guess_format(&picture.bytes).unwrap();
    let ours = [(Jpeg, "image/jpeg", "jpg"), (WebP, "image/webp", "webp")];
    assert!(
        ours.contains(&(format, picture.media_type, picture.extension)),
        "{format:?}"
    );
    for kept in [
        CANARY, b"Exif", b"GPS", b"ICC", b"EXIF", b"XMP", b"adobe", b"<script", b"tEXt",
    ] {
        assert!(
            !picture
                .bytes
                .windows(kept.len())
                .any(|window| window == kept),
            "{kept:?} was kept"
        );
    }
    let image = image::load_from_memory(&picture.bytes).unwrap();
    assert!(image.width().max(image.height()) <= 512);
    image
}

/// Whether two colours are the same to the eye.
fn alike(image: &DynamicImage, x: u32, y: u32, colour: [u8; 3]) -> bool {
    let pixel = image.get_pixel(x, y).0;
    pixel
        .iter()
        .zip(colour)
        .all(|(one, other)| one.abs_diff(other) < 12)
}

#[test]
fn each_format_is_taken_and_scaled_down_and_never_up() {
    for format in FORMATS {
        assert_eq!(
            shown(&file(&gradient(1000, 500), format)).dimensions(),
            (512, 256),
            "{format:?}"
        );
        assert_eq!(
            shown(&file(&gradient(30, 40), format)).dimensions(),
            (30, 40),
            "{format:?}"
        );
        assert_eq!(
            shown(&file(&gradient(1, 1), format)).dimensions(),
            (1, 1),
            "{format:?}"
        );
    }
    assert_eq!(shown(&file(&gradient(4096, 1), Png)).dimensions(), (512, 1));
    let small = shown(&file(&gradient(1024, 1024), Png));
    assert!(alike(&small, 0, 0, [0, 0, 128]) && alike(&small, 511, 511, [254, 254, 128]));
}

#[test]
fn every_kind_of_pixels_is_understood() {
    let image = gradient(64, 64);
    for image in [
        DynamicImage::from(image.to_rgb16()),
        image.to_rgba16().into(),
        image.to_luma8().into(),
        image.to_luma16().into(),
        image.to_luma_alpha8().into(),
    ] {
        assert_eq!(shown(&file(&image, Png)).dimensions(), (64, 64));
    }
    let grey = image.to_luma8().into();
    assert_eq!(shown(&file(&grey, Jpeg)).dimensions(), (64, 64));
    assert_eq!(
        shown(&file(&image, Gif)).dimensions(),
        (64, 64),
        "a palette"
    );
    for progressive in [false, true] {
        assert!(alike(
            &shown(&jpeg(&[200, 30, 60], Rgb, progressive)),
            12,
            12,
            [200, 30, 60]
        ));
        for colour in [Cmyk, CmykAsYcck] {
            let red = shown(&jpeg(&[0, 255, 255, 0], colour, progressive));
            assert!(
                alike(&red, 12, 12, [255, 0, 0]),
                "{colour:?}: {:?}",
                red.get_pixel(12, 12)
            );
        }
    }
}

#[test]
fn what_shines_through_stays_so_and_what_is_invisible_has_no_colour() {
    for format in [Png, WebP] {
        let picture = Picture::read(&file(&glass(64, 64), format)).unwrap();
        assert_eq!(picture.media_type, "image/webp");
        assert_eq!(
            shown(&file(&glass(64, 64), format)).get_pixel(0, 9).0,
            [0; 4]
        );
    }
    let edge = DynamicImage::from(image::RgbaImage::from_fn(1024, 1, |x, _| match x {
        0 => image::Rgba([0, 0, 255, 255]),
        _ => image::Rgba([255, 0, 0, 0]),
    }));
    assert_eq!(shown(&file(&edge, Png)).get_pixel(0, 0).0, [0, 0, 255, 128]);
}

#[test]
fn a_picture_is_turned_as_it_says_in_all_eight_ways() {
    let (red, green, blue) = ([255, 0, 0], [0, 255, 0], [0, 0, 255]);
    let stored = DynamicImage::from(image::RgbImage::from_fn(96, 64, |x, y| {
        image::Rgb(match (x < 48, y < 32) {
            (true, true) => red,
            (false, true) => green,
            (true, false) => blue,
            _ => [255; 3],
        })
    }));
    // Where its first row's beginning, its first row's end and its last row's beginning belong:
    // (right?, below?).
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
            let image = shown(&file);
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
fn nothing_of_a_file_is_kept_but_what_it_shows() {
    let png = file(&gradient(40, 40), Png);
    let text = [b"Comment\0", CANARY].concat();
    let xmp = [b"XML:com.adobe.xmp\0\0\0\0\0", CANARY].concat();
    shown(&png_with(
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
        shown(&[file(&gradient(40, 40), format), tail].concat());
    }
    let still = file(&gradient(40, 40), WebP)[12..].to_vec();
    let meta = [
        riff_chunk(b"EXIF", &make::exif(1)),
        riff_chunk(b"XMP ", CANARY),
    ]
    .concat();
    let icc = riff_chunk(b"ICCP", CANARY);
    shown(&riff(&[vp8x(0x2C, 40, 40), icc, still, meta]));
}

#[test]
fn of_an_animation_the_first_frame_is_shown_at_once() {
    let one = file(
        &DynamicImage::from(image::RgbImage::from_pixel(8, 8, image::Rgb([9, 99, 199]))),
        Gif,
    );
    let frames = one[13..one.len() - 1].repeat(10_000);
    let gif = [&one[..13], &frames, &one[one.len() - 1..]].concat();
    let started = Instant::now();
    assert!(alike(&shown(&gif), 4, 4, [9, 99, 199]));
    assert!(
        started.elapsed() < Duration::from_secs(1),
        "{:?}",
        started.elapsed()
    );

    let (first, second) = (file(&glass(20, 20), WebP), file(&gradient(20, 20), WebP));
    let frames = [frame(&first, 20, 20), frame(&second, 20, 20)].concat();
    let webp = riff(&[vp8x(0x12, 20, 20), riff_chunk(b"ANIM", &[0; 6]), frames]);
    assert!(alike(&shown(&webp), 19, 7, [200, 7, 50]));
}
