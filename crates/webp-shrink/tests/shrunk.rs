//! At a smaller size: near the average of the whole.

#![allow(clippy::unwrap_used)]

mod common;

use common::{averaged, encode, ours, photograph, psnr};
use webp_shrink::{Scale, memory};

/// In dB.
fn distance(webp: &[u8], scale: Scale) -> f64 {
    let whole = ours(webp, Scale::Full);
    let small = ours(webp, scale);
    assert_eq!(small.width, scale.shrink(whole.width));
    assert_eq!(small.height, scale.shrink(whole.height));
    assert!(!small.truncated);
    let expected = averaged(
        &whole.rgb,
        whole.width as usize,
        whole.height as usize,
        scale.denominator() as usize,
    );
    psnr(&small.rgb, &expected)
}

#[test]
fn photographs_are_near_the_average_of_a_full_decode() {
    for index in 0..4 {
        for quality in [20.0, 50.0, 75.0, 82.0, 95.0] {
            let webp = encode(&photograph(index, 639, 427), |config| {
                config.quality = quality;
            });
            for scale in [Scale::Half, Scale::Quarter, Scale::Eighth] {
                let distance = distance(&webp, scale);
                println!("{index} q{quality} {scale:?}: {distance:.1} dB");
                assert!(
                    distance >= 40.0,
                    "{index} q{quality} {scale:?}: {distance:.1} dB"
                );
            }
        }
    }
}

/// Of a few pixels, in which chroma that is smoothed upwards is something else than chroma as it is.
#[test]
fn odd_sizes_are_rounded_up_and_near_too() {
    for (width, height) in [
        (1, 1),
        (2, 1),
        (3, 5),
        (15, 17),
        (16, 16),
        (17, 33),
        (1, 300),
        (301, 2),
    ] {
        let webp = encode(&photograph(0, width, height), |config| {
            config.quality = 90.0;
        });
        for scale in [Scale::Half, Scale::Quarter, Scale::Eighth] {
            let distance = distance(&webp, scale);
            assert!(
                distance >= 36.0,
                "{width}x{height} {scale:?}: {distance:.1} dB"
            );
        }
    }
}

#[test]
fn memory_is_the_picture_and_a_little_for_its_columns() {
    for (scale, pixels) in [(Scale::Full, 1600 * 1200), (Scale::Eighth, 200 * 150)] {
        let held = memory(1600, 1200, scale);
        // A row of macroblocks, 4:2:0, at the least.
        assert!(held > pixels * 3 + 1600 * 16 * 3 / 2, "{held}");
        assert!(held < pixels * 3 + 1600 * 80, "{held}");
    }
}
