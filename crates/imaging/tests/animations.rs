//! GIF and WebP as they are found on sites: odd, damaged, cut short. Read back by libwebp and by the `image` crate.

#![allow(clippy::unwrap_used)] // a failed test is what a panic is for

mod common;

use common::{frames, go, info, pixels, rgba};
use imaging::{Error, Limits};

const RED: [u8; 4] = [255, 0, 0, 255];
const GREEN: [u8; 4] = [0, 255, 0, 255];
const BLUE: [u8; 4] = [0, 0, 255, 255];
const BLACK: [u8; 4] = [0, 0, 0, 255];
const NOTHING: [u8; 4] = [0; 4];

/// A GIF of 4x4 pixels with three colours, and the blocks given.
fn gif(blocks: &[&[u8]]) -> Vec<u8> {
    let palette = [255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255];
    [
        &b"GIF89a\x04\0\x04\0\x91\0\0"[..],
        &palette,
        &blocks.concat(),
    ]
    .concat()
}

/// An image block whose codes are all literal: three bits each, and a clear code after every second one.
fn image(place: [u16; 4], flags: u8, indices: &[u8]) -> Vec<u8> {
    let mut block = vec![0x2c];
    block.extend(place.iter().flat_map(|side| side.to_le_bytes()));
    block.push(flags);
    block.extend(data(indices));
    block
}

fn data(indices: &[u8]) -> Vec<u8> {
    let codes = indices
        .chunks(2)
        .flat_map(|pair| std::iter::once(4).chain(pair.iter().copied()))
        .chain([5]);
    let (mut held, mut count, mut bytes) = (0_u32, 0, Vec::new());
    for code in codes {
        held |= u32::from(code) << count;
        count += 3;
        if count >= 8 {
            bytes.push(held as u8);
            held >>= 8;
            count -= 8;
        }
    }
    bytes.push(held as u8);
    let mut data = vec![2];
    for piece in bytes.chunks(255) {
        data.push(piece.len() as u8);
        data.extend_from_slice(piece);
    }
    data.push(0);
    data
}

const TRAILER: &[u8] = b";";

/// The first frame of a GIF, and whether it is said to be truncated.
fn still(gif: &[u8]) -> (Vec<[u8; 4]>, bool) {
    let picture = go(gif, "/resize/100,f=png").unwrap();
    (pixels(&picture), picture.truncated)
}

