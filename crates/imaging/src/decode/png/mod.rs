//! PNG: 1 to 16 bits, palettes and transparent colours expanded, interlaced ones as far as their passes go. Rows behind
//! damage or the end of the file are missing, as in libpng. Frames of an APNG are composed here.

mod adam7;
mod frames;
mod rows;
mod samples;
mod unfilter;

use super::Decoded;
use crate::colour;
use crate::container::png::{Data, ImageHeader, Png};
use crate::error::Error;
use crate::geometry::Size;
use crate::pixels::{Pixels, length};
use crate::probe::Header;
use crate::shrink::Shrink;
use adam7::PASSES;
use rows::Rows;
use samples::Samples;

pub(super) use frames::PngFrames;

/// The default image; of an animation of one frame which that is not, the frame, as in browsers.
pub(super) fn decode(original: &[u8], header: &Header) -> Result<Decoded, Error> {
    let png = Png::read(original)?;
    if header.frames == 1
        && !png.shows_default()
        && let Some(animation) = png.animation()
        && let Ok(Some(decoded)) = PngFrames::of(&png, animation)?.first()
    {
        return Ok(decoded);
    }
    let (mut samples, profile) = Samples::new(&png, colour::space(&png.signals))?;
    let drawn = draw(&png.image, png.data(), png.image.size, &mut samples)?;
    let whole = drawn.whole && !png.damaged && drawn.data.ends_well();
    Ok(Decoded {
        pixels: drawn.pixels.without_idle_alpha(),
        profile,
        shrink: Shrink::Full,
        truncated: !whole,
    })
}

/// An image, or a frame, as it is stored.
struct Drawn<'a> {
    pixels: Pixels,
    /// Some pixels are missing.
    cut: bool,
    /// None are, and the compressed data end as they should.
    whole: bool,
    /// What is behind the data.
    data: Data<'a>,
}

/// What is missing where there is no alpha: grey, as in a JPEG.
const MISSING: u8 = 128;

/// Decodes the data of an image. Behind the last row that is there, pixels are transparent, or grey where they cannot
/// be.
fn draw<'a>(
    image: &ImageHeader,
    data: Data<'a>,
    size: Size,
    samples: &mut Samples,
) -> Result<Drawn<'a>, Error> {
    let layout = samples.layout();
    let bytes = length(size.width, size.height, layout)
        .ok_or_else(|| Error::Corrupt("larger than memory".to_owned()))?;
    let mut pixels = Pixels::new(size.width, size.height, layout, vec![0; bytes])?;
    let step = (image.samples() * usize::from(image.depth) / 8).max(1);
    let mut rows = Rows::new(data, image.row(size.width), step);
    let missing = if layout.has_alpha() { 0 } else { MISSING };
    let (done, cut) = if image.interlaced {
        passes(image, &mut rows, &mut pixels, samples, missing)
    } else {
        straight(image, &mut rows, &mut pixels, samples, missing)
    };
    if done == 0 {
        return Err(Error::Corrupt("it ends before its first row".to_owned()));
    }
    let (well, data) = rows.end();
    Ok(Drawn {
        pixels,
        cut,
        whole: well && !cut,
        data,
    })
}

/// Row by row from the top. Returns how many there are, and whether any are missing.
fn straight(
    image: &ImageHeader,
    rows: &mut Rows<'_>,
    pixels: &mut Pixels,
    samples: &mut Samples,
    missing: u8,
) -> (u32, bool) {
    let (width, height, stride) = (pixels.width(), pixels.height(), pixels.stride());
    let stored = image.row(width);
    let mut targets = pixels.bytes_mut().chunks_exact_mut(stride);
    let mut done = 0;
    for target in targets.by_ref() {
        let Some(row) = rows.next(stored) else {
            target.fill(missing);
            break;
        };
        samples.expand(row, width, target);
        done += 1;
    }
    if missing != 0 {
        targets.for_each(|target| target.fill(missing));
    }
    (done, done < height)
}

/// Pass by pass.
fn passes(
    image: &ImageHeader,
    rows: &mut Rows<'_>,
    pixels: &mut Pixels,
    samples: &mut Samples,
    missing: u8,
) -> (u32, bool) {
    let whole = Size {
        width: pixels.width(),
        height: pixels.height(),
    };
    let channels = pixels.layout().channels();
    let mut expanded = vec![0; pixels.stride()];
    let mut done = 0;
    for (number, pass) in PASSES.iter().enumerate() {
        let size = pass.size(whole);
        if size.width == 0 {
            continue;
        }
        rows.begin_pass();
        for y in 0..size.height {
            let Some(row) = rows.next(image.row(size.width)) else {
                if done > 0 {
                    adam7::fill_blocks(pixels, number, y, missing);
                }
                return (done, true);
            };
            let target = expanded
                .get_mut(..size.width as usize * channels)
                .unwrap_or_default();
            samples.expand(row, size.width, target);
            pass.scatter(pixels, y, target);
            done += 1;
        }
    }
    (done, false)
}
