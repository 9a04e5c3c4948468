//! Files are small: beside those of jpeg-encoder, which this crate replaced, and progressive beside baseline.

#![allow(clippy::unwrap_used)] // a failed test is what a panic is for

mod common;

use common::{Picture, modes};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use jpeg_write::{Options, Subsampling};

fn by_jpeg_encoder(picture: &Picture, options: Options) -> usize {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, options.quality);
    encoder.set_progressive(options.progressive);
    encoder.set_optimized_huffman_tables(true);
    encoder.set_sampling_factor(match options.subsampling {
        Subsampling::Full => SamplingFactor::F_1_1,
        Subsampling::Halved => SamplingFactor::F_2_2,
    });
    let (width, height) = (picture.width as u16, picture.height as u16);
    let bytes = &picture.bytes;
    encoder
        .encode(bytes, width, height, ColorType::Rgb)
        .unwrap();
    file.len()
}

#[test]
fn progressive_photographs_are_smaller_than_by_jpeg_encoder_and_baseline_ones_about_as_large() {
    for name in ["umang.jpg", "picos.jpg", "seeding.jpg", "sunset.jpg"] {
        for width in [150, 300, 900] {
            let picture = Picture::sample(name, width);
            for quality in [60, 80, 95] {
                for options in modes(quality) {
                    let (ours, others) = (
                        picture.encode(options).len(),
                        by_jpeg_encoder(&picture, options),
                    );
                    let case = format!("{name} {width} {options:?}: {ours}, {others}");
                    println!("{case}");
                    if options.progressive {
                        assert!(ours as f64 <= 0.98 * others as f64, "{case}");
                    } else {
                        // Its coefficients come from rounder samples, some of which are 0 where ours are not.
                        assert!(ours as f64 <= 1.03 * others as f64, "{case}");
                    }
                }
            }
        }
    }
}

#[test]
fn progressive_photographs_are_not_larger_than_baseline_ones() {
    for name in ["umang.jpg", "picos.jpg", "seeding.jpg", "sunset.jpg"] {
        for width in [300, 900] {
            let picture = Picture::sample(name, width);
            for quality in [80, 95] {
                let sizes: Vec<_> = modes(quality)
                    .map(|options| picture.encode(options).len())
                    .collect();
                for pair in sizes.chunks(2) {
                    assert!(pair[1] <= pair[0], "{name} {width} q{quality}: {sizes:?}");
                }
            }
        }
    }
}
