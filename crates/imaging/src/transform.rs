//! The way of an original to a picture, as a list of steps.

use crate::colour::to_srgb;
use crate::decode::decode;
use crate::encode::{Encoding, encode};
use crate::error::Error;
use crate::geometry::{Size, plan};
use crate::limits::Limits;
use crate::probe::{open, probe};
use crate::resize::resize;
use crate::rotate::rotate;
use image_url::{Format, Operation, Options, OutputFormat};

/// What holds for all pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Bounds of originals.
    pub limits: Limits,
    /// Defaults of the encoders.
    pub encoding: Encoding,
}

/// A result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// The bytes to send.
    pub bytes: Vec<u8>,
    /// Their media type.
    pub media_type: &'static str,
    /// Width in pixels; for `/size/`, that of the original.
    pub width: u32,
    /// Height in pixels; for `/size/`, that of the original.
    pub height: u32,
    /// The original ends before its picture does, and was shown as far as it goes.
    pub truncated: bool,
}

/// Applies an operation to an original. Orientation is applied first, metadata is stripped, and the format is kept
/// unless the options name another.
///
/// A picture that fits already is encoded anew all the same, so that no metadata leaves with it. `/size/` reads the
/// header only; `/original/` gives the bytes unchanged once their header has proved them an image.
///
/// # Errors
/// When the original is no usable image or beyond the limits.
pub fn transform(
    original: &[u8],
    operation: Operation,
    options: Options,
    settings: &Settings,
) -> Result<Picture, Error> {
    match operation {
        // The description is not made yet; its size is true.
        Operation::Size | Operation::Info => return size(original, settings),
        Operation::Original => return unchanged(original, settings),
        Operation::Resize(_) | Operation::Crop { .. } | Operation::Rotate(_) => {}
    }
    let opened = open(original, &settings.limits)?;
    let format = opened.format;
    let decoded = decode(opened)?;
    let (width, height) = decoded.pixels.dimensions();
    let pixels = resize(decoded.pixels, plan(Size { width, height }, operation))?;
    let pixels = to_srgb(pixels, decoded.profile.as_deref());
    let pixels = match operation {
        Operation::Rotate(rotation) => rotate(pixels, rotation),
        _ => pixels,
    };
    let (width, height) = pixels.dimensions();
    let truncated = format == Format::Jpeg && !ends(original);
    let format = match options.format {
        Some(OutputFormat::Named(format)) => format,
        Some(OutputFormat::Auto) | None => format,
    };
    let bytes = encode(pixels, format, options, settings.encoding)?;
    Ok(Picture {
        bytes,
        media_type: format.media_type(),
        width,
        height,
        truncated,
    })
}

/// nginx: `image_filter size`.
fn size(original: &[u8], settings: &Settings) -> Result<Picture, Error> {
    let probe = probe(original, &settings.limits)?;
    let (width, height) = (probe.width, probe.height);
    let json = format!(
        r#"{{"img":{{"width":{width},"height":{height},"type":"{}"}}}}"#,
        probe.format.name()
    );
    Ok(Picture {
        bytes: json.into_bytes(),
        media_type: "application/json",
        width,
        height,
        truncated: false,
    })
}

fn unchanged(original: &[u8], settings: &Settings) -> Result<Picture, Error> {
    let probe = probe(original, &settings.limits)?;
    let (width, height, media_type) = (probe.width, probe.height, probe.format.media_type());
    Ok(Picture {
        bytes: original.to_vec(),
        media_type,
        width,
        height,
        truncated: false,
    })
}

/// Whether a JPEG has its EOI marker; cameras put other things after it.
fn ends(jpeg: &[u8]) -> bool {
    jpeg.windows(2).rev().any(|marker| marker == [0xff, 0xd9])
}
