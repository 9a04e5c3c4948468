//! Files that are cut off, damaged, or unusual: what arrived is shown.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Raw, SCALES, psnr};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use jpeg_shrink::{Error, Limits, Picture, Scale, Unsupported, decode, read_header};

const WIDTH: usize = 160;
const HEIGHT: usize = 128;

fn encode(set: impl Fn(&mut Encoder<&mut Vec<u8>>)) -> Vec<u8> {
    let mut jpeg = Vec::new();
    let mut encoder = Encoder::new(&mut jpeg, 85);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    set(&mut encoder);
    let scene = Raw::scene(WIDTH, HEIGHT);
    encoder
        .encode(&scene.bytes, WIDTH as u16, HEIGHT as u16, ColorType::Rgb)
        .unwrap();
    jpeg
}

fn show(jpeg: &[u8], scale: Scale) -> Picture {
    decode(jpeg, scale, &Limits::default()).unwrap()
}

/// Where the first segment of a kind begins.
fn find(jpeg: &[u8], code: u8) -> usize {
    let mut at = 2;
    while jpeg[at + 1] != code {
        at += 2 + usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]));
    }
    at
}

/// Where the data of the first scan begin.
fn data(jpeg: &[u8]) -> usize {
    let at = find(jpeg, 0xDA);
    at + 2 + usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]))
}

/// The part of a picture's lines, from 0 to 1.
fn lines(raw: &Raw, from: f64, to: f64) -> Raw {
    let (first, last) = (
        (raw.height as f64 * from) as usize,
        (raw.height as f64 * to) as usize,
    );
    Raw {
        width: raw.width,
        height: last - first,
        channels: raw.channels,
        bytes: raw.bytes[first * raw.width * raw.channels..last * raw.width * raw.channels]
            .to_vec(),
    }
}

#[test]
fn a_cut_off_sequential_file_shows_what_arrived_and_grey() {
    let jpeg = encode(|_| {});
    let start = data(&jpeg);
    let half = start + (jpeg.len() - start) / 2;
    for scale in SCALES {
        let whole = Raw::of(show(&jpeg, scale));
        let cut = show(&jpeg[..half], scale);
        assert!(cut.truncated);
        let cut = Raw::of(cut);
        assert_eq!(
            lines(&cut, 0.0, 0.25),
            lines(&whole, 0.0, 0.25),
            "{scale:?}"
        );
        let rest = lines(&cut, 0.875, 1.0);
        assert!(rest.bytes.iter().all(|&level| level == 128), "{scale:?}");
    }
}

#[test]
fn a_file_cut_off_anywhere_gives_a_flagged_picture_or_has_no_scan() {
    for kind in 0..4 {
        let jpeg = encode(|encoder| match kind {
            1 => encoder.set_progressive(true),
            2 => encoder.set_optimized_huffman_tables(true),
            3 => encoder.set_restart_interval(2),
            _ => {}
        });
        let start = data(&jpeg);
        for length in (0..jpeg.len() - 2).step_by(61) {
            for scale in SCALES {
                match decode(&jpeg[..length], scale, &Limits::default()) {
                    Ok(picture) => assert!(
                        length >= start && picture.truncated,
                        "{kind} {length} {scale:?}"
                    ),
                    Err(error) => {
                        assert!(length < start, "{kind} {length} {scale:?}");
                        let expected = if length < 2 {
                            Error::NotJpeg
                        } else {
                            Error::NoPicture
                        };
                        assert_eq!(error, expected);
                    }
                }
            }
        }
    }
}

#[test]
fn a_cut_off_progressive_file_is_coarse_but_whole() {
    let jpeg = encode(|encoder| encoder.set_progressive(true));
    let whole = Raw::of(show(&jpeg, Scale::Half));
    let cut = show(&jpeg[..jpeg.len() * 6 / 10], Scale::Half);
    assert!(cut.truncated);
    let distance = psnr(&Raw::of(cut).luma(), &whole.luma());
    assert!(distance > 20.0, "{distance:.1} dB");
}

