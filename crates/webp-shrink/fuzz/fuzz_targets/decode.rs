//! Any bytes: no panic, no overflow, a picture of the size that the header says; and where image-webp has a picture and
//! nothing is missing, the same.
//!
//! `cargo fuzz run decode` in the crate's folder; on a stable toolchain with `RUSTC_BOOTSTRAP=1`. The last byte, which
//! no decoder looks at in a whole frame, chooses the scale.
#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use webp_shrink::{Limits, Scale, decode, find_frame, read_header};

fuzz_target!(|data: &[u8]| {
    // Small, so that many files go through in a second.
    let limits = Limits {
        max_pixels: 1 << 14,
        max_side: 1024,
    };
    let scale = match data.last() {
        Some(byte) if byte & 7 == 0 => Scale::Half,
        Some(byte) if byte & 7 == 1 => Scale::Quarter,
        Some(byte) if byte & 7 == 2 => Scale::Eighth,
        _ => Scale::Full,
    };
    let file = file(data);
    let frame = find_frame(&file).expect("it was put there");
    assert_eq!(frame, data);
    let header = read_header(frame, &limits);
    match decode(frame, scale, &limits) {
        Ok(picture) => {
            let header = header.expect("a picture has a header");
            assert_eq!(picture.width, scale.shrink(header.width));
            assert_eq!(picture.height, scale.shrink(header.height));
            let pixels = picture.width as usize * picture.height as usize;
            assert_eq!(picture.rgb.len(), pixels * 3);
            if scale == Scale::Full
                && !picture.truncated
                && let Some(theirs) = theirs(&file)
            {
                assert!(picture.rgb == theirs, "other pixels than image-webp's");
            }
        }
        Err(error) => assert_eq!(Err(error), header),
    }
    let _ = find_frame(data);
});

/// A WebP in the simple form.
fn file(frame: &[u8]) -> Vec<u8> {
    let length = frame.len() as u32;
    let padding = &[0][..frame.len() % 2];
    let riff = (length + 12 + padding.len() as u32).to_le_bytes();
    [b"RIFF", &riff[..], b"WEBPVP8 ", &length.to_le_bytes(), frame, padding].concat()
}

fn theirs(file: &[u8]) -> Option<Vec<u8>> {
    let mut decoder = image_webp::WebPDecoder::new(Cursor::new(file)).ok()?;
    let mut rgb = vec![0; decoder.output_buffer_size()?];
    decoder.read_image(&mut rgb).ok()?;
    Some(rgb)
}
