//! PNGs of every kind, whole, damaged and cut short: shown as far as they go.

#![allow(clippy::unwrap_used)] // a failed test is what a panic is for

mod common;

use common::png::{Kind, chunk, deflated, mended};
use common::{go, go_within, info, pillow, pixels};
use imaging::{Error, Limits, Picture};

const WIDTH: u32 = 19;
const HEIGHT: u32 = 13;

fn shown(file: &[u8]) -> Result<Picture, Error> {
    go(file, "/resize/100,f=webp,lossless=1")
}

fn expected(kind: Kind) -> Vec<[u8; 4]> {
    (0..HEIGHT)
        .flat_map(|y| (0..WIDTH).map(move |x| kind.pixel(x, y)))
        .collect()
}

/// Whole rows from the top that are as they must be.
fn right_rows(shown: &[[u8; 4]], expected: &[[u8; 4]]) -> usize {
    let rows = shown
        .chunks(WIDTH as usize)
        .zip(expected.chunks(WIDTH as usize));
    rows.take_while(|(a, b)| a == b).count()
}

fn missing(kind: Kind) -> [u8; 4] {
    if kind.has_alpha() {
        [0; 4]
    } else {
        [128, 128, 128, 255]
    }
}

#[test]
fn every_kind_is_read_to_the_bit() {
    for kind in Kind::all() {
        let picture = shown(&kind.file(WIDTH, HEIGHT, &[], 1 << 20)).unwrap();
        assert!(!picture.truncated, "{kind:?}");
        assert_eq!(pixels(&picture), expected(kind), "{kind:?}");
    }
}

#[test]
fn sizes_from_one_pixel_on_are_read_in_every_kind() {
    for kind in Kind::all() {
        for (width, height) in [(1, 1), (2, 5), (5, 2), (9, 1), (1, 9), (8, 8)] {
            let picture = shown(&kind.file(width, height, &[], 1 << 20)).unwrap();
            let expected: Vec<_> = (0..height)
                .flat_map(|y| (0..width).map(move |x| kind.pixel(x, y)))
                .collect();
            assert_eq!(pixels(&picture), expected, "{kind:?} {width}x{height}");
        }
    }
}

/// At each length the rows that are there are right, what is not is missing, and there are never fewer than before.
#[test]
fn a_file_that_is_cut_shows_the_rows_before_the_cut() {
    for kind in Kind::all().into_iter().filter(|kind| !kind.interlaced) {
        let file = kind.file(WIDTH, HEIGHT, &[], 40);
        let expected = expected(kind);
        let mut before = 0;
        for end in 0..file.len() {
            let Ok(picture) = shown(&file[..end]) else {
                assert_eq!(before, 0, "{kind:?} at {end}");
                continue;
            };
            assert!(picture.truncated, "{kind:?} at {end}");
            let shown = pixels(&picture);
            let rows = right_rows(&shown, &expected);
            assert!(rows >= before.max(1), "{kind:?} at {end}");
            for pixel in &shown[rows * WIDTH as usize..] {
                assert_eq!(*pixel, missing(kind), "{kind:?} at {end}");
            }
            before = rows;
        }
        assert_eq!(before, HEIGHT as usize, "{kind:?}");
    }
}

#[test]
fn a_cut_interlaced_file_shows_the_passes_before_the_cut() {
    for kind in Kind::all().into_iter().filter(|kind| kind.interlaced) {
        let file = kind.file(WIDTH, HEIGHT, &[], 1 << 20);
        let expected = expected(kind);
        let mut before = 0;
        for end in (0..file.len()).step_by(3) {
            let Ok(picture) = shown(&file[..end]) else {
                assert_eq!(before, 0, "{kind:?} at {end}");
                continue;
            };
            assert!(picture.truncated, "{kind:?} at {end}");
            let shown = pixels(&picture);
            // The first pixel of all is the corner of a block that grows with the first row.
            let corner = shown[0];
            assert_eq!(corner, expected[0], "{kind:?} at {end}");
            before = end;
        }
        assert!(before > 0);
    }
    // Of opaque grey, pass by pass: what is shown in each place.
    let kind = Kind {
        colour: 0,
        depth: 8,
        interlaced: true,
        transparent: false,
    };
    let rows = kind.filtered(8, 8);
    // One row of two bytes in each of the first two passes.
    for (length, block) in [(2, (8, 8)), (4, (4, 8)), (7, (4, 4))] {
        let mut file = kind.head(8, 8);
        file.extend(chunk(*b"IDAT", &deflated(&rows[..length])));
        let shown = pixels(&shown(&file).unwrap());
        for y in 0..8 {
            for x in 0..8 {
                let expected = kind.pixel(x - x % block.0, y - y % block.1);
                assert_eq!(shown[(y * 8 + x) as usize], expected, "{length} {x} {y}");
            }
        }
    }
}

