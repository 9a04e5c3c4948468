//! Any bytes: no panic, no overflow, a picture of the size that the header says, the same each time.
//!
//! `cargo fuzz run decode` in the crate's folder; on a stable toolchain with `RUSTC_BOOTSTRAP=1`. The last byte, which
//! no decoder looks at in a whole file, chooses the scale.
#![no_main]

use jpeg_shrink::{Limits, Pixels, Scale, decode, memory, read_header};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    // Small, so that many files go through in a second.
    let limits = Limits {
        max_pixels: 1 << 14,
        max_side: 2048,
        max_scans: 20,
        max_passes: 20,
    };
    let scale = match data.last() {
        Some(byte) if byte & 3 == 0 => Scale::Full,
        Some(byte) if byte & 3 == 1 => Scale::Half,
        Some(byte) if byte & 3 == 2 => Scale::Quarter,
        _ => Scale::Eighth,
    };
    let header = read_header(data, &limits);
    match decode(data, scale, &limits) {
        Ok(picture) => {
            let header = header.expect("a picture has a header");
            assert_eq!(picture.width, scale.shrink(header.width));
            assert_eq!(picture.height, scale.shrink(header.height));
            let pixels = picture.width as usize * picture.height as usize;
            let (channels, bytes) = match &picture.pixels {
                Pixels::Grey(bytes) => (1, bytes.len()),
                Pixels::Rgb(bytes) => (3, bytes.len()),
                Pixels::Cmyk(bytes) => (4, bytes.len()),
            };
            assert_eq!(bytes, pixels * channels);
            assert!(memory(data, scale, &limits).expect("it was decoded") >= bytes as u64);
        }
        Err(error) => {
            if let Err(of_header) = header {
                assert_eq!(error, of_header);
            }
        }
    }
});
