//! What tests of pictures share.

#![allow(dead_code, unreachable_pub)] // each test file uses its part
#![allow(clippy::unwrap_used)] // a failed test is what a panic is for

use image_url::{AcceptClass, Canonical, Target};
use imaging::{Check, Error, Limits, Picture, Request, Settings, transform};
use std::io::Cursor;

/// A request by what comes before the name in a URL.
pub fn request(path: &str) -> Request {
    let target = Target::parse(&format!("{path}/name")).unwrap();
    let canonical = Canonical::parse(target.uri()).unwrap();
    Request {
        operation: canonical.operation(),
        options: canonical.options(),
        accepts: AcceptClass::None,
    }
}

pub fn go(original: &[u8], path: &str) -> Result<Picture, Error> {
    go_within(original, path, Limits::default())
}

pub fn go_within(original: &[u8], path: &str, limits: Limits) -> Result<Picture, Error> {
    let settings = Settings {
        limits,
        ..Settings::default()
    };
    transform(original, &request(path), &settings, &Check::default())
}

pub fn info(original: &[u8]) -> String {
    String::from_utf8(go(original, "/info").unwrap().bytes).unwrap()
}

/// RGBA pixels; those that are not seen have no colour.
pub fn rgba(bytes: &[u8]) -> Vec<[u8; 4]> {
    let pixels = bytes.as_chunks::<4>().0.iter();
    pixels
        .map(|&pixel| if pixel[3] == 0 { [0; 4] } else { pixel })
        .collect()
}

/// A still, or the first frame.
pub fn pixels(picture: &Picture) -> Vec<[u8; 4]> {
    rgba(
        &image::load_from_memory(&picture.bytes)
            .unwrap()
            .into_rgba8(),
    )
}

pub struct Frame {
    pub pixels: Vec<[u8; 4]>,
}

/// The frames of a GIF by the `image` crate, those of a WebP by libwebp.
pub fn frames(picture: &Picture) -> Vec<Frame> {
    if picture.media_type == "image/gif" {
        use image::AnimationDecoder;
        let decoder = image::codecs::gif::GifDecoder::new(Cursor::new(&picture.bytes)).unwrap();
        let frames = decoder.into_frames().map(Result::unwrap);
        return frames
            .map(|frame| Frame {
                pixels: rgba(frame.buffer()),
            })
            .collect();
    }
    let decoded = webp::AnimDecoder::new(&picture.bytes).decode().unwrap();
    decoded
        .into_iter()
        .map(|frame| Frame {
            pixels: rgba(frame.get_image()),
        })
        .collect()
}
