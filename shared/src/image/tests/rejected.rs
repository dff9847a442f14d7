//! Tests of rejected files, and that oversized ones are rejected before decoding.

use image::DynamicImage;
use image::ImageFormat::{Bmp, Jpeg, Png, Tiff, WebP};
use jpeg_encoder::ColorType::Rgb;
use std::slice::from_ref;

use super::super::{MAX_BYTES, Picture, jpeg as markers, webp};
use super::FORMATS;
use super::make::{file, frame, glass, gradient, jpeg, png_of, riff, riff_chunk, vp8x};

#[test]
fn files_of_other_formats_are_rejected() {
    let assert_rejected = |file: &[u8]| {
        assert!(
            Picture::sanitize(file).is_err(),
            "{:?}",
            &file[..file.len().min(30)]
        )
    };
    for text in [
        "",
        "\0",
        "GIF89a",
        "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        "<?xml version='1.0'?><svg/>",
        "<!DOCTYPE html><script>alert(1)</script>",
        "%PDF-1.7",
        "P6 1 1 255 abc",
        "\0\0\0\x1cftypavif",
        "RIFF\x04\0\0\0WAVE",
        "GIF89a\x01\0\x01\0/*<script>*/",
        "#!/bin/sh",
    ] {
        assert_rejected(text.as_bytes());
    }
    assert_rejected(b"BM\x1e\0\0\0\0\0\0\0\x1a\0\0\0\x0c\0\0\0\x01\0\x01\0\x01\0\x18\0\0\0\xff\0");
    assert_rejected(b"II*\0\x08\0\0\0");
    assert!(
        [Bmp, Tiff].iter().all(|format| !format.reading_enabled()),
        "no decoder that we do not need"
    );
    for magic in [
        &b"\x89PNG\r\n\x1a\n"[..],
        b"\xff\xd8\xff\xe0",
        b"RIFF\xff\0\0\0WEBP",
        b"RIFF\x10\0\0\0WEBPVP8X",
        b"GIF87a",
    ] {
        assert_rejected(magic);
        assert_rejected(&[magic, &b"rubbish".repeat(100)].concat());
        assert_rejected(&[magic, &[0xFF; 1000]].concat());
    }
}

#[test]
fn a_truncated_file_is_rejected() {
    for format in FORMATS {
        for image in [gradient(60, 60), glass(60, 60).to_rgb8().into()] {
            let file = file(&image, format);
            for tenths in 0..10 {
                assert!(
                    Picture::sanitize(&file[..file.len() * tenths / 10]).is_err(),
                    "{format:?} {tenths}/10"
                );
            }
        }
    }
}

#[test]
fn oversized_images_are_rejected_before_decoding() {
    let huge = [
        png_of(20_000, 20_000, &[0; 400_000]),
        png_of(4097, 1, &[0; 9]),
    ];
    let sized = |mut file: Vec<u8>, kind: u8, size: [u8; 4]| {
        let at = file
            .windows(2)
            .position(|pair| pair == [0xFF, kind])
            .unwrap();
        file[at + 5..at + 9].copy_from_slice(&size);
        file
    };
    let wrong_size = sized(file(&gradient(16, 16), Jpeg), 0xC0, [0xFF; 4]);
    let in_scans = sized(jpeg(&[1, 2, 3], Rgb, true), 0xC2, [0x10, 0, 0x10, 0]); // the decoder keeps all coefficients
    let large = file(&gradient(5000, 2), WebP)[12..].to_vec();
    let outside_frame = [
        &b"GIF89a\x08\0\x08\0\x80\0\0abcdef,\0\0\0\0\xff\xff\xff\xff\0\x02"[..],
        &[0; 90],
    ]
    .concat();
    let canvas = riff(&[vp8x(0, 100, 100), large]);
    let wide = file(&gradient(4097, 1), WebP);
    let deep = file(&DynamicImage::from(gradient(4096, 2800).to_rgb16()), Png);
    for (at, file) in huge
        .iter()
        .chain([
            &wrong_size,
            &in_scans,
            &outside_frame,
            &canvas,
            &wide,
            &deep,
        ])
        .enumerate()
    {
        let error = Picture::sanitize(file).unwrap_err();
        assert!(
            error.starts_with("is larger than 4096 × 4096"),
            "{at}: {error}"
        );
    }
    let whole = file(&gradient(4096, 1), Png);
    let room = MAX_BYTES - whole.len();
    assert!(Picture::sanitize(&[whole.as_slice(), &vec![0; room]].concat()).is_ok());
    assert_eq!(
        Picture::sanitize(&[whole.as_slice(), &vec![0; room + 1]].concat()).unwrap_err(),
        "is larger than 2 MiB"
    );
    assert!(
        Picture::sanitize(&png_of(10, 10, &[0x78, 0x9C, 0x03, 0, 0, 0, 0, 1])).is_err(),
        "less than it says"
    );
}

