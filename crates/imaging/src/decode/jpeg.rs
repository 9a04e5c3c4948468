//! JPEG at full size with zune-jpeg.

use super::Decoded;
use crate::error::Error;
use crate::pixels::{Layout, Pixels};
use crate::probe::Header;
use crate::shrink::Shrink;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;

pub(super) fn decode(original: &[u8], header: Header, _shrink: Shrink) -> Result<Decoded, Error> {
    let truncated = !ends(original);
    let pixels = full_size(original, &header)?;
    Ok(Decoded {
        pixels,
        profile: header.profile,
        shrink: Shrink::Full,
        truncated,
    })
}

fn full_size(original: &[u8], header: &Header) -> Result<Pixels, Error> {
    let (width, height) = (header.stored.width, header.stored.height);
    let options = DecoderOptions::default()
        .set_max_width(width as usize)
        .set_max_height(height as usize)
        .set_strict_mode(false);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(original), options);
    decoder.decode_headers().map_err(failed)?;
    let stored = decoder.input_colorspace().unwrap_or(ColorSpace::YCbCr);
    let (asked, layout) = match (header.layout, stored) {
        (Layout::Grey, _) => (ColorSpace::Luma, Layout::Grey),
        (Layout::Cmyk, ColorSpace::YCCK) => (ColorSpace::YCCK, Layout::Cmyk),
        (Layout::Cmyk, _) => (ColorSpace::CMYK, Layout::Cmyk),
        _ => (ColorSpace::RGB, Layout::Rgb),
    };
    decoder.set_options(options.jpeg_set_out_colorspace(asked));
    let mut bytes = decoder.decode().map_err(failed)?;
    if asked == ColorSpace::YCCK {
        ycck_to_cmyk(&mut bytes);
    }
    if layout == Layout::Cmyk && !header.adobe {
        bytes.iter_mut().for_each(|ink| *ink = 255 - *ink);
    }
    Pixels::new(width, height, layout, bytes)
}

/// Adobe's: the complement of RGB is stored as YCbCr, black beside it.
fn ycck_to_cmyk(bytes: &mut [u8]) {
    for [y, cb, cr, _black] in bytes.as_chunks_mut::<4>().0 {
        // ITU-T T.871 §7, in 16 bits of fraction.
        let (luma, blue, red) = (
            i32::from(*y) << 16,
            i32::from(*cb) - 128,
            i32::from(*cr) - 128,
        );
        let channel = |value: i32| 255 - ((value + (1 << 15)) >> 16).clamp(0, 255) as u8;
        *y = channel(luma + 91_881 * red);
        *cb = channel(luma - 22_554 * blue - 46_802 * red);
        *cr = channel(luma + 116_130 * blue);
    }
}

fn failed(error: DecodeErrors) -> Error {
    match error {
        DecodeErrors::Unsupported(kind) => Error::UnsupportedKind(format!("{kind:?}")),
        other => Error::Corrupt(format!("{other:?}")),
    }
}

/// Whether a JPEG has its EOI marker; cameras put other things after it.
fn ends(jpeg: &[u8]) -> bool {
    jpeg.windows(2).rev().any(|marker| marker == [0xff, 0xd9])
}
