//! Pictures to write, and independent decoders.

#![allow(dead_code, unreachable_pub)] // each test file uses its part

use jpeg_write::{Options, Pixels, Subsampling, encode};

/// Bytes of a picture; 3 or 1 for each pixel.
#[derive(Debug)]
pub struct Picture {
    pub width: u32,
    pub height: u32,
    pub channels: usize,
    pub bytes: Vec<u8>,
}

impl Picture {
    /// Soft colours with a sharp disc, and a little grain.
    pub fn drawn(width: u32, height: u32, channels: usize) -> Self {
        let mut bytes = Vec::new();
        let mut grain = 1_u32;
        for y in 0..height {
            for x in 0..width {
                grain = grain.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let (fx, fy) = (f64::from(x) / 19.0, f64::from(y) / 23.0);
                let inside = (f64::from(x) - 40.0).hypot(f64::from(y) - 30.0) < 25.0;
                for channel in 0..channels {
                    let phase = channel as f64;
                    let soft = 120.0 + 60.0 * (fx + phase).sin() + 50.0 * (fy - phase).cos();
                    let level = if inside { 250.0 - 60.0 * phase } else { soft };
                    bytes.push((level + f64::from(grain >> 29)).clamp(0.0, 255.0) as u8);
                }
            }
        }
        Self {
            width,
            height,
            channels,
            bytes,
        }
    }

    /// A sample, `width` pixels wide.
    pub fn sample(name: &str, width: u32) -> Self {
        let path = format!("{}/../../samples/{name}", env!("CARGO_MANIFEST_DIR"));
        let whole = image::open(path).unwrap();
        let scaled = whole.thumbnail(width, u32::MAX).into_rgb8();
        Self {
            width: scaled.width(),
            height: scaled.height(),
            channels: 3,
            bytes: scaled.into_raw(),
        }
    }

    pub fn pixels(&self) -> Pixels<'_> {
        if self.channels == 1 {
            Pixels::Grey(&self.bytes)
        } else {
            Pixels::Rgb(&self.bytes)
        }
    }

    pub fn encode(&self, options: Options) -> Vec<u8> {
        encode(self.pixels(), self.width, self.height, &options).unwrap()
    }
}

/// All modes at a quality.
pub fn modes(quality: u8) -> impl Iterator<Item = Options> {
    [Subsampling::Full, Subsampling::Halved]
        .into_iter()
        .flat_map(move |subsampling| {
            [false, true].map(|progressive| Options {
                quality,
                progressive,
                subsampling,
            })
        })
}

/// As the `image` crate decodes, which is zune-jpeg, held to be strict.
pub fn decoded(jpeg: &[u8]) -> image::DynamicImage {
    let options = zune_core::options::DecoderOptions::default().set_strict_mode(true);
    let source = zune_core::bytestream::ZCursor::new(jpeg);
    zune_jpeg::JpegDecoder::new_with_options(source, options)
        .decode()
        .unwrap();
    image::load_from_memory_with_format(jpeg, image::ImageFormat::Jpeg).unwrap()
}

/// As the house's own decoder does, which must find nothing amiss.
pub fn decoded_at_home(jpeg: &[u8]) -> Vec<u8> {
    let limits = jpeg_shrink::Limits::default();
    let picture = jpeg_shrink::decode(jpeg, jpeg_shrink::Scale::Full, &limits).unwrap();
    assert!(!picture.truncated);
    match picture.pixels {
        jpeg_shrink::Pixels::Grey(bytes) | jpeg_shrink::Pixels::Rgb(bytes) => bytes,
        jpeg_shrink::Pixels::Cmyk(_) => panic!("inks"),
    }
}

pub fn psnr(one: &[u8], other: &[u8]) -> f64 {
    assert_eq!(one.len(), other.len());
    let error: f64 = one
        .iter()
        .zip(other)
        .map(|(&one, &other)| (f64::from(one) - f64::from(other)).powi(2))
        .sum();
    10.0 * (255.0 * 255.0 * one.len() as f64 / error.max(1e-9)).log10()
}
