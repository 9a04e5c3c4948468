//! What is written can be read, by decoders of others, and looks like what was given.

#![allow(clippy::unwrap_used)] // a failed test is what a panic is for

mod common;

use common::{Picture, decoded, decoded_at_home, modes, psnr};
use jpeg_write::{Error, Options, Pixels, Subsampling, encode};
use proptest::prelude::*;

const SIZES: [(u32, u32); 14] = [
    (1, 1),
    (7, 9),
    (8, 8),
    (9, 7),
    (15, 16),
    (16, 16),
    (17, 33),
    (24, 8),
    (8, 24),
    (33, 17),
    (1, 1000),
    (1000, 1),
    (100, 75),
    (131, 97),
];

#[test]
fn every_mode_size_and_quality_is_read_by_two_decoders() {
    for (width, height) in SIZES {
        for channels in [1, 3] {
            let picture = Picture::drawn(width, height, channels);
            for quality in [1, 25, 50, 75, 80, 95, 100] {
                for options in modes(quality) {
                    let jpeg = picture.encode(options);
                    let seen = decoded(&jpeg);
                    assert_eq!((seen.width(), seen.height()), (width, height));
                    assert_eq!(usize::from(seen.color().channel_count()), channels);
                    let home = decoded_at_home(&jpeg);
                    assert_eq!(home.len(), picture.bytes.len(), "{options:?}");
                }
            }
        }
    }
}

/// Decibels that each quality has at least, of the drawn picture, with colour of full and of half the resolution. The
/// former are what libjpeg-turbo gives; the latter depend on how a decoder makes colour finer.
#[test]
fn pictures_are_as_good_as_their_quality() {
    for (quality, full, halved) in [
        (25, 34.3, 34.2),
        (50, 37.2, 36.2),
        (75, 38.7, 37.5),
        (90, 40.7, 39.2),
        (95, 42.6, 40.6),
        (100, 50.8, 43.9),
    ] {
        let picture = Picture::drawn(240, 160, 3);
        for options in modes(quality) {
            let seen = decoded(&picture.encode(options)).into_rgb8();
            let psnr = psnr(&picture.bytes, seen.as_raw());
            let least = if options.subsampling == Subsampling::Full {
                full
            } else {
                halved
            };
            assert!(psnr >= least, "{options:?}: {psnr:.2}");
        }
    }
}

#[test]
fn baseline_and_progressive_show_the_same_pixels() {
    for picture in [
        Picture::drawn(131, 97, 3),
        Picture::drawn(131, 97, 1),
        Picture::sample("picos.jpg", 301),
        Picture::sample("umang.jpg", 200),
    ] {
        for quality in [5, 60, 85, 97, 100] {
            for subsampling in [Subsampling::Full, Subsampling::Halved] {
                let [baseline, progressive] = [false, true].map(|progressive| {
                    picture.encode(Options {
                        quality,
                        progressive,
                        subsampling,
                    })
                });
                assert!(baseline != progressive);
                assert!(decoded(&baseline) == decoded(&progressive));
                assert!(decoded_at_home(&baseline) == decoded_at_home(&progressive));
            }
        }
    }
}

#[test]
fn plain_colours_stay_as_they_are() {
    for level in [0, 1, 100, 128, 254, 255] {
        let pixels = vec![level; 3 * 40 * 30];
        for options in modes(100) {
            let jpeg = encode(Pixels::Rgb(&pixels), 40, 30, &options).unwrap();
            assert!(decoded(&jpeg).into_rgb8().into_raw() == pixels);
            let grey = &pixels[..40 * 30];
            let jpeg = encode(Pixels::Grey(grey), 40, 30, &options).unwrap();
            assert!(decoded(&jpeg).into_luma8().into_raw() == grey);
        }
    }
    for colour in [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0]] {
        for options in modes(100) {
            let jpeg = encode(Pixels::Rgb(&colour.repeat(17 * 9)), 17, 9, &options).unwrap();
            let seen = decoded(&jpeg).into_rgb8();
            for (seen, wanted) in seen.into_raw().iter().zip(colour.iter().cycle()) {
                assert!(seen.abs_diff(*wanted) <= 2, "{colour:?}: {seen}");
            }
        }
    }
}

