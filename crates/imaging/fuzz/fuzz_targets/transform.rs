//! Any bytes, through the header and every kind of request.
//!
//! An input is an original with two bytes behind it, which say what is asked for. Decoders do not mind what follows a
//! picture, so that inputs are files that one can look at, and files can be inputs.
//!
//! From this directory's parent, with stable Rust:
//!
//! ```text
//! cargo run --manifest-path fuzz/Cargo.toml --example seeds -- fuzz/corpus/transform
//! cargo fuzz run --sanitizer none transform -- -max_len=65536 -timeout=10 -rss_limit_mb=512
//! ```
#![no_main]

#[path = "../paths.rs"]
mod paths;

use image_url::{AcceptClass, Operation};
use imaging::{Check, Limits, Settings, probe, transform};
use libfuzzer_sys::{Corpus, fuzz_target};
use paths::{PATHS, request};

/// So small that a thousand inputs a second are tried, and so large that nothing is out of reach.
fn settings() -> Settings {
    Settings {
        limits: Limits {
            max_pixels: 1 << 16,
            max_side: 4096,
            max_frames: 8,
            max_animation_pixels: 1 << 16,
            max_result_pixels: 1 << 14,
            max_avif_pixels: 100,
        },
        ..Settings::default()
    }
}

fuzz_target!(|input: &[u8]| -> Corpus {
    let Some((original, &[path, accepts])) = input.split_last_chunk() else {
        return Corpus::Reject;
    };
    let Some(path) = PATHS.get(usize::from(path)) else {
        return Corpus::Reject;
    };
    let accepts = AcceptClass::ALL[usize::from(accepts) % AcceptClass::ALL.len()];
    let request = request(path, accepts);
    let settings = settings();
    let probed = probe(original, &settings.limits);
    let Ok(picture) = transform(original, &request, &settings, &Check::default()) else {
        return Corpus::Keep;
    };
    let probed = probed.expect("what is transformed has a header");
    match request.operation {
        Operation::Size | Operation::Original => {
            assert_eq!(
                (picture.width, picture.height),
                (probed.width, probed.height)
            );
        }
        Operation::Info => {
            assert!(picture.bytes.starts_with(b"{") && picture.bytes.ends_with(b"}"))
        }
        _ if picture.media_type == "image/avif" => {
            assert_eq!(picture.bytes.get(4..12), Some(&b"ftypavif"[..]));
        }
        _ => {
            let written =
                probe(&picture.bytes, &Limits::default()).expect("what is written can be read");
            assert_eq!(written.format.media_type(), picture.media_type);
            assert_eq!(
                (written.width, written.height),
                (picture.width, picture.height)
            );
            assert_eq!(written.orientation, 1);
        }
    }
    Corpus::Keep
});
