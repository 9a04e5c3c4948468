//! An original that is already what is asked for keeps its data and loses its metadata.

#![allow(clippy::unwrap_used)] // a failed test is what a panic is for

mod common;

use common::{frames, go, pixels};
use imaging::Picture;

const JPEG: &[u8] = include_bytes!("../../jpeg-shrink/tests/data/jpeg-quality-50.jpg");
const SPRITE: &[u8] = include_bytes!("data/sprite.webp");

fn has(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

/// As `given`, for the second decoder.
fn picture(given: &[u8], like: &Picture) -> Picture {
    Picture {
        bytes: given.to_vec(),
        ..like.clone()
    }
}

fn segment(marker: u8, content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u16 + 2).to_be_bytes();
    [&[0xff, marker], &length[..], content].concat()
}

fn with_segments(segments: &[Vec<u8>], after: &[u8]) -> Vec<u8> {
    [&JPEG[..2], &segments.concat(), &JPEG[2..], after].concat()
}

fn exif(orientation: u8) -> Vec<u8> {
    let mut block = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    block.push(orientation);
    block.extend([0; 6]);
    segment(0xe1, &block)
}

#[test]
fn a_jpeg_that_fits_is_not_encoded_anew() {
    for path in [
        "/resize/800",
        "/resize/900",
        "/crop/800x450",
        "/resize/800,f=jpeg",
        "/resize/800,bytes=9389",
        "/resize/800x450,fit=pad",
        "/crop/800x450,g=smart",
    ] {
        let result = go(JPEG, path).unwrap();
        assert_eq!((result.width, result.height), (800, 450), "{path}");
        assert!(result.bytes == JPEG, "{path}: {}", result.bytes.len());
    }
}

#[test]
fn what_changes_pixels_or_names_a_quality_encodes_anew() {
    for path in [
        "/resize/799",
        "/resize/800,q=90",
        "/resize/800,bytes=9388",
        "/resize/800,blur=1",
        "/resize/800,sharpen=10",
        "/resize/800,flip=h",
        "/resize/800,trim=10",
        "/rotate/180",
        "/resize/900,enlarge=1",
        "/resize/900x900,fit=pad",
    ] {
        assert!(go(JPEG, path).unwrap().bytes != JPEG, "{path}");
    }
    let turned = go(&with_segments(&[exif(6)], b""), "/resize/800").unwrap();
    assert_eq!((turned.width, turned.height), (450, 800));
}

#[test]
fn the_metadata_of_a_jpeg_goes() {
    let secret = b"52 degrees north";
    let private = [b"JFXX\0", &secret[..]].concat();
    let original = with_segments(
        &[
            exif(1),
            segment(
                0xe1,
                &[b"http://ns.adobe.com/xap/1.0/\0", &secret[..]].concat(),
            ),
            segment(0xfe, secret),
            segment(0xed, secret),
            segment(0xe0, &private),
            segment(0xe2, &[b"MPF\0", &secret[..]].concat()),
            segment(0xe2, &[b"ICC_PROFILE\0\x01\x01", &secret[..]].concat()),
            vec![0xff, 0xff], // fill
        ],
        &[secret, JPEG].concat(),
    );
    let result = go(&original, "/resize/800").unwrap();
    assert!(!has(&result.bytes, secret));
    assert!(result.bytes == JPEG, "{}", result.bytes.len());
}

#[test]
fn a_jpeg_that_is_cut_or_rare_is_not_passed_on() {
    for end in [JPEG.len() - 1, JPEG.len() - 2, JPEG.len() * 3 / 4] {
        let result = go(&JPEG[..end], "/resize/800").unwrap();
        assert!(!has(&result.bytes, &JPEG[JPEG.len() / 2..end]), "{end}");
    }
    let bare = include_bytes!("../../jpeg-shrink/tests/data/jpeg-without-dht.jpg");
    assert!(has(&go(bare, "/resize/5000").unwrap().bytes, &[0xff, 0xc4]));
    // Inks become colours.
    let inks = include_bytes!("../../jpeg-shrink/tests/data/j-cmyk-noadobe.jpg");
    assert!(go(inks, "/resize/5000").unwrap().bytes != inks);
}

#[test]
fn a_profile_that_changes_colours_is_kept() {
    let p3 = moxcms::ColorProfile::new_display_p3().encode().unwrap();
    let srgb = moxcms::ColorProfile::new_srgb().encode().unwrap();
    for (profile, kept) in [(p3, true), (srgb, false)] {
        let part = [b"ICC_PROFILE\0\x01\x01", &profile[..]].concat();
        let result = go(&with_segments(&[segment(0xe2, &part)], b""), "/resize/800").unwrap();
        assert_eq!(has(&result.bytes, &profile), kept);
        assert!(result.bytes.ends_with(&JPEG[JPEG.len() - 9000..]));

        let mut webp = ::webp::Encoder::from_rgb(&[90; 300], 10, 10)
            .encode(80.0)
            .to_vec();
        let still = webp.split_off(12);
        let chunks = [
            chunk(*b"VP8X", &[0x2c, 0, 0, 0, 9, 0, 0, 9, 0, 0]),
            chunk(*b"ICCP", &profile),
            still.clone(),
            chunk(*b"EXIF", b"secret"),
            chunk(*b"XMP ", b"secret"),
            chunk(*b"what", b"secret"),
        ];
        let result = go(&riff(&chunks), "/resize/10").unwrap();
        let expected = if kept {
            riff(&[
                chunk(*b"VP8X", &[0x20, 0, 0, 0, 9, 0, 0, 9, 0, 0]),
                chunk(*b"ICCP", &profile),
                still,
            ])
        } else {
            riff(&[still])
        };
        assert!(result.bytes == expected);
    }
}