#[test]
fn runs_of_more_blocks_than_one_symbol_ends_are_read() {
    // 40,000 blocks of which only the first and last have anything but a mean.
    let mut picture = Picture {
        width: 1600,
        height: 1600,
        channels: 1,
        bytes: vec![100; 1600 * 1600],
    };
    picture.bytes[0] = 255;
    *picture.bytes.last_mut().unwrap() = 255;
    for options in modes(95) {
        let jpeg = picture.encode(options);
        let seen = decoded(&jpeg).into_luma8().into_raw();
        assert!(psnr(&picture.bytes, &seen) > 60.0);
        assert!(psnr(&picture.bytes, &decoded_at_home(&jpeg)) > 60.0);
    }
}

#[test]
fn the_same_pixels_give_the_same_bytes_on_every_machine() {
    // In whole numbers only, which are the same everywhere.
    let mut picture = Picture::drawn(99, 61, 3);
    for (index, byte) in (0_u32..).zip(&mut picture.bytes) {
        let (x, y) = (index / 3 % 99, index / 297);
        *byte = ((x * y / 9 + index % 3 * 40) ^ (index.wrapping_mul(0x9e37_79b1) >> 29)) as u8;
    }
    // FNV-1a.
    let sum = |bytes: Vec<u8>| {
        bytes.iter().fold(0x811c_9dc5_u32, |sum, byte| {
            (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
        })
    };
    let sums: Vec<_> = modes(80)
        .map(|options| sum(picture.encode(options)))
        .collect();
    assert_eq!(
        sums,
        [801_082_266, 4_089_974_535, 3_579_433_315, 1_458_117_063]
    );
}

#[test]
fn what_cannot_be_is_an_error() {
    let options = Options {
        quality: 80,
        progressive: true,
        subsampling: Subsampling::Halved,
    };
    let size = |width, height| Err(Error::Size { width, height });
    let grey = Pixels::Grey(&[0; 6]);
    assert_eq!(encode(grey, 0, 6, &options), size(0, 6));
    assert_eq!(encode(grey, 6, 0, &options), size(6, 0));
    assert_eq!(encode(grey, 65_536, 1, &options), size(65_536, 1));
    assert_eq!(encode(grey, 1, u32::MAX, &options), size(1, u32::MAX));
    let length = |expected| {
        Err(Error::Length {
            expected,
            actual: 6,
        })
    };
    assert_eq!(encode(grey, 3, 3, &options), length(9));
    assert_eq!(encode(Pixels::Rgb(&[0; 6]), 3, 2, &options), length(18));
    assert_eq!(
        encode(Pixels::Rgb(&[0; 6]), 65_535, 65_535, &options),
        length(3 * 65_535 * 65_535)
    );
    for quality in [0, 101, 255] {
        let options = Options { quality, ..options };
        assert_eq!(encode(grey, 3, 2, &options), Err(Error::Quality(quality)));
    }
    assert!(encode(grey, 3, 2, &options).is_ok());
}

/// Any pixels: noise, of few levels or many.
fn pictures() -> impl Strategy<Value = Picture> {
    (
        1_u32..70,
        1_u32..70,
        prop_oneof![Just(1_usize), Just(3)],
        any::<u8>(),
    )
        .prop_flat_map(|(width, height, channels, mask)| {
            let length = width as usize * height as usize * channels;
            proptest::collection::vec(any::<u8>(), length).prop_map(move |mut bytes| {
                for byte in &mut bytes {
                    *byte &= mask;
                }
                Picture {
                    width,
                    height,
                    channels,
                    bytes,
                }
            })
        })
}

proptest! {
    #[test]
    fn any_pixels_are_read_back(picture in pictures(), quality in 1_u8..=100, halved: bool) {
        let subsampling = if halved { Subsampling::Halved } else { Subsampling::Full };
        let [baseline, progressive] = [false, true].map(|progressive| {
            decoded_at_home(&picture.encode(Options { quality, progressive, subsampling }))
        });
        prop_assert_eq!(baseline.len(), picture.bytes.len());
        prop_assert!(baseline == progressive);
    }
}
