//! What the header of an original says, with the limits checked. No pixel is decoded.

use crate::error::Error;
use crate::limits::Limits;
use image::metadata::Orientation;
use image::{ImageDecoder, ImageFormat, ImageReader};
use image_url::Format;
use std::io::Cursor;

/// An original by its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Its format, by its first bytes; a name's extension is not believed.
    pub format: Format,
    /// Width in pixels, as it is to be looked at.
    pub width: u32,
    /// Height in pixels, as it is to be looked at.
    pub height: u32,
}

/// A decoder that has read the header only.
pub(crate) struct Opened<'a> {
    pub(crate) decoder: Box<dyn ImageDecoder + 'a>,
    pub(crate) format: Format,
    pub(crate) orientation: Orientation,
}

/// Reads the header of an original.
///
/// # Errors
/// When it is no image, of an unsupported kind, damaged, or beyond the limits.
pub fn probe(original: &[u8], limits: &Limits) -> Result<Probe, Error> {
    let opened = open(original, limits)?;
    let (mut width, mut height) = opened.decoder.dimensions();
    if turns_sideways(opened.orientation) {
        (width, height) = (height, width);
    }
    Ok(Probe {
        format: opened.format,
        width,
        height,
    })
}

pub(crate) fn open<'a>(original: &'a [u8], limits: &Limits) -> Result<Opened<'a>, Error> {
    let format = sniff(original).ok_or(Error::NotAnImage)?;
    let mut reader = ImageReader::with_format(Cursor::new(original), as_image_format(format));
    reader.limits(limits.for_decoder());
    let mut decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    limits.check(width, height)?;
    // A damaged EXIF block is no reason to show nothing.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    Ok(Opened {
        decoder: Box::new(decoder),
        format,
        orientation,
    })
}

/// The format by its signature (WHATWG MIME Sniffing §6.1).
fn sniff(bytes: &[u8]) -> Option<Format> {
    match bytes {
        [0xff, 0xd8, 0xff, ..] => Some(Format::Jpeg),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Format::Png),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Format::Gif),
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'E',
            b'B',
            b'P',
            ..,
        ] => Some(Format::WebP),
        _ => None,
    }
}

fn as_image_format(format: Format) -> ImageFormat {
    match format {
        Format::Jpeg => ImageFormat::Jpeg,
        Format::Png => ImageFormat::Png,
        Format::Gif => ImageFormat::Gif,
        Format::WebP => ImageFormat::WebP,
        Format::Avif => ImageFormat::Avif,
    }
}

fn turns_sideways(orientation: Orientation) -> bool {
    matches!(
        orientation,
        Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_image_is_told_so() {
        for bytes in [
            &b""[..],
            b"\xff\xd8",
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            b"RIFF\0\0\0\0WAVE",
        ] {
            assert!(matches!(
                probe(bytes, &Limits::default()),
                Err(Error::NotAnImage)
            ));
        }
    }
}
