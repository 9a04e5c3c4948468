//! WebP: lossy stills without alpha with webp-shrink; lossless ones, those with alpha and animated ones with image-webp,
//! which gives no alpha channel apart.

use super::{Decoded, Frames};
use crate::error::Error;
use crate::pixels::{Layout, Pixels, length};
use crate::probe::Header;
use crate::shrink::Shrink;
use image_webp::{DecodingError, LoopCount, WebPDecoder};
use std::io::Cursor;
use std::time::Duration;
use webp_shrink::{Limits, Scale};

pub(super) fn decode(original: &[u8], header: Header, shrink: Shrink) -> Result<Decoded, Error> {
    if let Some(frame) = lossy_frame(original, &header) {
        return lossy(frame, header, shrink);
    }
    let mut decoder = open(original, &header)?;
    let mut pixels = canvas(&decoder, &header)?;
    decoder.read_image(pixels.bytes_mut()).map_err(failed)?;
    Ok(Decoded {
        pixels: pixels.without_idle_alpha(),
        profile: header.profile,
        shrink: Shrink::Full,
        truncated: false,
    })
}

/// The frame of a lossy still without alpha.
pub(crate) fn lossy_frame<'a>(original: &'a [u8], header: &Header) -> Option<&'a [u8]> {
    if header.layout.has_alpha() {
        return None;
    }
    webp_shrink::find_frame(original).ok()
}

fn lossy(frame: &[u8], header: Header, shrink: Shrink) -> Result<Decoded, Error> {
    let (width, height) = (header.stored.width, header.stored.height);
    // The header was checked against the limits, and the frame must be of the same size.
    let limits = Limits {
        max_pixels: u64::from(width) * u64::from(height),
        max_side: width.max(height),
    };
    let inner = webp_shrink::read_header(frame, &limits).map_err(Error::corrupt)?;
    if (inner.width, inner.height) != (width, height) {
        return Err(Error::Corrupt("two sizes".to_owned()));
    }
    let picture = webp_shrink::decode(frame, scale(shrink), &limits).map_err(Error::corrupt)?;
    Ok(Decoded {
        pixels: Pixels::new(picture.width, picture.height, Layout::Rgb, picture.rgb)?,
        profile: header.profile,
        shrink,
        truncated: picture.truncated,
    })
}

pub(crate) const fn scale(shrink: Shrink) -> Scale {
    match shrink {
        Shrink::Full => Scale::Full,
        Shrink::Half => Scale::Half,
        Shrink::Quarter => Scale::Quarter,
        Shrink::Eighth => Scale::Eighth,
    }
}

/// The frames of an animated WebP, composited by the decoder.
pub(crate) struct WebPFrames<'a> {
    decoder: WebPDecoder<Cursor<&'a [u8]>>,
    canvas: Pixels,
}

impl<'a> WebPFrames<'a> {
    pub(crate) fn new(original: &'a [u8], header: &Header) -> Result<Self, Error> {
        let decoder = open(original, header)?;
        if !decoder.is_animated() {
            return Err(Error::Corrupt("it has no frames".to_owned()));
        }
        let canvas = canvas(&decoder, header)?;
        Ok(Self { decoder, canvas })
    }
}

impl Frames for WebPFrames<'_> {
    fn next(&mut self) -> Result<Option<(&Pixels, Duration)>, Error> {
        match self.decoder.read_frame(self.canvas.bytes_mut()) {
            Ok(delay) => Ok(Some((&self.canvas, Duration::from_millis(delay.into())))),
            Err(DecodingError::NoMoreFrames) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    fn plays(&self) -> Option<u16> {
        match self.decoder.loop_count() {
            LoopCount::Forever => None,
            LoopCount::Times(plays) => Some(plays.get()),
        }
    }
}

fn open<'a>(original: &'a [u8], header: &Header) -> Result<WebPDecoder<Cursor<&'a [u8]>>, Error> {
    let mut decoder = WebPDecoder::new(Cursor::new(original)).map_err(failed)?;
    // The header was checked against the limits, so the decoder must see the same size.
    if decoder.dimensions() != (header.stored.width, header.stored.height) {
        return Err(Error::Corrupt("two sizes".to_owned()));
    }
    if decoder.is_animated() {
        // What is disposed of becomes transparent, as in browsers; the file's background is only a hint (RFC 9649 §2.7.1.1).
        decoder.set_background_color([0; 4]).map_err(failed)?;
    }
    Ok(decoder)
}

fn canvas(decoder: &WebPDecoder<Cursor<&[u8]>>, header: &Header) -> Result<Pixels, Error> {
    let layout = if decoder.has_alpha() {
        Layout::Rgba
    } else {
        Layout::Rgb
    };
    let (width, height) = (header.stored.width, header.stored.height);
    let size = length(width, height, layout)
        .ok_or_else(|| Error::Corrupt("larger than memory".to_owned()))?;
    Pixels::new(width, height, layout, vec![0; size])
}

fn failed(error: DecodingError) -> Error {
    Error::corrupt(error)
}