#[test]
fn damage_between_restart_markers_stays_there() {
    let jpeg = encode(|encoder| encoder.set_restart_interval(10)); // a row of MCUs
    let whole = Raw::of(show(&jpeg, Scale::Full));
    let second = data(&jpeg)
        + jpeg[data(&jpeg)..]
            .windows(2)
            .position(|two| two == [0xFF, 0xD1])
            .unwrap();
    // Bits all set are no code of any table.
    let mut damaged = jpeg.clone();
    for pair in damaged[second + 6..second + 26].as_chunks_mut().0 {
        *pair = [0xFF, 0];
    }
    let picture = show(&damaged, Scale::Full);
    assert!(picture.truncated);
    let picture = Raw::of(picture);
    assert_eq!(lines(&picture, 0.0, 0.24), lines(&whole, 0.0, 0.24));
    assert_eq!(lines(&picture, 0.39, 1.0), lines(&whole, 0.39, 1.0));
    assert_ne!(lines(&picture, 0.25, 0.375), lines(&whole, 0.25, 0.375));

    // An interval that is lost altogether, with its marker.
    let third = second
        + jpeg[second..]
            .windows(2)
            .position(|two| two == [0xFF, 0xD2])
            .unwrap();
    let lost = [&jpeg[..second], &jpeg[third..]].concat();
    let picture = show(&lost, Scale::Full);
    assert!(picture.truncated);
    let picture = Raw::of(picture);
    assert_eq!(lines(&picture, 0.39, 1.0), lines(&whole, 0.39, 1.0));
    assert!(
        lines(&picture, 0.27, 0.36)
            .bytes
            .iter()
            .all(|&level| level == 128)
    );
}

#[test]
fn a_height_told_by_dnl_is_found() {
    let mut jpeg = encode(|_| {});
    let expected = show(&jpeg, Scale::Quarter);
    let frame = find(&jpeg, 0xC0);
    jpeg[frame + 5..frame + 7].fill(0);
    assert_eq!(
        read_header(&jpeg, &Limits::default()),
        Err(Error::Corrupt("no height"))
    );
    let end = jpeg.len() - 2;
    let [high, low] = (HEIGHT as u16).to_be_bytes();
    jpeg.splice(end..end, [0xFF, 0xDC, 0, 4, high, low]);
    assert_eq!(
        read_header(&jpeg, &Limits::default()).unwrap().height as usize,
        HEIGHT
    );
    assert_eq!(show(&jpeg, Scale::Quarter), expected);
}

#[test]
fn quantisers_of_16_bits_and_fill_bytes_change_nothing() {
    let jpeg = encode(|_| {});
    let mut wide = vec![0xFF, 0xD8];
    let mut at = 2;
    while jpeg[at + 1] != 0xDA {
        let length = usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]));
        wide.extend([0xFF, 0xFF, 0xFF]);
        if jpeg[at + 1] == 0xDB {
            let tables = jpeg[at + 4..at + 2 + length].chunks_exact(65);
            let total = 2 + tables.len() as u16 * 129;
            wide.push(0xDB);
            wide.extend(total.to_be_bytes());
            for table in tables {
                wide.push(table[0] | 0x10);
                wide.extend(table[1..].iter().flat_map(|&step| [0, step]));
            }
        } else {
            wide.extend(&jpeg[at + 1..at + 2 + length]);
        }
        at += 2 + length;
    }
    wide.extend(&jpeg[at..]);
    for scale in SCALES {
        assert_eq!(show(&wide, scale), show(&jpeg, scale));
    }
}

