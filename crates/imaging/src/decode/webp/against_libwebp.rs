//! Animations of every kind, made here, against libwebp's own compositor.

use crate::decode::frames;
use crate::limits::Limits;
use crate::pixels::Pixels;
use crate::probe::read_header;
use webp::{AnimDecoder, Encoder, WebPConfig};

/// Numbers that are the same in every run (`SplitMix64`).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u32) -> u32 {
        (self.next() % u64::from(end)) as u32
    }

    fn coin(&mut self) -> bool {
        self.below(2) == 0
    }
}

fn chunk(name: [u8; 4], content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u32).to_le_bytes();
    let padding = &[0][..content.len() % 2];
    [&name, &length, content, padding].concat()
}

/// The chunks of a still: `VP8L`, or `VP8 ` with `ALPH` before it where it has alpha. The encoder picks one of the
/// alpha channel's filters, and stores it raw or compressed.
fn picture(random: &mut Random, width: u32, height: u32) -> Vec<u8> {
    let alpha = random.coin();
    let smooth = random.coin();
    let shift = (random.next(), random.next());
    let pixels: Vec<u8> = (0..width * height)
        .flat_map(|place| {
            let (x, y) = (place % width, place / width);
            let noise = random.next().to_le_bytes();
            let colour = if smooth {
                [
                    (u64::from(x) * 5 + shift.0) as u8,
                    (u64::from(y) * 7 + shift.1) as u8,
                    (x + y) as u8,
                ]
            } else {
                [noise[0], noise[1], noise[2]]
            };
            let opacity = match (alpha, noise[3] % 4) {
                (false, _) | (_, 0) => 255,
                (_, 1) => 0,
                (_, 2) => noise[4],
                _ => (x * 9 + y * 3) as u8,
            };
            [colour[0], colour[1], colour[2], opacity]
        })
        .collect();
    let mut config = WebPConfig::new().unwrap();
    config.lossless = random.coin().into();
    config.exact = random.coin().into();
    config.quality = random.below(100) as f32;
    config.method = random.below(4).cast_signed();
    config.alpha_compression = random.below(2).cast_signed();
    config.alpha_filtering = random.below(3).cast_signed();
    config.alpha_quality = 60 + random.below(41).cast_signed();
    let still = Encoder::from_rgba(&pixels, width, height)
        .encode_advanced(&config)
        .unwrap();
    let chunks = &still[12..];
    if chunks.starts_with(b"VP8X") {
        chunks[18..].to_vec()
    } else {
        chunks.to_vec()
    }
}

fn three(value: u32) -> [u8; 3] {
    let [a, b, c, _] = value.to_le_bytes();
    [a, b, c]
}

fn animation(random: &mut Random) -> Vec<u8> {
    let (width, height) = (1 + random.below(40), 1 + random.below(40));
    let mut body = b"WEBP".to_vec();
    let mut extended = vec![0x12, 0, 0, 0];
    extended.extend([three(width - 1), three(height - 1)].concat());
    body.extend(chunk(*b"VP8X", &extended));
    body.extend(chunk(*b"ANIM", &[9, 99, 200, 255, 3, 0]));
    for turn in 0..2 + random.below(5) {
        let (left, top, wide, high) = if random.below(4) == 0 {
            (0, 0, width, height)
        } else {
            let (left, top) = (random.below(width) & !1, random.below(height) & !1);
            let wide = 1 + random.below(width - left);
            let high = 1 + random.below(height - top);
            (left, top, wide, high)
        };
        let mut frame = [
            three(left / 2),
            three(top / 2),
            three(wide - 1),
            three(high - 1),
            three(10 + turn),
        ]
        .concat();
        frame.push(random.below(4) as u8);
        frame.extend(picture(random, wide, high));
        body.extend(chunk(*b"ANMF", &frame));
    }
    chunk(*b"RIFF", &body)
}

/// What is not seen has no colour.
fn seen(pixels: &[u8]) -> Vec<[u8; 4]> {
    let pixels = pixels.as_chunks::<4>().0.iter();
    pixels
        .map(|&pixel| if pixel[3] == 0 { [0; 4] } else { pixel })
        .collect()
}

/// The frames of both, each with its time.
fn compare(bytes: &[u8], name: &str) -> u32 {
    let expected = AnimDecoder::new(bytes).decode().unwrap();
    let header = read_header(bytes, &Limits::default()).unwrap();
    let mut frames = frames(bytes, &header).unwrap();
    let (mut count, mut time) = (0, 0);
    while let Some((canvas, delay)) = frames.next().unwrap() {
        let expected = expected.get_frame(count as usize).unwrap();
        time += delay.as_millis();
        assert_eq!(expected.get_time_ms() as u128, time, "{name}");
        let (ours, theirs) = (seen(canvas.bytes()), seen(expected.get_image()));
        let wrong = ours.iter().zip(&theirs).position(|(a, b)| a != b);
        if let Some(place) = wrong {
            let (x, y) = (place as u32 % canvas.width(), place as u32 / canvas.width());
            let (ours, theirs) = (ours[place], theirs[place]);
            panic!("{name}: frame {count} at {x}, {y} is {ours:?}, should be {theirs:?}");
        }
        count += 1;
    }
    assert_eq!(count as usize, expected.len(), "{name}");
    assert_eq!(count, header.frames);
    assert!(!frames.truncated());
    count
}

#[test]
fn every_frame_is_composed_as_libwebp_composes_it() {
    let mut frames = 0;
    for seed in 0..400 {
        let bytes = animation(&mut Random(seed));
        frames += compare(&bytes, &format!("animation {seed}"));
    }
    assert!(frames > 1_000);
}

#[test]
fn what_failed_once_is_composed_as_libwebp_composes_it() {
    for (name, bytes) in [
        (
            "sprite",
            &include_bytes!("../../../tests/data/sprite.webp")[..],
        ),
        (
            "first frame small",
            include_bytes!("../../../tests/data/first-frame-small.webp"),
        ),
        (
            "unknown chunk",
            include_bytes!("../../../tests/data/unknown-chunk.webp"),
        ),
    ] {
        compare(bytes, name);
    }
}

/// Only whole frames of an animation are shown, and of its first frame what there is.
#[test]
fn an_animation_that_is_cut_short_shows_its_whole_frames() {
    let mut shown = Vec::new();
    for seed in 0..40 {
        let bytes = animation(&mut Random(seed));
        let whole = AnimDecoder::new(&bytes).decode().unwrap();
        for end in (0..bytes.len()).step_by(7) {
            let Ok(header) = read_header(&bytes[..end], &Limits::default()) else {
                continue;
            };
            let mut frames = frames(&bytes[..end], &header).unwrap();
            let mut count = 0;
            while let Ok(Some((canvas, _))) = frames.next() {
                let canvas: &Pixels = canvas;
                let expected = whole.get_frame(count).unwrap();
                if count > 0 {
                    assert_eq!(
                        seen(canvas.bytes()),
                        seen(expected.get_image()),
                        "{seed} {end}"
                    );
                }
                count += 1;
            }
            if count > 0 {
                assert!(frames.truncated(), "{seed} {end} of {}", bytes.len());
            }
            shown.push(count);
        }
    }
    assert!(shown.iter().any(|&count| count > 2));
}