#[test]
fn no_webp_chunk_bypasses_the_memory_limit() {
    // The header of a stream of 16,383 × 16,383 pixels, for which the decoder would allocate memory.
    let huge = riff_chunk(
        b"VP8 ",
        &[
            0x10, 0, 0, 0x9D, 1, 0x2A, 0xFF, 0x3F, 0xFF, 0x3F, 0, 0, 0, 0,
        ],
    );
    let (small, clear) = (
        file(&gradient(8, 8), WebP)[12..].to_vec(),
        riff_chunk(b"ALPH", &[0; 65]),
    );
    let [in_frame, whole_frame] = [
        [clear.clone(), riff_chunk(b"JUNK", &huge[8..])].concat(),
        huge.clone(),
    ]
    .map(|parts| frame(&riff(&[parts]), 8, 8));
    let lossy = riff_chunk(b"VP8 ", &[0x10, 0, 0, 0x9D, 1, 0x2A, 8, 0, 8, 0, 0, 0]);
    let anim = riff_chunk(b"ANIM", &[0; 6]);
    let after_the_end = [riff(&[vp8x(0, 8, 8)]), huge.clone()].concat();
    for (at, file) in [
        after_the_end,
        riff(&[vp8x(0, 8, 8), whole_frame.clone(), huge.clone()]),
        riff(&[
            vp8x(0, 8, 8),
            frame(&riff(from_ref(&small)), 8, 8),
            huge.clone(),
        ]),
        riff(&[vp8x(0, 8, 8), small.clone(), huge.clone()]),
        riff(&[vp8x(2, 8, 8), anim.clone(), whole_frame]),
        riff(&[vp8x(0x12, 8, 8), anim, in_frame]),
        riff(&[vp8x(0x10, 8, 8), clear.clone(), clear.clone(), small]),
        riff(&[vp8x(0x10, 8, 8), lossy, frame(&riff(&[clear]), 8, 8)]),
    ]
    .iter()
    .enumerate()
    {
        assert!(webp::decoder_memory(file).is_err(), "{at}");
        assert!(Picture::sanitize(file).is_err(), "{at}");
    }
}

#[test]
fn no_jpeg_segment_bypasses_the_memory_limit() {
    let whole = jpeg(&[1, 2, 3], Rgb, true);
    let scan = whole
        .windows(2)
        .position(|pair| pair == [0xFF, 0xDA])
        .unwrap();
    let header = u16::try_from(scan).unwrap().to_be_bytes(); // minus the start-of-image marker, plus the length field
    // The decoder reads a segment of four bytes. Others read a comment that extends to the scan.
    for marker in [[0xFF, 0x01], [0xFF, 0xD3]] {
        let hidden = [
            &whole[..2],
            &marker,
            &[0, 6, 0xFF, 0xFE],
            &header,
            &whole[2..],
        ]
        .concat();
        assert!(image::load_from_memory(&hidden).is_ok(), "{marker:?}");
        assert!(markers::decoder_memory(&hidden).is_err(), "{marker:?}");
    }
    let padded = [&whole[..2], &[0xFF; 9], &whole[2..]].concat();
    assert_eq!(
        markers::decoder_memory(&padded),
        markers::decoder_memory(&whole)
    );
    assert!(Picture::sanitize(&padded).is_ok());
}