#[test]
fn rgb_is_known_by_its_identifiers_and_by_adobe() {
    // The components of a YCbCr file, said to be RGB: the samples come out as they are.
    let jpeg = encode(|encoder| encoder.set_sampling_factor(SamplingFactor::F_1_1));
    let frame = find(&jpeg, 0xC0);
    let scan = find(&jpeg, 0xDA);
    let jfif = find(&jpeg, 0xE0);
    let mut named = jpeg.clone();
    for (component, &id) in b"RGB".iter().enumerate() {
        named[frame + 10 + 3 * component] = id;
        named[scan + 5 + 2 * component] = id;
    }
    named[jfif + 4] = b'j';
    let named = Raw::of(show(&named, Scale::Full));
    let mut marked = jpeg.clone();
    marked[jfif + 4] = b'j';
    marked.splice(2..2, *b"\xFF\xEE\0\x0EAdobe\0\x64\0\0\0\0\0");
    assert_eq!(Raw::of(show(&marked, Scale::Full)), named);
    let luma: Vec<u8> = named.bytes.chunks_exact(3).map(|pixel| pixel[0]).collect();
    let scene = Raw::scene(WIDTH, HEIGHT).luma();
    assert!(
        psnr(
            &Raw {
                bytes: luma,
                ..scene.clone()
            },
            &scene
        ) > 33.0
    );
}

#[test]
fn kinds_that_are_left_to_others_say_so() {
    let jpeg = encode(|_| {});
    let frame = find(&jpeg, 0xC0);
    let table = [
        (0xC3, Unsupported::Lossless),
        (0xC5, Unsupported::Hierarchical),
        (0xC7, Unsupported::Hierarchical),
        (0xC9, Unsupported::Arithmetic),
        (0xCA, Unsupported::Arithmetic),
        (0xCC, Unsupported::Arithmetic),
        (0xDE, Unsupported::Hierarchical),
    ];
    for (code, expected) in table {
        let mut other = jpeg.clone();
        other[frame + 1] = code;
        assert_eq!(
            decode(&other, Scale::Half, &Limits::default()),
            Err(Error::Unsupported(expected))
        );
    }
    let mut deep = jpeg.clone();
    deep[frame + 4] = 12;
    let expected = Err(Error::Unsupported(Unsupported::Precision(12)));
    assert_eq!(decode(&deep, Scale::Half, &Limits::default()), expected);
    let mut two = jpeg;
    two[frame + 9] = 2;
    let expected = Err(Error::Unsupported(Unsupported::Components(2)));
    assert_eq!(decode(&two, Scale::Half, &Limits::default()), expected);
}

#[test]
fn scans_without_end_are_an_error() {
    let jpeg = encode(|encoder| encoder.set_progressive(true));
    // All scans but the first, again and again.
    let first = data(&jpeg);
    let second = first
        + jpeg[first..]
            .windows(2)
            .position(|two| two[0] == 0xFF && two[1] != 0)
            .unwrap();
    let scans = &jpeg[second..jpeg.len() - 2];
    let bomb = [&jpeg[..jpeg.len() - 2], &scans.repeat(40)].concat();
    let limits = Limits::default();
    for scale in SCALES {
        let result = decode(
            &bomb,
            scale,
            &Limits {
                max_scans: 10_000,
                ..limits
            },
        );
        assert_eq!(
            result,
            Err(Error::TooMuchWork(limits.max_passes)),
            "{scale:?}"
        );
    }
    let result = decode(
        &bomb,
        Scale::Full,
        &Limits {
            max_scans: 50,
            ..limits
        },
    );
    assert_eq!(result, Err(Error::TooManyScans(50)));
}

#[test]
fn sizes_above_the_limits_are_refused_before_anything_else() {
    let mut jpeg = encode(|_| {});
    let frame = find(&jpeg, 0xC0);
    jpeg[frame + 5..frame + 9].fill(0xFF);
    let expected = Error::TooLarge {
        width: 65_535,
        height: 65_535,
    };
    assert_eq!(read_header(&jpeg, &Limits::default()), Err(expected));
    assert_eq!(
        decode(&jpeg, Scale::Eighth, &Limits::default()),
        Err(expected)
    );
}
