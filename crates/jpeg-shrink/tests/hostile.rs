//! Bytes changed at random: no panic, and the same result each time.

#![allow(clippy::unwrap_used)]

mod common;

use std::sync::LazyLock;

use common::{Raw, SCALES};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use jpeg_shrink::{Limits, decode, memory, read_header};
use proptest::prelude::*;

static FILES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let scene = Raw::scene(70, 52);
    (0..5)
        .map(|kind| {
            let mut jpeg = Vec::new();
            let mut encoder = Encoder::new(&mut jpeg, 80);
            encoder.set_sampling_factor([SamplingFactor::F_2_2, SamplingFactor::F_2_1][kind % 2]);
            match kind {
                1 => encoder.set_restart_interval(2),
                2 => encoder.set_progressive(true),
                3 => encoder.set_optimized_huffman_tables(true),
                4 => {
                    encoder.set_progressive_scans(8);
                    encoder.set_restart_interval(3);
                }
                _ => {}
            }
            encoder
                .encode(&scene.bytes, 70, 52, ColorType::Rgb)
                .unwrap();
            jpeg
        })
        .collect()
});

/// Small enough for sizes that a changed header may declare.
const LIMITS: Limits = Limits {
    max_pixels: 1 << 18,
    max_side: 4096,
    max_scans: 40,
    max_passes: 40,
};

fn decode_all(jpeg: &[u8]) {
    let header = read_header(jpeg, &LIMITS);
    // A file is a picture at all sizes or at none.
    let error = decode(jpeg, SCALES[0], &LIMITS).err();
    for scale in SCALES {
        let first = decode(jpeg, scale, &LIMITS);
        assert_eq!(first, decode(jpeg, scale, &LIMITS));
        assert_eq!(first.as_ref().err(), error.as_ref());
        match first {
            Ok(picture) => {
                let header = header.unwrap();
                assert_eq!(picture.width, scale.shrink(header.width));
                assert_eq!(picture.height, scale.shrink(header.height));
                let raw = Raw::of(picture);
                assert_eq!(raw.bytes.len(), raw.width * raw.height * raw.channels);
                assert!(memory(jpeg, scale, &LIMITS).unwrap() > raw.bytes.len() as u64);
            }
            Err(error) => {
                if let Err(of_header) = header {
                    assert_eq!(error, of_header);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn changed_bytes_do_no_harm(
        file in 0..5_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
    ) {
        let mut jpeg = FILES[file].clone();
        for (index, byte) in changes {
            let at = index.index(jpeg.len());
            jpeg[at] = byte;
        }
        decode_all(&jpeg);
    }

    #[test]
    fn changed_headers_do_no_harm(
        file in 0..5_usize,
        changes in prop::collection::vec((2..700_usize, any::<u8>()), 1..4),
    ) {
        let mut jpeg = FILES[file].clone();
        for (at, byte) in changes {
            jpeg[at] = byte;
        }
        decode_all(&jpeg);
    }

    #[test]
    fn pieces_moved_lost_and_repeated_do_no_harm(
        file in 0..5_usize,
        from in any::<prop::sample::Index>(),
        length in 0..400_usize,
        to in any::<prop::sample::Index>(),
        lost in any::<bool>(),
    ) {
        let mut jpeg = FILES[file].clone();
        let from = from.index(jpeg.len());
        let end = (from + length).min(jpeg.len());
        let piece: Vec<u8> = if lost { jpeg.drain(from..end).collect() } else { jpeg[from..end].to_vec() };
        let to = to.index(jpeg.len());
        jpeg.splice(to..to, piece);
        decode_all(&jpeg);
    }

    #[test]
    fn noise_behind_a_start_marker_does_no_harm(noise in prop::collection::vec(any::<u8>(), 0..300)) {
        decode_all(&[&[0xFF, 0xD8][..], &noise].concat());
    }
}
