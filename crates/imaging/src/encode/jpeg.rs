//! JPEG: Huffman tables made for the picture, progressive unless told otherwise.

use crate::error::Error;
use crate::pixels::{Layout, Pixels};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

/// From this quality on colour keeps its full resolution, 4:4:4; below it is halved, 4:2:0. libgd, and with it nginx,
/// changes at the same one.
const FULL_CHROMA_QUALITY: u8 = 90;

/// `pixels` have no alpha.
pub(super) fn encode(pixels: &Pixels, quality: u8, progressive: bool) -> Result<Vec<u8>, Error> {
    let (width, height) = (pixels.width(), pixels.height());
    let (Ok(columns), Ok(rows)) = (u16::try_from(width), u16::try_from(height)) else {
        return Err(Error::ResultTooLarge {
            width,
            height,
            reason: "the sides of a JPEG end at 65,535",
        });
    };
    let colour = match pixels.layout() {
        Layout::Grey => ColorType::Luma,
        Layout::Rgb => ColorType::Rgb,
        other => return Err(Error::Encode(format!("{other:?} as JPEG"))),
    };
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, quality);
    encoder.set_progressive(progressive);
    encoder.set_optimized_huffman_tables(true);
    encoder.set_sampling_factor(if quality >= FULL_CHROMA_QUALITY {
        SamplingFactor::F_1_1
    } else {
        SamplingFactor::F_2_2
    });
    encoder
        .encode(pixels.bytes(), columns, rows, colour)
        .map_err(Error::encode)?;
    Ok(bytes)
}
