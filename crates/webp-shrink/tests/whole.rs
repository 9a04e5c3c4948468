//! At full size: equal to image-webp, which is equal to libwebp.

#![allow(clippy::unwrap_used)]

mod common;

use common::{encode, ours, photograph, theirs};
use image::RgbImage;
use webp_shrink::Scale;

fn check(what: &str, picture: &RgbImage, set: impl FnOnce(&mut webp::WebPConfig)) {
    let webp = encode(picture, set);
    let ours = ours(&webp, Scale::Full);
    assert_eq!((ours.width, ours.height), picture.dimensions(), "{what}");
    assert!(!ours.truncated, "{what}");
    let differs = ours
        .rgb
        .iter()
        .zip(&theirs(&webp))
        .position(|(a, b)| a != b);
    let place = differs.map(|at| (at / 3 % ours.width as usize, at / 3 / ours.width as usize));
    assert_eq!(place, None, "{what}");
}

#[test]
fn photographs_of_many_qualities_and_methods() {
    for index in 0..4 {
        let picture = photograph(index, 331, 247);
        for quality in [0.0, 10.0, 35.0, 60.0, 75.0, 82.0, 90.0, 97.0, 100.0] {
            for method in [0, 4, 6] {
                check(
                    &format!("{index} q{quality} m{method}"),
                    &picture,
                    |config| {
                        config.quality = quality;
                        config.method = method;
                    },
                );
            }
        }
    }
}

#[test]
fn odd_sizes() {
    let sizes = [
        (1, 1),
        (2, 1),
        (1, 2),
        (2, 2),
        (3, 3),
        (15, 15),
        (16, 16),
        (17, 17),
        (17, 33),
        (33, 17),
        (1, 300),
        (300, 1),
        (2, 299),
        (31, 32),
        (32, 31),
        (64, 48),
        (100, 7),
        (7, 100),
        (161, 2),
    ];
    for (width, height) in sizes {
        let picture = photograph(width as usize % 4, width, height);
        for quality in [5.0, 50.0, 95.0] {
            check(
                &format!("{width}x{height} q{quality}"),
                &picture,
                |config| {
                    config.quality = quality;
                },
            );
        }
    }
}

#[test]
fn segments_and_partitions() {
    let picture = photograph(0, 330, 250);
    for segments in 1..=4 {
        for partitions in 0..=3 {
            for partition_limit in [0, 60] {
                check(&format!("{segments} {partitions}"), &picture, |config| {
                    config.segments = segments;
                    config.partitions = partitions;
                    config.partition_limit = partition_limit;
                    config.method = 4;
                });
            }
        }
    }
}

#[test]
fn filters() {
    for filter_type in [0, 1] {
        for sharpness in 0..=7 {
            for strength in [0, 1, 15, 40, 63, 100] {
                let picture = photograph(strength as usize % 4, 150, 110);
                for quality in [20.0, 80.0] {
                    let what = format!("{filter_type} {sharpness} {strength} {quality}");
                    check(&what, &picture, |config| {
                        config.quality = quality;
                        config.filter_type = filter_type;
                        config.filter_sharpness = sharpness;
                        config.filter_strength = strength;
                        config.autofilter = i32::from(strength == 40);
                    });
                }
            }
        }
    }
}

/// What fills the range: noise, flat fields, edges of black and white.
#[test]
fn pictures_that_are_no_photographs() {
    let mut state = 1_u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let pictures = [
        RgbImage::from_fn(100, 90, |_, _| image::Rgb([noise(), noise(), noise()])),
        RgbImage::from_pixel(50, 40, image::Rgb([255, 0, 255])),
        RgbImage::from_fn(90, 90, |x, y| {
            image::Rgb([if (x / 5 + y / 7) % 2 == 0 { 255 } else { 0 }; 3])
        }),
        RgbImage::from_fn(256, 64, |x, y| {
            image::Rgb([x as u8, (y * 4) as u8, (x ^ y) as u8])
        }),
    ];
    for (index, picture) in pictures.iter().enumerate() {
        for quality in [0.0, 30.0, 80.0, 100.0] {
            for method in [0, 6] {
                check(
                    &format!("{index} q{quality} m{method}"),
                    picture,
                    |config| {
                        config.quality = quality;
                        config.method = method;
                    },
                );
            }
        }
    }
}

/// Found by fuzzing: a frame that has segments, but neither levels nor quantisers for them.
#[test]
fn segments_without_data() {
    let frame = include_bytes!("../fuzz/corpus/decode/segments-without-data");
    let length = (frame.len() as u32).to_le_bytes();
    let riff = (frame.len() as u32 + 12).to_le_bytes();
    let webp = [b"RIFF", &riff[..], b"WEBPVP8 ", &length, frame].concat();
    assert!(ours(&webp, Scale::Full).rgb == theirs(&webp));
}
