//! JPEG: Huffman tables made for the picture, progressive unless told otherwise.

use crate::error::Error;
use crate::pixels::{Layout, Pixels};
use crate::quality::Chroma;
use jpeg_write::{Options, Subsampling};

/// From this quality on colour keeps its full resolution, 4:4:4; below it is halved, 4:2:0. libgd, and with it nginx,
/// changes at the same one.
const FULL_CHROMA_QUALITY: u8 = 90;

/// `pixels` have no alpha.
pub(super) fn encode(
    pixels: &Pixels,
    quality: u8,
    progressive: bool,
    chroma: Chroma,
) -> Result<Vec<u8>, Error> {
    let bytes = pixels.bytes();
    let source = match pixels.layout() {
        Layout::Grey => jpeg_write::Pixels::Grey(bytes),
        Layout::Rgb => jpeg_write::Pixels::Rgb(bytes),
        other => return Err(Error::Encode(format!("{other:?} as JPEG"))),
    };
    let options = Options {
        quality,
        progressive,
        subsampling: match chroma {
            Chroma::Full => Subsampling::Full,
            Chroma::Other if quality >= FULL_CHROMA_QUALITY => Subsampling::Full,
            Chroma::Halved | Chroma::Other => Subsampling::Halved,
        },
    };
    let (width, height) = (pixels.width(), pixels.height());
    jpeg_write::encode(source, width, height, &options).map_err(|error| match error {
        jpeg_write::Error::Size { width, height } => Error::ResultTooLarge {
            width,
            height,
            reason: "the sides of a JPEG end at 65,535",
        },
        other => Error::encode(other),
    })
}
