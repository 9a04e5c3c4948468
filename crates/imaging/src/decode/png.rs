//! PNG: interlaced, 1 to 16 bits, palettes and transparent colours expanded. Of an APNG, the default image.

use super::Decoded;
use crate::error::Error;
use crate::pixels::{Layout, Pixels};
use crate::probe::Header;
use crate::shrink::Shrink;
use png::{BitDepth, ColorType, Decoder, DecodingError, Limits, Transformations};
use std::io::Cursor;

/// Room for the decoder's own buffers and an embedded profile, which is compressed; rows come on top.
const DECODER_BYTES: usize = 16 << 20;

pub(super) fn decode(original: &[u8], header: &Header) -> Result<Decoded, Error> {
    let row = header.stored.width as usize * 8;
    let limits = Limits {
        bytes: DECODER_BYTES + row,
    };
    let mut decoder = Decoder::new_with_limits(Cursor::new(original), limits);
    decoder.set_ignore_text_chunk(true);
    decoder.set_transformations(Transformations::EXPAND);
    let mut reader = decoder.read_info().map_err(failed)?;
    let size = reader
        .output_buffer_size()
        .ok_or_else(|| Error::Corrupt("larger than memory".to_owned()))?;
    let mut bytes = vec![0; size];
    let info = reader.next_frame(&mut bytes).map_err(failed)?;
    if info.bit_depth == BitDepth::Sixteen {
        narrow(&mut bytes);
    }
    let layout = match info.color_type {
        ColorType::Grayscale => Layout::Grey,
        ColorType::GrayscaleAlpha => Layout::GreyAlpha,
        ColorType::Rgb | ColorType::Indexed => Layout::Rgb,
        ColorType::Rgba => Layout::Rgba,
    };
    let pixels = Pixels::new(info.width, info.height, layout, bytes)?;
    let profile = reader.info().icc_profile.as_deref().map(<[u8]>::to_vec);
    Ok(Decoded {
        pixels: pixels.without_idle_alpha(),
        profile,
        shrink: Shrink::Full,
        truncated: false,
    })
}

/// 16 bits to 8, rounded (PNG §13.12), in place.
fn narrow(bytes: &mut Vec<u8>) {
    let samples = bytes.len() / 2;
    for sample in 0..samples {
        let Some(&[high, low]) = bytes.get(sample * 2..).and_then(|rest| rest.first_chunk()) else {
            break;
        };
        let wide = u32::from(u16::from_be_bytes([high, low]));
        if let Some(narrow) = bytes.get_mut(sample) {
            *narrow = ((wide * 255 + 32_767) / 65_535) as u8;
        }
    }
    bytes.truncate(samples);
}

fn failed(error: DecodingError) -> Error {
    match error {
        DecodingError::LimitsExceeded => {
            Error::Corrupt("it asks for more memory than its size".to_owned())
        }
        other => Error::corrupt(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_bits_are_rounded() {
        let mut bytes = [0u16, 127, 128, 257, 32_768, 65_406, 65_407, 65_535]
            .iter()
            .flat_map(|wide| wide.to_be_bytes())
            .collect();
        narrow(&mut bytes);
        assert_eq!(bytes, [0, 0, 0, 1, 128, 254, 255, 255]);
    }
}