fn chunk(name: [u8; 4], content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u32).to_le_bytes();
    let padding = &[0][..content.len() % 2];
    [&name, &length, content, padding].concat()
}

fn riff(chunks: &[Vec<u8>]) -> Vec<u8> {
    let body = chunks.concat();
    let length = (body.len() as u32 + 4).to_le_bytes();
    [b"RIFF", &length, b"WEBP", &body[..]].concat()
}

#[test]
fn an_animated_webp_keeps_its_frames_and_nothing_else() {
    let mut original = SPRITE.to_vec();
    original.extend(chunk(*b"EXIF", b"secret"));
    original.extend(chunk(*b"what", b"secret"));
    let length = (original.len() as u32 - 8).to_le_bytes();
    original[4..8].copy_from_slice(&length);
    let result = go(&original, "/resize/5000").unwrap();
    assert!(!has(&result.bytes, b"secret"));
    assert!(result.bytes.len() <= SPRITE.len());
    let (before, after) = (frames(&picture(SPRITE, &result)), frames(&result));
    assert!(before.len() > 1 && before.len() == after.len());
    for (before, after) in before.iter().zip(&after) {
        assert!(before.pixels == after.pixels);
    }
    // A damaged one is composed as far as it goes.
    assert!(
        go(&SPRITE[..SPRITE.len() - 9], "/resize/5000")
            .unwrap()
            .truncated
    );
}

#[test]
fn a_gif_keeps_frames_and_loops() {
    let mut bytes = Vec::new();
    let mut encoder = gif::Encoder::new(&mut bytes, 30, 20, &[0, 0, 0, 255, 255, 255]).unwrap();
    encoder.set_repeat(gif::Repeat::Finite(7)).unwrap();
    for index in 0..3u8 {
        let frame = gif::Frame::from_indexed_pixels(30, 20, vec![index % 2; 600], None);
        encoder.write_frame(&frame).unwrap();
    }
    drop(encoder);
    let body = bytes.len() - 1;
    let comment = b"\x21\xfe\x06secret\0";
    let application = b"\x21\xff\x0bXMP DataXMP\x06secret\0";
    // Behind the header, the table and before the trailer.
    let original = [
        &bytes[..19],
        comment,
        &bytes[19..body],
        application,
        b";secret",
    ]
    .concat();
    let result = go(&original, "/resize/30").unwrap();
    assert!(result.bytes == bytes);
    assert!(go(&original[..body - 9], "/resize/30").unwrap().bytes != bytes);
}

fn png(colour: png::ColorType, depth: png::BitDepth, text: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 16, 2);
    encoder.set_color(colour);
    encoder.set_depth(depth);
    if colour == png::ColorType::Indexed {
        encoder.set_palette(vec![9; 3 * 4]);
        encoder.set_trns(vec![7, 8]);
    }
    if text {
        encoder
            .add_text_chunk("Comment".to_owned(), "secret".to_owned())
            .unwrap();
        encoder.set_pixel_dims(Some(png::PixelDimensions {
            xppu: 1,
            yppu: 1,
            unit: png::Unit::Meter,
        }));
    }
    encoder.set_source_gamma(png::ScaledFloat::new(0.5));
    let mut writer = encoder.write_header().unwrap();
    let row = colour.samples() * depth as usize * 16 / 8;
    writer.write_image_data(&vec![0x11; row * 2]).unwrap();
    writer.finish().unwrap();
    bytes
}

#[test]
fn a_png_of_every_kind_keeps_pixels_and_colours() {
    use png::BitDepth::{Eight, Four, One, Sixteen, Two};
    use png::ColorType::{Grayscale, GrayscaleAlpha, Indexed, Rgb, Rgba};
    for (colour, depth) in [
        (Grayscale, One),
        (Grayscale, Two),
        (Grayscale, Sixteen),
        (GrayscaleAlpha, Eight),
        (Rgb, Eight),
        (Rgba, Sixteen),
        (Indexed, Two),
        (Indexed, Four),
    ] {
        let plain = png(colour, depth, false);
        let mut original = png(colour, depth, true);
        original.extend(b"secret");
        let result = go(&original, "/resize/16,q=50").unwrap();
        assert!(result.bytes == plain, "{colour:?} {depth:?}");
        assert_eq!(pixels(&result), pixels(&picture(&plain, &result)));
    }
}

#[test]
fn transparent_pixels_are_laid_on_a_background_that_is_asked_for() {
    let original = png(png::ColorType::Rgba, png::BitDepth::Eight, false);
    let result = go(&original, "/resize/16,bg=ffffff").unwrap();
    assert!(result.bytes != original);
}
