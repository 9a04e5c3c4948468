//! What the header of an original says, with the limits checked. No pixel is decoded, and no more memory taken than an
//! embedded profile needs.

mod gif;
mod jpeg;
mod png;
mod webp;

use crate::container::Cursor;
use crate::error::Error;
use crate::geometry::Size;
use crate::limits::Limits;
use crate::orient::Orientation;
use crate::pixels::Layout;
use crate::quality::Written;
use image_url::Format;

/// An original by its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Its format, by its first bytes; a name's extension is not believed.
    pub format: Format,
    /// Width in pixels, as it is to be looked at.
    pub width: u32,
    /// Height in pixels, as it is to be looked at.
    pub height: u32,
    /// Frames; 1 when it is no animation.
    pub frames: u32,
    /// EXIF's orientation, 1 to 8.
    pub orientation: u8,
}

/// All that the steps after this one want to know of an original.
#[derive(Clone, Debug)]
// Facts of a header, none of which depends on another.
#[allow(clippy::struct_excessive_bools)]
pub(crate) struct Header {
    pub(crate) format: Format,
    /// The size of the pixels as they are stored.
    pub(crate) stored: Size,
    /// How they must be turned to be looked at.
    pub(crate) orientation: Orientation,
    pub(crate) frames: u32,
    /// What the decoder will give, before alpha channels that say nothing are dropped.
    pub(crate) layout: Layout,
    /// 16 bits a channel.
    pub(crate) wide: bool,
    /// A progressive JPEG or an interlaced PNG: held whole while it is decoded.
    pub(crate) progressive: bool,
    /// Colours come from a palette.
    pub(crate) palette: bool,
    /// How often an animation is played; `None` is without end.
    pub(crate) plays: Option<u32>,
    /// What a lossy original was written with; of an animation, its first frame.
    pub(crate) written: Option<Written>,
    /// The embedded ICC profile of JPEG, GIF and WebP; that of PNG is compressed and comes with the pixels.
    pub(crate) profile: Option<Vec<u8>>,
}

impl Header {
    fn new(format: Format, width: u32, height: u32, layout: Layout) -> Self {
        Self {
            format,
            stored: Size { width, height },
            orientation: Orientation::default(),
            frames: 1,
            plays: None,
            layout,
            wide: false,
            progressive: false,
            palette: false,
            written: None,
            profile: None,
        }
    }

    /// The size as it is to be looked at.
    pub(crate) fn seen(&self) -> Size {
        self.orientation.size(self.stored)
    }
}

/// Reads the header of an original.
///
/// # Errors
/// When it is no image, of an unsupported kind, damaged, or beyond the limits.
pub fn probe(original: &[u8], limits: &Limits) -> Result<Probe, Error> {
    let header = read_header(original, limits)?;
    let Size { width, height } = header.seen();
    Ok(Probe {
        format: header.format,
        width,
        height,
        frames: header.frames,
        orientation: header.orientation.to_exif(),
    })
}

/// The format of an original by its first bytes, of which 12 are enough.
pub fn format(beginning: &[u8]) -> Option<Format> {
    sniff(beginning).map(|kind| match kind {
        Kind::Jpeg => Format::Jpeg,
        Kind::Png => Format::Png,
        Kind::Gif => Format::Gif,
        Kind::WebP => Format::WebP,
    })
}

pub(crate) fn read_header(original: &[u8], limits: &Limits) -> Result<Header, Error> {
    let header = match sniff(original).ok_or(Error::NotAnImage)? {
        Kind::Jpeg => jpeg::read(original),
        Kind::Png => png::read(original),
        Kind::Gif => gif::read(original),
        Kind::WebP => webp::read(original),
    }?;
    let Size { width, height } = header.stored;
    if width == 0 || height == 0 {
        return Err(Error::Corrupt(format!("its size is {width}x{height}")));
    }
    limits.check(width, height)?;
    Ok(header)
}

enum Kind {
    Jpeg,
    Png,
    Gif,
    WebP,
}

/// The format by its signature (WHATWG MIME Sniffing §6.1).
fn sniff(bytes: &[u8]) -> Option<Kind> {
    if bytes.starts_with(b"\xff\xd8\xff") {
        Some(Kind::Jpeg)
    } else if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        Some(Kind::Png)
    } else if bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a") {
        Some(Kind::Gif)
    } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        Some(Kind::WebP)
    } else {
        None
    }
}

fn ended() -> Error {
    Error::Corrupt("it ends within its header".to_owned())
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

    #[test]
    fn a_signature_alone_is_a_damaged_image() {
        for bytes in [
            &b"\xff\xd8\xff"[..],
            b"\x89PNG\r\n\x1a\n",
            b"GIF89a\x01\0",
            b"RIFF\0\0\0\0WEBPVP8 ",
        ] {
            assert!(matches!(
                probe(bytes, &Limits::default()),
                Err(Error::Corrupt(_))
            ));
        }
    }

    #[test]
    fn a_side_of_nothing_is_damage() {
        let empty = b"GIF89a\0\0\x05\0\0\0\0;";
        assert!(matches!(
            probe(empty, &Limits::default()),
            Err(Error::Corrupt(_))
        ));
    }
}
