//! JPEG, with jpeg-shrink: at its own size, at 1/2, 1/4 or 1/8.

use super::Decoded;
use crate::error::Error;
use crate::pixels::{Layout, Pixels};
use crate::probe::Header;
use crate::shrink::Shrink;
use jpeg_shrink::{Limits, Scale};

pub(super) fn decode(original: &[u8], header: Header, shrink: Shrink) -> Result<Decoded, Error> {
    let limits = limits(&header);
    let picture = jpeg_shrink::decode(original, scale(shrink), &limits).map_err(refused)?;
    let (layout, bytes) = match picture.pixels {
        jpeg_shrink::Pixels::Grey(bytes) => (Layout::Grey, bytes),
        jpeg_shrink::Pixels::Rgb(bytes) => (Layout::Rgb, bytes),
        jpeg_shrink::Pixels::Cmyk(mut bytes) => {
            invert(&mut bytes);
            (Layout::Cmyk, bytes)
        }
    };
    Ok(Decoded {
        pixels: Pixels::new(picture.width, picture.height, layout, bytes)?,
        profile: header.profile,
        shrink,
        truncated: picture.truncated || !ends(original),
    })
}

/// The scale at which jpeg-shrink decodes.
pub(crate) fn scale(shrink: Shrink) -> Scale {
    match shrink {
        Shrink::Full => Scale::Full,
        Shrink::Half => Scale::Half,
        Shrink::Quarter => Scale::Quarter,
        Shrink::Eighth => Scale::Eighth,
    }
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

fn invert(inks: &mut [u8]) {
    for ink in inks {
        *ink = 255 - *ink;
    }
}

/// Whether a JPEG has its EOI marker; cameras put other things after it.
fn ends(jpeg: &[u8]) -> bool {
    jpeg.windows(2).rev().any(|marker| marker == [0xff, 0xd9])
}