/// Pillow keeps what it has decoded of a file that is cut.
#[test]
fn pillow_decodes_no_more_rows_of_a_cut_file() {
    let kinds: Vec<Kind> = Kind::all()
        .into_iter()
        .filter(|kind| !kind.interlaced && kind.depth == 8 && kind.colour != 0)
        .collect();
    let mut cuts = Vec::new();
    for &kind in &kinds {
        let file = kind.file(WIDTH, HEIGHT, &[], 1 << 20);
        for percent in [35, 60, 75, 90, 99] {
            cuts.push((kind, file[..file.len() * percent / 100].to_vec()));
        }
    }
    let files: Vec<Vec<u8>> = cuts.iter().map(|(_, file)| file.clone()).collect();
    let Some(answers) = pillow(
        &files,
        "
ImageFile.LOAD_TRUNCATED_IMAGES = True
for file in files:
    try: answer(Image.open(io.BytesIO(file)).convert('RGBA').tobytes())
    except Exception: answer(b'')
",
    ) else {
        return;
    };
    for ((kind, file), answer) in cuts.iter().zip(answers) {
        let expected = expected(*kind);
        let theirs = right_rows(&common::rgba(&answer), &expected);
        let ours = shown(file).map_or(0, |picture| right_rows(&pixels(&picture), &expected));
        assert!(ours >= theirs, "{kind:?}: {ours} of {theirs} rows");
    }
}

/// Where each chunk begins, with its name.
fn chunks(file: &[u8]) -> Vec<(usize, [u8; 4])> {
    let (mut at, mut found) = (8, Vec::new());
    while at + 12 <= file.len() {
        let length = u32::from_be_bytes(file[at..at + 4].try_into().unwrap());
        found.push((at, file[at + 4..at + 8].try_into().unwrap()));
        at += length as usize + 12;
    }
    found
}

/// The file with the checksum of a chunk wrong.
fn with_wrong_sum(file: &[u8], name: [u8; 4], which: usize) -> Vec<u8> {
    let chunks = chunks(file);
    let mut matching = chunks.iter().filter(|(_, own)| *own == name);
    let (at, _) = matching.nth(which).unwrap();
    let length = u32::from_be_bytes(file[*at..at + 4].try_into().unwrap()) as usize;
    let mut wrong = file.to_vec();
    wrong[at + 8 + length] ^= 0x55;
    wrong
}

#[test]
fn a_chunk_that_is_not_critical_may_be_damaged() {
    let other: Vec<u8> = [
        chunk(*b"gAMA", &100_000_u32.to_be_bytes()),
        chunk(*b"tEXt", b"Title\0none"),
        chunk(*b"pHYs", &[0; 9]),
    ]
    .concat();
    for kind in Kind::all().into_iter().filter(|kind| !kind.transparent) {
        let mut file = kind.file(WIDTH, HEIGHT, &other, 100);
        file.truncate(file.len() - 12);
        file.extend(chunk(*b"tIME", &[0; 7]));
        file.extend(chunk(*b"IEND", b""));
        let gamma = with_wrong_sum(&file, *b"gAMA", 0);
        for name in [*b"tEXt", *b"pHYs", *b"tIME", *b"IEND"] {
            let picture = shown(&with_wrong_sum(&gamma, name, 0)).unwrap();
            assert!(picture.truncated);
            // With the `gAMA` chunk passed over as well.
            assert_eq!(pixels(&picture), expected(kind), "{kind:?}");
        }
        assert!(shown(&with_wrong_sum(&file, *b"IHDR", 0)).is_err());
        if kind.colour == 3 {
            assert!(shown(&with_wrong_sum(&file, *b"PLTE", 0)).is_err());
        }
    }
}

