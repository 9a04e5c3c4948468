//! Bytes missing and changed at random: no panic, and a picture of the size that the header says.

#![allow(clippy::unwrap_used, clippy::cast_possible_wrap)]

mod common;

use std::sync::LazyLock;

use common::{SCALES, encode, ours, photograph, psnr};
use proptest::prelude::*;
use webp_shrink::{Error, Limits, Scale, decode, find_frame, read_header};

static FRAMES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    (0..6)
        .map(|kind| {
            let webp = encode(&photograph(kind % 4, 75, 53), |config| {
                config.quality = [70.0, 20.0, 95.0][kind % 3];
                config.partitions = kind as i32 % 4;
                config.segments = 1 + kind as i32 % 4;
                config.filter_type = kind as i32 % 2;
                config.method = [0, 4, 6][kind % 3];
            });
            find_frame(&webp).unwrap().to_vec()
        })
        .collect()
});

/// Small enough for sizes that a changed header may declare.
const LIMITS: Limits = Limits {
    max_pixels: 1 << 18,
    max_side: 4096,
};

fn decode_all(frame: &[u8]) {
    let header = read_header(frame, &LIMITS);
    for scale in SCALES {
        let result = decode(frame, scale, &LIMITS);
        assert_eq!(result, decode(frame, scale, &LIMITS));
        match result {
            Ok(picture) => {
                let header = header.unwrap();
                assert_eq!(picture.width, scale.shrink(header.width));
                assert_eq!(picture.height, scale.shrink(header.height));
                assert_eq!(picture.rgb.len() as u32, picture.width * picture.height * 3);
            }
            Err(error) => assert_eq!(Err(error), header),
        }
    }
}

#[test]
fn a_frame_cut_off_anywhere_is_flagged() {
    for frame in FRAMES.iter() {
        for length in 0..frame.len() {
            let cut = &frame[..length];
            for scale in [Scale::Full, Scale::Half] {
                match decode(cut, scale, &LIMITS) {
                    // The last bytes may be padding of the coder.
                    Ok(picture) => assert!(picture.truncated || length + 4 > frame.len()),
                    Err(error) if length < 10 => assert_eq!(error, Error::NotKeyFrame),
                    Err(error) => assert_eq!((error, length), (Error::NoPicture, 10)),
                }
            }
        }
    }
}

#[test]
fn what_arrived_is_shown() {
    let webp = encode(&photograph(0, 320, 240), |config| config.quality = 80.0);
    let whole = ours(&webp, Scale::Full);
    let cut = ours(&webp[..webp.len() * 8 / 10], Scale::Full);
    assert!(cut.truncated);
    let half = whole.rgb.len() / 2;
    assert_eq!(cut.rgb[..half], whole.rgb[..half]);
    assert!(psnr(&cut.rgb, &whole.rgb) > 20.0);
}

#[test]
fn sizes_beyond_the_limits_are_refused() {
    let mut frame = FRAMES[0].clone();
    frame[6..10].copy_from_slice(&[0xff; 4]);
    let (width, height) = (16_383, 16_383);
    let limits = Limits::default();
    assert_eq!(
        decode(&frame, Scale::Full, &limits),
        Err(Error::Size { width, height })
    );
    frame[6..10].copy_from_slice(&[0, 0xc0, 1, 0]);
    let (width, height) = (0, 1);
    assert_eq!(
        decode(&frame, Scale::Full, &limits),
        Err(Error::Size { width, height })
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn changed_bytes_do_no_harm(
        file in 0..6_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
    ) {
        let mut frame = FRAMES[file].clone();
        for (index, byte) in changes {
            let at = index.index(frame.len());
            frame[at] = byte;
        }
        decode_all(&frame);
    }

    #[test]
    fn changed_headers_do_no_harm(
        file in 0..6_usize,
        changes in prop::collection::vec((0..60_usize, any::<u8>()), 1..4),
    ) {
        let mut frame = FRAMES[file].clone();
        for (at, byte) in changes {
            frame[at] = byte;
        }
        decode_all(&frame);
    }

    #[test]
    fn noise_behind_a_tag_does_no_harm(
        width in 1..200_u8,
        height in 1..200_u8,
        partition in any::<u16>(),
        noise in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let [low, high] = partition.to_le_bytes();
        let tag = [0x10 | low & 0xe0, high, 0, 0x9d, 0x01, 0x2a, width, 0, height, 0];
        decode_all(&[&tag[..], &noise].concat());
    }
}
