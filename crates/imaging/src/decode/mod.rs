//! Pixels from an original: 8 bits a channel, grey kept grey, inks kept inks until their profile is applied.

mod canvas;
mod gif;
mod jpeg;
mod lzw;
mod png;
mod webp;

use crate::error::Error;
use crate::pixels::Pixels;
use crate::probe::Header;
use crate::shrink::Shrink;
use image_url::Format;
use std::time::Duration;

pub(crate) use canvas::Dispose;
pub(crate) use jpeg::{limits as jpeg_limits, scale as jpeg_scale};
pub(crate) use webp::{lossy_frame, scale as webp_scale};

/// A decoded original, as it is stored: not yet turned.
pub(crate) struct Decoded {
    pub(crate) pixels: Pixels,
    /// The ICC profile embedded in the original.
    pub(crate) profile: Option<Vec<u8>>,
    /// The size at which it was decoded, which may be larger than the one asked for.
    pub(crate) shrink: Shrink,
    /// The original ends before its picture does.
    pub(crate) truncated: bool,
}

/// The picture, or the first frame of an animation.
pub(crate) fn decode(original: &[u8], header: Header, shrink: Shrink) -> Result<Decoded, Error> {
    match header.format {
        Format::Png => png::decode(original, &header),
        Format::Gif => gif::decode(original, header),
        Format::WebP => webp::decode(original, &header, shrink),
        Format::Jpeg => jpeg::decode(original, header, shrink),
        Format::Avif => Err(Error::NotAnImage),
    }
}

/// Whether an original can be decoded smaller than it is.
pub(crate) fn shrinks(original: &[u8], header: &Header) -> bool {
    match header.format {
        Format::Jpeg => true,
        Format::WebP => lossy_frame(original, header).is_some(),
        Format::Png | Format::Gif | Format::Avif => false,
    }
}

/// An animation, frame by frame. Each is the whole canvas as it is seen at its time.
pub(crate) trait Frames {
    /// The next frame and how long it is seen.
    fn next(&mut self) -> Result<Option<(&Pixels, Duration)>, Error>;

    /// The ICC profile of the frames.
    fn profile(&self) -> Option<&[u8]>;

    /// Whether it is known that nothing is transparent in any frame.
    fn opaque(&self) -> bool {
        false
    }

    /// How often it is played; `None` is without end.
    fn plays(&self) -> Option<u32>;

    /// Whether the file ends before its last frame does, as far as has been seen.
    fn truncated(&self) -> bool;
}

/// Whether a format can have several frames.
pub(crate) const fn moves(format: Format) -> bool {
    matches!(format, Format::Gif | Format::WebP | Format::Png)
}

/// The frames of an original whose format [`moves`]. Each source draws on a [`canvas::Canvas`].
pub(crate) fn frames<'a>(
    original: &'a [u8],
    header: &Header,
) -> Result<Box<dyn Frames + 'a>, Error> {
    Ok(match header.format {
        Format::Gif => Box::new(gif::GifFrames::new(original, header)?),
        Format::WebP => Box::new(webp::WebPFrames::new(original, header)?),
        Format::Png => Box::new(png::PngFrames::new(original, header)?),
        Format::Jpeg | Format::Avif => return Err(Error::NotAnImage),
    })
}
