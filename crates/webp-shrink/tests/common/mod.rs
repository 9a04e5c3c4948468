//! Photographs, libwebp's encoder, and image-webp as the decoder to compare with.

#![allow(dead_code, clippy::unwrap_used, unreachable_pub)] // each test file uses some; a failed test is what a panic is for

use std::io::Cursor;
use std::sync::LazyLock;

use image::RgbImage;
use image::imageops::FilterType;
use webp_shrink::{Limits, Picture, Scale, decode, find_frame};

pub const SCALES: [Scale; 4] = [Scale::Full, Scale::Half, Scale::Quarter, Scale::Eighth];

/// Photographs of samples/, at 640 pixels.
pub static PHOTOGRAPHS: LazyLock<Vec<RgbImage>> = LazyLock::new(|| {
    ["picos", "seeding", "sunset", "umang"]
        .map(|name| {
            let path = format!("{}/../../samples/{name}.jpg", env!("CARGO_MANIFEST_DIR"));
            let photograph = image::open(path).unwrap().to_rgb8();
            let height = 640 * photograph.height() / photograph.width();
            image::imageops::thumbnail(&photograph, 640, height)
        })
        .to_vec()
});

/// A photograph at this size.
pub fn photograph(index: usize, width: u32, height: u32) -> RgbImage {
    image::imageops::resize(&PHOTOGRAPHS[index], width, height, FilterType::Triangle)
}

/// libwebp's encoder, as `set` makes it.
pub fn encode(picture: &RgbImage, set: impl FnOnce(&mut webp::WebPConfig)) -> Vec<u8> {
    let mut config = webp::WebPConfig::new().unwrap();
    config.method = 2;
    set(&mut config);
    let encoder = webp::Encoder::from_rgb(picture.as_raw(), picture.width(), picture.height());
    encoder.encode_advanced(&config).unwrap().to_vec()
}

pub fn ours(webp: &[u8], scale: Scale) -> Picture {
    decode(find_frame(webp).unwrap(), scale, &Limits::default()).unwrap()
}

/// What image-webp makes of a file.
pub fn theirs(webp: &[u8]) -> Vec<u8> {
    let mut decoder = image_webp::WebPDecoder::new(Cursor::new(webp)).unwrap();
    let mut rgb = vec![0; decoder.output_buffer_size().unwrap()];
    decoder.read_image(&mut rgb).unwrap();
    rgb
}

/// The average of squares, of what there is of them at the edges.
pub fn averaged(rgb: &[u8], width: usize, height: usize, factor: usize) -> Vec<u8> {
    let mut small = Vec::new();
    for top in (0..height).step_by(factor) {
        for left in (0..width).step_by(factor) {
            for channel in 0..3 {
                let (mut sum, mut count) = (0, 0);
                for y in top..(top + factor).min(height) {
                    for x in left..(left + factor).min(width) {
                        sum += u32::from(rgb[(y * width + x) * 3 + channel]);
                        count += 1;
                    }
                }
                small.push(((sum + count / 2) / count) as u8);
            }
        }
    }
    small
}

/// How near two pictures are, in dB.
pub fn psnr(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    let error: u64 = a
        .iter()
        .zip(b)
        .map(|(a, b)| u64::from(a.abs_diff(*b)).pow(2))
        .sum();
    10.0 * (255.0_f64.powi(2) * a.len() as f64 / error.max(1) as f64).log10()
}
