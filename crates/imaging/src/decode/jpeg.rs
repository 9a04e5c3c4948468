//! JPEG: shrunk with jpeg-shrink, at full size with zune-jpeg.

use super::Decoded;
use crate::error::Error;
use crate::pixels::{Layout, Pixels};
use crate::probe::Header;
use crate::shrink::Shrink;
use jpeg_shrink::{Limits, Scale};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;

pub(super) fn decode(original: &[u8], header: Header, shrink: Shrink) -> Result<Decoded, Error> {
    let scale = match shrink {
        Shrink::Full => None,
        Shrink::Half => Some(Scale::Half),
        Shrink::Quarter => Some(Scale::Quarter),
        Shrink::Eighth => Some(Scale::Eighth),
    };
    let (pixels, truncated) = match scale {
        Some(scale) => shrunk(original, &header, scale)?,
        None => (full_size(original, &header)?, !ends(original)),
    };
    Ok(Decoded {
        pixels,
        profile: header.profile,
        shrink,
        truncated,
    })
}

fn shrunk(original: &[u8], header: &Header, scale: Scale) -> Result<(Pixels, bool), Error> {
    let limits = limits(header);
    let picture = jpeg_shrink::decode(original, scale, &limits).map_err(refused)?;
    let (layout, bytes) = match picture.pixels {
        jpeg_shrink::Pixels::Grey(bytes) => (Layout::Grey, bytes),
        jpeg_shrink::Pixels::Rgb(bytes) => (Layout::Rgb, bytes),
        jpeg_shrink::Pixels::Cmyk(mut bytes) => {
            bytes.iter_mut().for_each(|ink| *ink = 255 - *ink);
            (Layout::Cmyk, bytes)
        }
    };
    let pixels = Pixels::new(picture.width, picture.height, layout, bytes)?;
    Ok((pixels, picture.truncated || !ends(original)))
}

/// The size has been checked; what is left to bound is work.
pub(crate) fn limits(header: &Header) -> Limits {
    Limits {
        max_pixels: u64::from(header.stored.width) * u64::from(header.stored.height),
        max_side: header.stored.width.max(header.stored.height),
        ..Limits::default()
    }
}

fn refused(error: jpeg_shrink::Error) -> Error {
    match error {
        jpeg_shrink::Error::Unsupported(kind) => Error::UnsupportedKind(format!("JPEG: {kind}")),
        other => Error::corrupt(other),
    }
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