/// libpng hands out the rows of a chunk before it comes to the checksum, which then ends the picture.
#[test]
fn pixels_end_with_a_chunk_whose_checksum_is_wrong() {
    for kind in Kind::all().into_iter().filter(|kind| !kind.interlaced) {
        let file = kind.file(WIDTH, HEIGHT, &[], 60);
        let expected = expected(kind);
        let pieces = chunks(&file).iter().filter(|(_, n)| n == b"IDAT").count();
        let mut before = 0;
        for piece in 0..pieces {
            let Ok(picture) = shown(&with_wrong_sum(&file, *b"IDAT", piece)) else {
                assert_eq!(before, 0);
                continue;
            };
            assert!(picture.truncated);
            let rows = right_rows(&pixels(&picture), &expected);
            assert!(rows >= before, "{kind:?}");
            before = rows;
        }
        assert_eq!(before, HEIGHT as usize, "{kind:?}");
    }
}

#[test]
fn data_in_single_bytes_and_with_more_behind_them_are_whole() {
    for kind in Kind::all() {
        let mut file = kind.file(WIDTH, HEIGHT, &[], 1);
        file.extend(b"PK\x03\x04 and more");
        let picture = shown(&file).unwrap();
        assert!(!picture.truncated);
        assert_eq!(pixels(&picture), expected(kind), "{kind:?}");
    }
}

#[test]
fn damage_within_the_data_ends_the_picture_there() {
    let kind = Kind {
        colour: 2,
        depth: 8,
        interlaced: false,
        transparent: false,
    };
    let expected = expected(kind);
    let rows = kind.filtered(WIDTH, HEIGHT);
    let of_data = |data: &[u8]| {
        let mut file = kind.head(WIDTH, HEIGHT);
        file.extend(chunk(*b"IDAT", data));
        file.extend(chunk(*b"IEND", b""));
        file
    };
    let data = deflated(&rows);
    // The checksum of the data.
    let mut wrong = data.clone();
    *wrong.last_mut().unwrap() ^= 1;
    let picture = shown(&of_data(&wrong)).unwrap();
    assert!(picture.truncated);
    assert_eq!(pixels(&picture), expected);
    assert!(go(&of_data(&wrong), "/info").unwrap().truncated);
    // None at all.
    let picture = shown(&of_data(&data[..data.len() - 4])).unwrap();
    assert_eq!(pixels(&picture), expected);
    // More rows than there are.
    let more = deflated(&[&rows[..], &rows].concat());
    let picture = shown(&of_data(&more)).unwrap();
    assert_eq!(pixels(&picture), expected);
    // A filter that there is not, in the fifth row.
    let stride = WIDTH as usize * 3 + 1;
    let mut odd = rows.clone();
    odd[stride * 4] = 5;
    let picture = shown(&of_data(&deflated(&odd))).unwrap();
    assert!(picture.truncated);
    assert_eq!(right_rows(&pixels(&picture), &expected), 4);
    // Anything in the stream: an image or a refusal, never a panic.
    for at in 0..data.len() {
        for bit in [1, 0x80] {
            let mut wrong = data.clone();
            wrong[at] ^= bit;
            let _ = shown(&of_data(&wrong));
        }
    }
    assert!(matches!(shown(&of_data(&[])), Err(Error::Corrupt(_))));
    assert!(matches!(
        shown(&of_data(b"\x78\x9c")),
        Err(Error::Corrupt(_))
    ));
}

/// Each byte of each kind changed, with right checksums: an image or a refusal.
#[test]
fn damage_under_right_checksums_never_panics() {
    let limits = Limits {
        max_pixels: 5_000,
        ..Limits::default()
    };
    let signals = [
        chunk(*b"cHRM", &[1; 32]),
        chunk(*b"gAMA", &[0, 1, 0, 0]),
        chunk(*b"cLLI", &[1; 8]),
    ]
    .concat();
    for kind in Kind::all() {
        let file = kind.file(7, 5, &signals, 50);
        for at in (8..file.len()).step_by(if kind.depth == 16 { 11 } else { 3 }) {
            let mut wrong = file.clone();
            wrong[at] ^= [1, 0x40, 0xff][at % 3];
            let _ = go_within(&mended(wrong), "/resize/4,f=png", limits);
        }
    }
    let file = Kind::all()[0].file(7, 5, &chunk(*b"cICP", &[9, 16, 0, 1]), 50);
    for at in 8..file.len() {
        let mut wrong = file.clone();
        wrong[at] ^= 1;
        let _ = go_within(&mended(wrong), "/info", limits);
    }
}

