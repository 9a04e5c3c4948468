//! Any pixels and options: no panic, no overflow; a file that decodes whole, to the same pixels whether it is
//! progressive or not.
//!
//! `cargo fuzz run encode` in the crate's folder; on a stable toolchain with `RUSTC_BOOTSTRAP=1`. The first four bytes
//! are sides, quality and kind; the others the pixels, repeated for as long as it takes.
#![no_main]

use jpeg_shrink::{Limits, Picture, Scale, decode};
use jpeg_write::{Error, Options, Pixels, Subsampling, encode};
use libfuzzer_sys::fuzz_target;

fn decoded(jpeg: &[u8]) -> Picture {
    let picture = decode(jpeg, Scale::Full, &Limits::default()).expect("it was encoded");
    assert!(!picture.truncated);
    picture
}

fuzz_target!(|data: &[u8]| {
    let Some((&[width, height, quality, kind], rest)) = data.split_first_chunk() else {
        return;
    };
    let (width, height) = (u32::from(width), u32::from(height));
    let channels = if kind & 1 == 0 { 1 } else { 3 };
    let length = width as usize * height as usize * channels;
    let bytes: Vec<u8> = match rest {
        [] => vec![quality; length],
        rest => rest.iter().copied().cycle().take(length).collect(),
    };
    let pixels = if channels == 1 {
        Pixels::Grey(&bytes)
    } else {
        Pixels::Rgb(&bytes)
    };
    let [baseline, progressive] = [false, true].map(|progressive| {
        let options = Options {
            quality,
            progressive,
            subsampling: if kind & 2 == 0 {
                Subsampling::Full
            } else {
                Subsampling::Halved
            },
        };
        encode(pixels, width, height, &options)
    });
    match (baseline, progressive) {
        (Ok(baseline), Ok(progressive)) => {
            let (baseline, progressive) = (decoded(&baseline), decoded(&progressive));
            assert_eq!((baseline.width, baseline.height), (width, height));
            assert!(baseline == progressive);
        }
        (Err(one), Err(other)) => {
            assert_eq!(one, other);
            match one {
                Error::Size { .. } => assert!(width == 0 || height == 0),
                Error::Quality(_) => assert!(!(1..=100).contains(&quality)),
                other => panic!("{other}"),
            }
        }
        _ => panic!("one is an error"),
    }
});
