//! Pixels in, AVIF out: one still picture of 8 bits a channel, in as many planes as it needs. Written only, never read.
//!
//! A crate of its own since rav1e is generic, so that whoever calls it compiles most of it.
#![forbid(unsafe_code)]

mod frame;
mod planes;

use avif_serialize::Aviffy;
use avif_serialize::constants::MatrixCoefficients;
use planes::{Planes, Sampling};
use thiserror::Error;

/// From this quality on colour keeps its full resolution, 4:4:4; below it is halved, 4:2:0.
pub const FULL_CHROMA_QUALITY: u8 = 90;

/// Quality of the alpha plane, whose edges show sooner than any colour's.
const ALPHA_QUALITY: u8 = 90;

/// Pixels in rows without gaps, in sRGB, alpha not multiplied in.
#[derive(Clone, Copy, Debug)]
pub enum Pixels<'a> {
    /// One byte a pixel.
    Grey(&'a [u8]),
    /// Two bytes a pixel.
    GreyAlpha(&'a [[u8; 2]]),
    /// Three bytes a pixel.
    Rgb(&'a [[u8; 3]]),
    /// Four bytes a pixel.
    Rgba(&'a [[u8; 4]]),
}

/// Why there is no file.
#[derive(Debug, Error)]
pub enum Error {
    /// The pixels are not as many as the sides say, or a side is 0.
    #[error("{pixels} pixels are no picture of {width}x{height}")]
    Size {
        /// How many there are.
        pixels: usize,
        /// The width that is said.
        width: u32,
        /// The height that is said.
        height: u32,
    },
    /// rav1e's own words.
    #[error("rav1e: {0}")]
    Encoder(String),
}

/// Writes a picture with a quality of 1 to 100, which is all but lossless, on libavif's scale.
pub fn encode(pixels: Pixels<'_>, width: u32, height: u32, quality: u8) -> Result<Vec<u8>, Error> {
    let count = match pixels {
        Pixels::Grey(pixels) => pixels.len(),
        Pixels::GreyAlpha(pixels) => pixels.len(),
        Pixels::Rgb(pixels) => pixels.len(),
        Pixels::Rgba(pixels) => pixels.len(),
    };
    if count == 0 || Some(count) != (width as usize).checked_mul(height as usize) {
        return Err(Error::Size {
            pixels: count,
            width,
            height,
        });
    }
    let sampling = if quality >= FULL_CHROMA_QUALITY {
        Sampling::Full
    } else {
        Sampling::Halved
    };
    let planes = Planes::of(pixels, width as usize, sampling);
    let colour = frame::encode(&planes.colour, planes.sampling, width, height, quality)?;
    let alpha = planes
        .alpha
        .map(|alpha| frame::encode(&[alpha], Sampling::None, width, height, ALPHA_QUALITY))
        .transpose()?;
    let halved = planes.sampling == Sampling::Halved;
    Ok(Aviffy::new()
        .set_matrix_coefficients(MatrixCoefficients::Bt601)
        .set_full_color_range(true)
        .set_chroma_subsampling((halved, halved))
        .set_monochrome(planes.sampling == Sampling::None)
        .set_seq_profile(u8::from(planes.sampling == Sampling::Full))
        .to_vec(&colour, alpha.as_deref(), width, height, 8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_layout_is_written() {
        let bytes: Vec<u8> = (0..33 * 17 * 4u32).map(|n| n as u8).collect();
        for quality in [30, 95] {
            for pixels in [
                Pixels::Grey(&bytes[..33 * 17]),
                Pixels::GreyAlpha(&bytes.as_chunks().0[..33 * 17]),
                Pixels::Rgb(&bytes.as_chunks().0[..33 * 17]),
                Pixels::Rgba(bytes.as_chunks().0),
            ] {
                let file = encode(pixels, 33, 17, quality).unwrap();
                assert_eq!(&file[4..12], b"ftypavif");
            }
        }
    }

    #[test]
    fn other_sizes_are_refused() {
        for (pixels, width, height) in [(6, 2, 2), (0, 0, 5), (0, 0, 0), (4, u32::MAX, u32::MAX)] {
            let refused = encode(Pixels::Grey(&[0; 6][..pixels]), width, height, 50);
            assert!(matches!(refused, Err(Error::Size { .. })));
        }
    }
}