#[test]
fn many_small_frames_stay_animated() {
    let original = include_bytes!("data/257-frames.gif");
    let picture = go(original, "/resize/10").unwrap();
    let shown = frames(&picture);
    assert_eq!(shown.len(), 257);
    for (turn, frame) in shown.iter().enumerate() {
        let colour = [RED, GREEN, BLUE][turn % 3];
        assert!(frame.pixels.iter().all(|pixel| *pixel == colour), "{turn}");
    }
    assert!(info(original).contains(r#""frames":257"#));
}

#[test]
fn a_screen_without_a_size_has_that_of_the_first_frame() {
    let original = include_bytes!("data/no-screen.gif");
    let picture = go(original, "/resize/100").unwrap();
    assert_eq!((picture.width, picture.height), (20, 20));
    assert_eq!(pixels(&picture), [RED; 400]);
    assert!(info(original).contains(r#""width":20,"height":20"#));
    let json = go(original, "/size").unwrap().bytes;
    assert_eq!(json, br#"{"img":{"width":20,"height":20,"type":"gif"}}"#);
}

#[test]
fn a_placeholder_without_data_is_transparent() {
    let picture = go(include_bytes!("data/no-data.gif"), "/resize/100,f=png").unwrap();
    assert_eq!((picture.width, picture.height), (1, 1));
    assert_eq!(pixels(&picture), [NOTHING]);
    assert!(!picture.truncated);
}

#[test]
fn a_still_that_is_cut_shows_what_there_is() {
    let original = include_bytes!("data/cut.gif");
    let picture = go(original, "/resize/100,f=png").unwrap();
    assert!(picture.truncated);
    assert_eq!((picture.width, picture.height), (60, 60));
    let shown = pixels(&picture);
    let missing = shown.iter().position(|pixel| *pixel == NOTHING).unwrap();
    assert!((1_800..3_000).contains(&missing), "{missing}");
    assert!(shown[..missing].iter().all(|pixel| pixel[3] == 255));
    assert!(shown[missing..].iter().all(|pixel| *pixel == NOTHING));
    assert!(go(original, "/info").unwrap().truncated);
}

#[test]
fn an_animation_that_is_cut_has_its_whole_frames() {
    let original = include_bytes!("data/cut-in-second-frame.gif");
    let picture = go(original, "/resize/60").unwrap();
    assert_eq!(frames(&picture).len(), 1);
    assert!(picture.truncated);
    let first = go(original, "/resize/200,f=png").unwrap();
    assert_eq!(pixels(&first)[0], [127, 4, 215, 255]);
    assert!(!first.truncated);
}

#[test]
fn loop_counts_are_kept() {
    let original = include_bytes!("data/loop-65535.gif");
    let loops = |bytes: &[u8]| {
        let at = bytes.windows(11).position(|name| name == b"NETSCAPE2.0");
        at.map(|at| u16::from_le_bytes([bytes[at + 13], bytes[at + 14]]))
    };
    assert_eq!(loops(original), Some(65_535));
    assert_eq!(
        loops(&go(original, "/resize/10").unwrap().bytes),
        Some(65_535)
    );
    let webp = go(original, "/resize/10,f=webp").unwrap().bytes;
    let at = webp.windows(4).position(|name| name == b"ANIM").unwrap();
    assert_eq!(&webp[at + 12..at + 14], [255, 255]);
}

/// A palette is optional; Chromium and Firefox show black.
#[test]
fn colours_that_are_not_named_are_black() {
    let frame = image([0, 0, 2, 2], 0, &[0, 1, 2, 3]);
    let none = [b"GIF89a\x02\0\x02\0\0\0\0", &frame[..], TRAILER].concat();
    assert_eq!(still(&none), (vec![BLACK; 4], false));
    let two = [
        b"GIF89a\x02\0\x02\0\x80\0\0\xff\0\0\0\xff\0",
        &frame[..],
        TRAILER,
    ]
    .concat();
    assert_eq!(still(&two), (vec![RED, GREEN, BLACK, BLACK], false));
}

#[test]
fn codes_of_odd_sizes_are_read_and_impossible_ones_refused() {
    let of_size = |size: u8, bytes: &[u8]| {
        let mut block = vec![0x2c, 0, 0, 0, 0, 2, 0, 2, 0, 0, size, bytes.len() as u8];
        block.extend_from_slice(bytes);
        block.push(0);
        gif(&[&block, TRAILER])
    };
    // Clear and 0 have two bits; then there are codes of three: 1, 0, 1 and the end.
    let (shown, truncated) = still(&of_size(1, &[0x12, 0x64]));
    assert_eq!(
        [shown[0], shown[1], shown[4], shown[5]],
        [RED, GREEN, RED, GREEN]
    );
    assert!(!truncated);
    for size in [12, 13, 255] {
        let refused = go(&of_size(size, &[0, 1, 2]), "/resize/9");
        assert!(matches!(refused, Err(Error::Corrupt(_))), "{size}");
    }
}

#[test]
fn what_follows_the_trailer_or_is_no_block_ends_the_file() {
    let frame = image([0, 0, 4, 4], 0, &[1; 16]);
    let other = image([0, 0, 4, 4], 0, &[2; 16]);
    for end in [&b";"[..], b"\0\0;", b"\x17", b"\xff\xff"] {
        let original = gif(&[&frame, end, &other]);
        assert_eq!(still(&original), (vec![GREEN; 16], false));
        assert!(info(&original).contains(r#""frames":1,"#), "{end:?}");
    }
    // Zeros between blocks are ends of data that were written twice.
    assert!(info(&gif(&[&frame, b"\0\0", &other, TRAILER])).contains(r#""frames":2,"#));
    assert_eq!(still(&gif(&[&frame])), (vec![GREEN; 16], true));
}

#[test]
fn frames_that_are_empty_or_outside_change_nothing() {
    let first = image([0, 0, 4, 4], 0, &[0; 16]);
    let odd = [
        image([0, 0, 0, 0], 0, &[]),
        image([2, 2, 0, 3], 0, &[]),
        image([90, 90, 2, 2], 0, &[1; 4]),
        image([3, 3, 2, 2], 0, &[2; 4]),
    ];
    let blocks: Vec<&[u8]> = std::iter::once(&first[..])
        .chain(odd.iter().map(Vec::as_slice))
        .chain([TRAILER])
        .collect();
    let picture = go(&gif(&blocks), "/resize/4,f=webp,lossless=1").unwrap();
    let shown = frames(&picture);
    assert_eq!(shown.len(), 5);
    for frame in &shown[..4] {
        assert_eq!(frame.pixels, [RED; 16]);
    }
    assert_eq!(shown[4].pixels[14..], [RED, BLUE]);
}

#[test]
fn a_damaged_frame_ends_an_animation_and_a_short_one_does_not() {
    let whole = image([0, 0, 4, 4], 0, &[0; 16]);
    let short = image([0, 0, 4, 4], 0, &[1; 4]);
    // Code 7 before there are so many.
    let damaged = [0x2c, 0, 0, 0, 0, 4, 0, 4, 0, 0, 2, 2, 0x3c, 0, 0];
    let original = gif(&[&whole, &short, &whole, &damaged, &whole, TRAILER]);
    let picture = go(&original, "/resize/4,f=webp,lossless=1").unwrap();
    let shown = frames(&picture);
    assert_eq!(shown.len(), 3);
    assert!(picture.truncated);
    assert_eq!(shown[1].pixels[..4], [GREEN; 4]);
    assert_eq!(shown[1].pixels[4..], [RED; 12]);
    // Of the first frame, what is before the damage.
    let first = [0x2c, 0, 0, 0, 0, 4, 0, 4, 0, 0, 2, 2, 0x3c | 0xc0, 0x01, 0];
    assert!(go(&gif(&[&first, TRAILER]), "/resize/9").is_err());
}

#[test]
fn an_interlaced_still_that_is_cut_repeats_its_rows() {
    let rows: Vec<u8> = [0, 1, 2, 0].iter().flat_map(|&row| [row; 4]).collect();
    let block = image([0, 0, 4, 4], 0x40, &rows);
    let (whole, _) = still(&gif(&[&block, TRAILER]));
    // Stored are rows 0, 2, 1 and 3.
    let expected: Vec<_> = [RED, BLUE, GREEN, RED]
        .iter()
        .flat_map(|&c| [c; 4])
        .collect();
    assert_eq!(whole, expected);
    let expected: Vec<_> = [RED, RED, GREEN, GREEN]
        .iter()
        .flat_map(|&c| [c; 4])
        .collect();
    // Behind the eighth pixel.
    let cut = gif(&[&block[..12 + 5]]);
    let (shown, truncated) = still(&cut);
    assert!(truncated);
    assert_eq!(shown, expected);
}

/// The same file as a still and as an animation.
#[test]
fn a_profile_is_heeded_in_stills_and_animations() {
    let profile =
        std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/grb.icc")).unwrap();
    let mut block = b"\x21\xff\x0bICCRGBG1012".to_vec();
    for piece in profile.chunks(255) {
        block.push(piece.len() as u8);
        block.extend_from_slice(piece);
    }
    block.push(0);
    let red = image([0, 0, 4, 4], 0, &[0; 16]);
    let one = gif(&[&block, &red, TRAILER]);
    let two = gif(&[&block, &red, &red, TRAILER]);
    let still = pixels(&go(&one, "/resize/4,f=png").unwrap());
    assert_ne!(still, [RED; 16]);
    let shown = frames(&go(&two, "/resize/4,f=webp,lossless=1").unwrap());
    assert_eq!(shown.len(), 2);
    for frame in &shown {
        assert_eq!(frame.pixels, still);
    }
    assert_eq!(pixels(&go(&two, "/resize/4,f=png").unwrap()), still);
    assert!(!info(&one).contains(r#""profile":null"#));
    assert!(!info(&two).contains(r#""profile":null"#));
}

#[test]
fn a_bound_of_pixels_makes_a_still() {
    let original = include_bytes!("data/257-frames.gif");
    for (bound, count) in [(257 * 400, 257), (257 * 400 - 1, 1)] {
        let limits = Limits {
            max_animation_pixels: bound,
            ..Limits::default()
        };
        let picture = common::go_within(original, "/resize/10", limits).unwrap();
        assert_eq!(frames(&picture).len(), count);
    }
}

#[test]
fn stills_and_first_frames_of_webp_agree() {
    for (original, alpha) in [
        (&include_bytes!("data/sprite.webp")[..], true),
        (include_bytes!("data/first-frame-small.webp"), true),
        (include_bytes!("data/unknown-chunk.webp"), false),
    ] {
        let animated = frames(&go(original, "/resize/100,f=webp,lossless=1").unwrap());
        let still = go(original, "/resize/100,f=png").unwrap();
        assert_eq!(pixels(&still), animated[0].pixels);
        let said = info(original);
        assert!(
            said.contains(&format!(r#""frames":{}"#, animated.len())),
            "{said}"
        );
        assert!(said.contains(&format!(r#""alpha":{alpha}"#)), "{said}");
        let expected = webp::AnimDecoder::new(original).decode().unwrap();
        assert_eq!(expected.len(), animated.len());
        for (frame, expected) in animated.iter().zip(&expected) {
            assert_eq!(frame.pixels, rgba(expected.get_image()));
        }
    }
}

/// A chunk with its padding.
fn chunk(name: [u8; 4], content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u32).to_le_bytes();
    let padding = &[0][..content.len() % 2];
    [&name, &length, content, padding].concat()
}

fn webp(chunks: &[&[u8]]) -> Vec<u8> {
    chunk(*b"RIFF", &[b"WEBP", &chunks.concat()[..]].concat())
}

#[test]
fn chunks_of_a_still_come_in_any_order_and_flags_are_hints() {
    let flagged = include_bytes!("data/alpha-flag-without-alpha.webp");
    let picture = go(flagged, "/resize/200,f=png").unwrap();
    assert_eq!((picture.width, picture.height), (101, 77));
    assert!(info(flagged).contains(r#""alpha":false"#));

    let source: Vec<u8> = (0..24 * 16_u32)
        .flat_map(|n| {
            [
                (n * 3) as u8,
                (n * 5) as u8,
                90,
                if n % 7 == 0 { 40 } else { 255 },
            ]
        })
        .collect();
    let encoder = webp::Encoder::from_rgba(&source, 24, 16);
    let (lossy, lossless) = (encoder.encode(80.0), encoder.encode_lossless());
    let expected = pixels(&go(&lossy, "/resize/99,f=png").unwrap());
    // `VP8X`, `ALPH` and `VP8 `.
    let coded = &lossy[30..];
    let coded_lossless = &lossless[12..];
    let expected_lossless = pixels(&go(&lossless, "/resize/99,f=png").unwrap());
    let unknown = chunk(*b"what", b"odd");
    let exif = chunk(*b"EXIF", b"nothing");
    for flags in [0_u8, 0x02, 0x10, 0x3e, 0xff] {
        let extended = chunk(*b"VP8X", &[flags, 7, 7, 7, 23, 0, 0, 15, 0, 0]);
        let longer = chunk(*b"VP8X", &[flags, 7, 7, 7, 23, 0, 0, 15, 0, 0, 1, 2, 3]);
        for (coded, expected) in [(coded, &expected), (coded_lossless, &expected_lossless)] {
            for chunks in [
                &[&extended[..], coded][..],
                &[&longer, coded],
                &[&extended, &unknown, coded, &unknown],
                &[&extended, &exif, &unknown, coded],
                &[&unknown, &extended, coded],
                &[&extended, coded, &exif, &chunk(*b"VP8 ", b"more")],
            ] {
                let file = webp(chunks);
                let picture = go(&file, "/resize/99,f=png").unwrap();
                assert_eq!(&pixels(&picture), expected);
                assert!(!picture.truncated);
                assert!(info(&file).contains(r#""alpha":true"#));
                // Behind its end may be anything.
                let more = [&file[..], &unknown, b"ANMF"].concat();
                assert_eq!(&pixels(&go(&more, "/resize/99,f=png").unwrap()), expected);
            }
        }
    }
}

#[test]
fn padding_may_be_missing_at_the_end() {
    for width in 1..12 {
        let source = vec![130; width as usize * 3 * 9];
        let encoder = webp::Encoder::from_rgb(&source, width, 9);
        for file in [encoder.encode(50.0), encoder.encode_lossless()] {
            let length = u32::from_le_bytes([file[16], file[17], file[18], file[19]]);
            if length % 2 == 1 {
                let picture = go(&file[..file.len() - 1], "/resize/99,f=png").unwrap();
                assert_eq!(
                    pixels(&picture),
                    pixels(&go(&file, "/resize/99,f=png").unwrap())
                );
                assert!(!picture.truncated);
            }
        }
    }
}
