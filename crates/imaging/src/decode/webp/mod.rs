//! WebP: lossy pictures with webp-shrink, lossless ones and alpha channels with image-webp. Frames of animations are
//! composed here.

#[cfg(test)]
mod against_libwebp;
mod alpha;
mod frames;
mod lossless;
mod picture;

use super::Decoded;
use crate::container::webp::{Bits, Content, Image, Summary};
use crate::error::Error;
use crate::pixels::{Layout, Pixels};
use crate::probe::Header;
use crate::shrink::Shrink;
use webp_shrink::{Limits, Scale};

pub(super) use frames::WebPFrames;

pub(super) fn decode(original: &[u8], header: &Header, shrink: Shrink) -> Result<Decoded, Error> {
    let profile = header.profile.clone();
    let decoded = |pixels, shrink, truncated| Decoded {
        pixels,
        profile,
        shrink,
        truncated,
    };
    if let Some(frame) = lossy_frame(original, header) {
        let (pixels, truncated) = lossy(frame, header, shrink)?;
        return Ok(decoded(pixels, shrink, truncated));
    }
    let (pixels, truncated) = match Summary::of_file(original)?.content {
        Content::Still(image) => picture::decode(&image)?,
        Content::Animation { .. } => WebPFrames::new(original, header)?.first()?,
    };
    Ok(decoded(
        pixels.without_idle_alpha(),
        Shrink::Full,
        truncated,
    ))
}

/// The frame of a lossy still without alpha.
pub(crate) fn lossy_frame<'a>(original: &'a [u8], header: &Header) -> Option<&'a [u8]> {
    if header.layout.has_alpha() {
        return None;
    }
    match Summary::of_file(original).ok()?.content {
        Content::Still(Image {
            bits: Bits::Lossy { frame, alpha: None },
            ..
        }) => Some(frame),
        _ => None,
    }
}

fn lossy(frame: &[u8], header: &Header, shrink: Shrink) -> Result<(Pixels, bool), Error> {
    let (width, height) = (header.stored.width, header.stored.height);
    // The header was checked against the limits, and the frame is of the same size.
    let limits = Limits {
        max_pixels: u64::from(width) * u64::from(height),
        max_side: width.max(height),
    };
    let picture = webp_shrink::decode(frame, scale(shrink), &limits).map_err(Error::corrupt)?;
    let pixels = Pixels::new(picture.width, picture.height, Layout::Rgb, picture.rgb)?;
    Ok((pixels, picture.truncated))
}

pub(crate) const fn scale(shrink: Shrink) -> Scale {
    match shrink {
        Shrink::Full => Scale::Full,
        Shrink::Half => Scale::Half,
        Shrink::Quarter => Scale::Quarter,
        Shrink::Eighth => Scale::Eighth,
    }
}