#[test]
fn chunks_that_nobody_knows_are_refused_where_they_are_critical() {
    let kind = Kind::all()[0];
    for (name, read) in [(*b"abCd", true), (*b"ABCD", false), (*b"CgBI", false)] {
        let file = kind.file(WIDTH, HEIGHT, &chunk(name, b"what"), 99);
        assert_eq!(shown(&file).is_ok(), read);
    }
}

#[test]
fn files_as_they_are_found_cut_are_shown() {
    for (file, whole) in [
        (&include_bytes!("data/cut-in-half.png")[..], false),
        (include_bytes!("data/without-iend.png"), true),
    ] {
        let picture = shown(file).unwrap();
        assert!(picture.truncated);
        let pixels = pixels(&picture);
        let grey = [128, 128, 128, 255];
        let missing = pixels
            .iter()
            .rev()
            .take_while(|pixel| **pixel == grey)
            .count();
        assert_eq!(missing == 0, whole, "{missing} of {}", pixels.len());
        assert!(missing < pixels.len() * 3 / 4);
        assert!(info(file).contains(r#""type":"png""#));
    }
}

/// Turned by half, so that they are written anew.
#[test]
fn every_alpha_of_a_palette_comes_back() {
    let colours: Vec<u8> = (0..=255_u8).flat_map(|n| [n, 255 - n, n ^ 0x5a]).collect();
    let alphas: Vec<u8> = (0..=255).collect();
    for range in [0..256, 240..255, 1..16, 253..254, 128..256] {
        let kind = Kind {
            colour: 3,
            depth: 8,
            interlaced: false,
            transparent: false,
        };
        let mut file = kind.head(16, 16);
        file.extend(chunk(*b"PLTE", &colours));
        file.extend(chunk(*b"tRNS", &alphas));
        let numbers: Vec<u8> = range.clone().cycle().take(256).map(|n| n as u8).collect();
        let rows: Vec<u8> = numbers
            .chunks(16)
            .flat_map(|row| [&[0], row].concat())
            .collect();
        file.extend(chunk(*b"IDAT", &deflated(&rows)));
        file.extend(chunk(*b"IEND", b""));
        for path in ["/rotate/180", "/resize/16,flip=hv"] {
            let picture = go(&file, path).unwrap();
            assert_eq!(picture.media_type, "image/png");
            let expected: Vec<[u8; 4]> = numbers
                .iter()
                .rev()
                .map(|&n| {
                    if n == 0 {
                        [0; 4]
                    } else {
                        [n, 255 - n, n ^ 0x5a, n]
                    }
                })
                .collect();
            assert_eq!(pixels(&picture), expected, "{range:?}");
        }
    }
}

/// A smaller one has as much of each alpha as the original: none of it becomes opaque.
#[test]
fn high_alphas_stay_below_opaque_when_a_palette_png_is_resized() {
    for alpha in [3, 200, 240, 247, 254] {
        let kind = Kind {
            colour: 3,
            depth: 8,
            interlaced: false,
            transparent: false,
        };
        let colours: Vec<u8> = (0..=255_u8).flat_map(|n| [n, n / 2, 255 - n]).collect();
        let mut file = kind.head(64, 64);
        file.extend(chunk(*b"PLTE", &colours));
        file.extend(chunk(*b"tRNS", &[alpha; 256]));
        let rows: Vec<u8> = (0..64_u32)
            .flat_map(|y| {
                let row = (0..64_u32).map(move |x| (x * 3 + y) as u8);
                std::iter::once(0).chain(row)
            })
            .collect();
        file.extend(chunk(*b"IDAT", &deflated(&rows)));
        file.extend(chunk(*b"IEND", b""));
        let picture = go(&file, "/resize/41").unwrap();
        let shown = pixels(&picture);
        assert!(
            shown.iter().all(|pixel| pixel[3].abs_diff(alpha) <= 1),
            "{alpha}"
        );
    }
}
