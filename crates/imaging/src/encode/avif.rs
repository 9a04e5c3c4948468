//! AVIF with the crate of that name.

use crate::error::Error;
use crate::pixels::{Layout, Pixels};

pub(super) fn encode(pixels: &Pixels, quality: u8) -> Result<Vec<u8>, Error> {
    let bytes = pixels.bytes();
    let picture = match pixels.layout() {
        Layout::Grey => avif::Pixels::Grey(bytes),
        Layout::GreyAlpha => avif::Pixels::GreyAlpha(bytes.as_chunks().0),
        Layout::Rgb => avif::Pixels::Rgb(bytes.as_chunks().0),
        Layout::Rgba => avif::Pixels::Rgba(bytes.as_chunks().0),
        Layout::Cmyk => return Err(Error::Encode("inks as AVIF".to_owned())),
    };
    avif::encode(picture, pixels.width(), pixels.height(), quality).map_err(Error::encode)
}
