//! One picture at full size, with its alpha channel where it has one.

use super::{alpha, lossless};
use crate::container::webp::{Bits, Image};
use crate::error::Error;
use crate::pixels::{Layout, Pixels};
use webp_shrink::{Limits, Scale};

/// The pixels, RGB or RGBA, and whether some of them are missing.
pub(super) fn decode(image: &Image<'_>) -> Result<(Pixels, bool), Error> {
    let (width, height) = (image.size.width, image.size.height);
    match image.bits {
        Bits::Lossless { stream, alpha } => lossless::decode(stream, image.size, alpha),
        Bits::Lossy { frame, alpha } => {
            // First, since it takes more memory than it gives.
            let alpha = alpha
                .map(|chunk| alpha::decode(chunk, image.size))
                .transpose()?;
            let limits = Limits {
                max_pixels: u64::from(width) * u64::from(height),
                max_side: width.max(height),
            };
            let picture =
                webp_shrink::decode(frame, Scale::Full, &limits).map_err(Error::corrupt)?;
            let (layout, bytes) = match alpha {
                None => (Layout::Rgb, picture.rgb),
                Some(alpha) => (Layout::Rgba, with_alpha(picture.rgb, &alpha)),
            };
            let pixels = Pixels::new(width, height, layout, bytes)?;
            Ok((pixels, picture.truncated))
        }
    }
}

/// RGB with an alpha channel, in place: a picture is not held twice.
fn with_alpha(mut bytes: Vec<u8>, alpha: &[u8]) -> Vec<u8> {
    bytes.resize(alpha.len() * 4, 0);
    for (pixel, &alpha) in alpha.iter().enumerate().rev() {
        bytes.copy_within(pixel * 3..pixel * 3 + 3, pixel * 4);
        if let Some(byte) = bytes.get_mut(pixel * 4 + 3) {
            *byte = alpha;
        }
    }
    bytes
}
