//! Pixels to bytes in a format, without any metadata.

mod apng;
mod avif;
mod budget;
mod gif;
mod jpeg;
mod palette;
mod png;
mod translucent;
mod webp;

use crate::check::Check;
use crate::error::Error;
use crate::pixels::Pixels;
use crate::quality::Chroma;
use image_url::Format;
use serde::{Deserialize, Serialize};

pub(crate) use apng::PngAnimation;
pub(crate) use budget::TRIES;
pub(crate) use gif::GifAnimation;
pub(crate) use palette::translucent_colours;
pub(crate) use webp::{MAX_SIDE as WEBP_MAX_SIDE, WebPAnimation, is_large as is_large_webp};

/// Defaults of the encoders, where the URL is silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Encoding {
    /// Quality of JPEG, 1 to 100 (nginx: `image_filter_jpeg_quality`).
    pub jpeg_quality: u8,
    /// Quality of WebP, 1 to 100 (nginx: `image_filter_webp_quality`).
    pub webp_quality: u8,
    /// Quality of AVIF, 1 to 100, on the scale of libavif.
    pub avif_quality: u8,
    /// Whether JPEG is progressive (nginx: `image_filter_interlace`).
    pub progressive: bool,
}

impl Default for Encoding {
    fn default() -> Self {
        Self {
            jpeg_quality: 95,
            webp_quality: 80,
            avif_quality: 65,
            progressive: true,
        }
    }
}

/// What is to be written.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) format: Format,
    /// 1 to 100; PNG and GIF have none.
    pub(crate) quality: u8,
    pub(crate) progressive: bool,
    /// The resolution of a JPEG's colour; by its quality where it is another.
    pub(crate) chroma: Chroma,
    /// Every pixel as it is. WebP only: PNG always is, the others cannot be.
    pub(crate) lossless: bool,
    /// The largest file wanted. Quality, or the number of colours, is lowered until it fits or cannot be lowered further.
    pub(crate) max_bytes: Option<usize>,
    /// The original's colours were those of a palette: a PNG may be given one of 256 colours, as nginx does.
    pub(crate) palette: bool,
    /// The colours of an indexed original with alpha, where they are known: they often suit the result.
    pub(crate) colours: Option<Vec<[u8; 4]>>,
}

/// Writes a picture. The formats without alpha are given what has none. `check` is asked before each try for a budget
/// of bytes.
pub(crate) fn encode(pixels: Pixels, target: &Target, check: &Check<'_>) -> Result<Vec<u8>, Error> {
    let quality = target.quality;
    match target.format {
        Format::Jpeg => budget::by_quality(quality, target.max_bytes, |quality| {
            check.go_on()?;
            jpeg::encode(&pixels, quality, target.progressive, target.chroma)
        }),
        Format::WebP => {
            let pixels = pixels.into_colour();
            if target.lossless {
                return webp::encode(&pixels, quality, true);
            }
            budget::by_quality(quality, target.max_bytes, |quality| {
                check.go_on()?;
                webp::encode(&pixels, quality, false)
            })
        }
        Format::Png => {
            let pixels = pixels.without_idle_alpha();
            let colours = if target.palette { 256 } else { 0 };
            budget::by_colours(colours, target.max_bytes, |colours| {
                check.go_on()?;
                png::encode(&pixels, colours, target.colours.as_deref())
            })
        }
        Format::Gif => budget::by_colours(256, target.max_bytes, |colours| {
            check.go_on()?;
            gif::encode(&pixels, colours)
        }),
        Format::Avif => budget::by_quality(quality, target.max_bytes, |quality| {
            check.go_on()?;
            avif::encode(&pixels, quality)
        }),
    }
}
