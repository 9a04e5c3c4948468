//! GIFs cut at every length: shown as far as they go, and never fewer pixels than Pillow shows.

#![allow(clippy::unwrap_used)] // a failed test is what a panic is for

mod common;

use common::{frames, go, pillow, pixels};
use imaging::Error;

const WIDTH: u16 = 23;
const HEIGHT: u16 = 17;
const NOTHING: [u8; 4] = [0; 4];

/// Colours that are no shade of each other.
fn palette() -> Vec<u8> {
    (0..=255_u8)
        .flat_map(|n| [n, n.wrapping_mul(77), 255 - n])
        .collect()
}

fn frame(turn: u32, transparent: bool, interlaced: bool) -> gif::Frame<'static> {
    let indices: Vec<u8> = (0..u32::from(WIDTH) * u32::from(HEIGHT))
        .map(|n| ((n * n / 7 + n * (turn + 3)) % 251 + 1) as u8)
        .collect();
    let mut frame =
        gif::Frame::from_indexed_pixels(WIDTH, HEIGHT, indices, transparent.then_some(5));
    frame.interlaced = interlaced;
    frame.delay = 4;
    frame
}

fn file(count: u32, transparent: bool, interlaced: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = gif::Encoder::new(&mut bytes, WIDTH, HEIGHT, &palette()).unwrap();
    for turn in 0..count {
        let frame = frame(turn, transparent, interlaced);
        encoder.write_frame(&frame).unwrap();
    }
    drop(encoder);
    bytes
}

/// The pixels of a frame on nothing, in rows from the top.
fn expected(turn: u32, transparent: bool) -> Vec<[u8; 4]> {
    let (frame, palette) = (frame(turn, transparent, false), palette());
    let colour = |index: &u8| match &palette[usize::from(*index) * 3..] {
        _ if transparent && *index == 5 => NOTHING,
        [r, g, b, ..] => [*r, *g, *b, 255],
        _ => unreachable!(),
    };
    frame.buffer.iter().map(colour).collect()
}

fn right(shown: &[[u8; 4]], expected: &[[u8; 4]]) -> usize {
    shown
        .iter()
        .zip(expected)
        .take_while(|(a, b)| a == b)
        .count()
}

#[test]
fn a_still_that_is_cut_anywhere_shows_its_pixels_before_the_cut() {
    for transparent in [false, true] {
        let (file, expected) = (file(1, transparent, false), expected(0, transparent));
        let mut before = 0;
        for end in 0..file.len() {
            let picture = match go(&file[..end], "/resize/100,f=webp,lossless=1") {
                Ok(picture) => picture,
                Err(Error::Corrupt(_) | Error::NotAnImage) => {
                    assert_eq!(before, 0, "{end}");
                    continue;
                }
                Err(error) => panic!("{error} at {end}"),
            };
            assert!(picture.truncated, "{end}");
            let shown = pixels(&picture);
            let count = right(&shown, &expected);
            assert!(count >= before.max(1), "{end}");
            assert!(
                shown[count..].iter().all(|pixel| *pixel == NOTHING),
                "{end}"
            );
            before = count;
        }
        assert_eq!(before, expected.len());
        assert!(!go(&file, "/resize/100,f=png").unwrap().truncated);
    }
}

#[test]
fn a_cut_interlaced_still_has_its_whole_rows_in_place() {
    for transparent in [false, true] {
        // The encoder takes indices in the order in which they are stored.
        let order: Vec<u32> = [(0, 8), (4, 8), (2, 4), (1, 2)]
            .into_iter()
            .flat_map(|(start, step)| (start..u32::from(HEIGHT)).step_by(step))
            .collect();
        let (file, stored) = (file(1, transparent, true), expected(0, transparent));
        let mut before = 0;
        for end in 0..file.len() {
            let Ok(picture) = go(&file[..end], "/resize/100,f=webp,lossless=1") else {
                assert_eq!(before, 0, "{end}");
                continue;
            };
            let shown = pixels(&picture);
            let width = usize::from(WIDTH);
            let whole = order
                .iter()
                .zip(stored.chunks(width))
                .take_while(|(y, row)| {
                    let start = **y as usize * width;
                    &shown[start..start + width] == *row
                })
                .count();
            assert!(whole >= before, "{end}");
            before = whole;
        }
        assert_eq!(before, usize::from(HEIGHT));
    }
}

#[test]
fn an_animation_that_is_cut_anywhere_has_its_whole_frames() {
    for transparent in [false, true] {
        let file = file(3, transparent, false);
        let mut before = 0;
        for end in 0..file.len() {
            let Ok(picture) = go(&file[..end], "/resize/100,f=webp,lossless=1") else {
                assert_eq!(before, 0, "{end}");
                continue;
            };
            assert!(picture.truncated, "{end}");
            if common::info(&file[..end]).contains(r#""frames":1,"#) {
                continue;
            }
            let shown = frames(&picture);
            assert!(shown.len() >= before.max(1), "{end}");
            before = shown.len();
            assert_eq!(shown[0].pixels, expected(0, transparent), "{end}");
            if !transparent {
                for (turn, frame) in (0..).zip(&shown) {
                    assert_eq!(frame.pixels, expected(turn, false), "{turn} at {end}");
                }
            }
        }
        assert_eq!(before, 3);
    }
}

#[test]
fn pillow_shows_no_more_of_a_cut_still() {
    let file = file(1, false, false);
    let cuts: Vec<Vec<u8>> = (800..file.len())
        .step_by(9)
        .map(|end| file[..end].to_vec())
        .collect();
    let Some(answers) = pillow(
        &cuts,
        "
ImageFile.LOAD_TRUNCATED_IMAGES = True
for file in files:
    try: answer(Image.open(io.BytesIO(file)).convert('RGBA').tobytes())
    except Exception: answer(b'')
",
    ) else {
        return;
    };
    let expected = expected(0, false);
    for (cut, answer) in cuts.iter().zip(answers) {
        let theirs = right(&common::rgba(&answer), &expected);
        let picture = go(cut, "/resize/100,f=webp,lossless=1");
        let ours = picture.map_or(0, |picture| right(&pixels(&picture), &expected));
        assert!(
            ours >= theirs,
            "{} of {theirs} pixels at {}",
            ours,
            cut.len()
        );
    }
}
