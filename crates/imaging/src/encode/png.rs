//! PNG, in the smallest kind that holds the picture: grey, a palette, or colour, with alpha only where it says something.

use super::palette::{self, Indexed};
use super::translucent;
use crate::container::png::Chunks;
use crate::error::Error;
use crate::pixels::{Layout, Pixels};
use png::{BitDepth, ColorType, DeflateCompression, Encoder, Filter};

/// Deflate's level.
const LEVEL: u8 = 6;

/// That of palettes that were made without dithering, which have long runs.
const FLAT_LEVEL: u8 = 9;

/// With `colours` above 0 the picture may be given a palette of as many where that is smaller; `known` are colours that
/// may suit it.
pub(super) fn encode(
    pixels: &Pixels,
    colours: u16,
    known: Option<&[[u8; 4]]>,
) -> Result<Vec<u8>, Error> {
    let grey = as_grey(pixels);
    let pixels = grey.as_ref().unwrap_or(pixels);
    // Of more than 16 greys each takes a byte, with a palette or without.
    let whole_byte =
        |indexed: &Indexed| pixels.layout() == Layout::Grey && indexed.palette.len() > 16;
    if let Some(indexed) = palette::exact(pixels)
        && !whole_byte(&indexed)
        && (colours == 0 || indexed.palette.len() <= usize::from(colours))
    {
        return encode_indexed(pixels, &indexed, LEVEL);
    }
    let wanted = colours > 0 && (colours < 256 || pixels.layout() != Layout::Grey);
    let dithered = is_opaque_or_not_at_all(pixels);
    let made = || {
        if dithered {
            palette::quantised(pixels, colours)
        } else {
            translucent::quantised(pixels, colours, known)
        }
    };
    if wanted && let Some(indexed) = made() {
        let level = if dithered { LEVEL } else { FLAT_LEVEL };
        let small = encode_indexed(pixels, &indexed, level)?;
        // Dithering does not deflate, so flat areas and gradients may be smaller in all of their colours. Fewer colours
        // than a palette has are only asked for where those were too large.
        if colours < 256 {
            return Ok(small);
        }
        let full = encode_full(pixels)?;
        return Ok(if full.len() <= small.len() {
            full
        } else {
            small
        });
    }
    encode_full(pixels)
}

/// Every pixel with its own colour.
fn encode_full(pixels: &Pixels) -> Result<Vec<u8>, Error> {
    let colour = match pixels.layout() {
        Layout::Grey => ColorType::Grayscale,
        Layout::GreyAlpha => ColorType::GrayscaleAlpha,
        Layout::Rgb => ColorType::Rgb,
        Layout::Rgba => ColorType::Rgba,
        Layout::Cmyk => return Err(Error::Encode("inks as PNG".to_owned())),
    };
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, pixels.width(), pixels.height());
    encoder.set_color(colour);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_deflate_compression(DeflateCompression::Level(LEVEL));
    encoder.set_filter(Filter::Adaptive);
    let mut writer = encoder.write_header().map_err(Error::encode)?;
    writer
        .write_image_data(pixels.bytes())
        .map_err(Error::encode)?;
    writer.finish().map_err(Error::encode)?;
    Ok(bytes)
}

/// The compressed rows of a picture, as they stand in its `IDAT` chunks.
pub(super) fn deflated(pixels: &Pixels) -> Result<Vec<u8>, Error> {
    let file = encode_full(pixels)?;
    let data = Chunks::of_file(&file).filter(|chunk| &chunk.name == b"IDAT");
    Ok(data.flat_map(|chunk| chunk.content).copied().collect())
}

/// A palette's rows are not filtered: neighbouring numbers are no neighbouring colours.
fn encode_indexed(pixels: &Pixels, indexed: &Indexed, level: u8) -> Result<Vec<u8>, Error> {
    let (width, colours) = (pixels.width() as usize, indexed.palette.len());
    let (depth, bits) = match colours {
        0..=2 => (BitDepth::One, 1),
        3..=4 => (BitDepth::Two, 2),
        5..=16 => (BitDepth::Four, 4),
        _ => (BitDepth::Eight, 8),
    };
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, pixels.width(), pixels.height());
    encoder.set_color(ColorType::Indexed);
    encoder.set_depth(depth);
    let rgb: Vec<u8> = indexed
        .palette
        .iter()
        .flat_map(|[r, g, b, _]| [*r, *g, *b])
        .collect();
    encoder.set_palette(rgb);
    let translucent: Vec<u8> = indexed
        .palette
        .iter()
        .map(|colour| colour[3])
        .take_while(|alpha| *alpha < 255)
        .collect();
    if !translucent.is_empty() {
        encoder.set_trns(translucent);
    }
    encoder.set_deflate_compression(DeflateCompression::Level(level));
    encoder.set_filter(Filter::NoFilter);
    let mut writer = encoder.write_header().map_err(Error::encode)?;
    let packed = if bits == 8 {
        None
    } else {
        Some(pack(&indexed.indices, width, bits))
    };
    writer
        .write_image_data(packed.as_ref().unwrap_or(&indexed.indices))
        .map_err(Error::encode)?;
    writer.finish().map_err(Error::encode)?;
    Ok(bytes)
}

/// Several pixels to a byte, the first in the highest bits; each row begins a byte (PNG §7.2).
fn pack(indices: &[u8], width: usize, bits: usize) -> Vec<u8> {
    let per_byte = 8 / bits;
    let mut packed = Vec::with_capacity(indices.len().div_ceil(per_byte));
    for row in indices.chunks(width.max(1)) {
        for group in row.chunks(per_byte) {
            let byte = group
                .iter()
                .enumerate()
                .fold(0, |byte, (at, index)| byte | index << (8 - bits * (at + 1)));
            packed.push(byte);
        }
    }
    packed
}

/// The picture as grey, if it is so in all of its pixels.
fn as_grey(pixels: &Pixels) -> Option<Pixels> {
    let bytes = pixels.bytes();
    let (layout, bytes) = match pixels.layout() {
        Layout::Rgb => {
            let pixels = bytes.as_chunks::<3>().0;
            if !pixels.iter().all(|[r, g, b]| r == g && g == b) {
                return None;
            }
            (Layout::Grey, pixels.iter().map(|pixel| pixel[0]).collect())
        }
        Layout::Rgba => {
            let pixels = bytes.as_chunks::<4>().0;
            if !pixels.iter().all(|[r, g, b, _]| r == g && g == b) {
                return None;
            }
            let grey = pixels.iter().flat_map(|&[grey, _, _, alpha]| [grey, alpha]);
            (Layout::GreyAlpha, grey.collect())
        }
        Layout::Grey | Layout::GreyAlpha | Layout::Cmyk => return None,
    };
    Pixels::new(pixels.width(), pixels.height(), layout, bytes).ok()
}

/// Whether a palette with one transparent colour can stand for the picture: no pixel is in between.
fn is_opaque_or_not_at_all(pixels: &Pixels) -> bool {
    let bytes = pixels.bytes();
    let between = |alpha: u8| (1..255).contains(&alpha);
    let count = match pixels.layout() {
        Layout::GreyAlpha => bytes
            .as_chunks::<2>()
            .0
            .iter()
            .filter(|p| between(p[1]))
            .count(),
        Layout::Rgba => bytes
            .as_chunks::<4>()
            .0
            .iter()
            .filter(|p| between(p[3]))
            .count(),
        Layout::Grey | Layout::Rgb | Layout::Cmyk => 0,
    };
    count == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(png: &[u8]) -> image::DynamicImage {
        image::load_from_memory_with_format(png, image::ImageFormat::Png).unwrap()
    }

    #[test]
    fn few_colours_are_packed_and_come_back() {
        for colours in [1u8, 2, 3, 4, 5, 16, 17, 200] {
            let rgb: Vec<u8> = (0..37 * 11u32)
                .flat_map(|n| {
                    let colour = (n % u32::from(colours)) as u8;
                    [colour, 255 - colour, 7]
                })
                .collect();
            let picture = Pixels::new(37, 11, Layout::Rgb, rgb.clone()).unwrap();
            let png = encode(&picture, 0, None).unwrap();
            assert_eq!(png[25], 3, "a palette");
            assert_eq!(decoded(&png).into_rgb8().into_raw(), rgb);
        }
    }

    #[test]
    fn alpha_comes_back_in_a_palette_and_without() {
        for step in [1u32, 60] {
            let rgba: Vec<u8> = (0..64 * 64u32)
                .flat_map(|n| {
                    [
                        (n / step % 256) as u8,
                        (n / 64) as u8 & 0xf8,
                        3,
                        (n % 64 * 4) as u8 | 3,
                    ]
                })
                .collect();
            let picture = Pixels::new(64, 64, Layout::Rgba, rgba.clone()).unwrap();
            let png = encode(&picture, 0, None).unwrap();
            assert_eq!(decoded(&png).into_rgba8().into_raw(), rgba);
        }
    }

    #[test]
    fn colour_that_is_grey_is_written_as_grey() {
        let rgba: Vec<u8> = (0..256 * 4u32)
            .flat_map(|n| [n as u8, n as u8, n as u8, (n / 4) as u8 | 1])
            .collect();
        let png = encode(&Pixels::new(256, 4, Layout::Rgba, rgba).unwrap(), 0, None).unwrap();
        assert_eq!(png[25], 4, "grey with alpha");
    }

    #[test]
    fn a_palette_is_made_only_where_it_is_allowed_and_smaller() {
        let scattered = |n: u32| {
            let n = (n ^ n >> 7).wrapping_mul(0x9e37_79b1);
            (n ^ n >> 15).wrapping_mul(0x85eb_ca6b).to_be_bytes()
        };
        let rgb: Vec<u8> = (0..64 * 64u32)
            .flat_map(|n| {
                let [a, b, c, _] = scattered(n);
                [a, b, c]
            })
            .collect();
        let picture = Pixels::new(64, 64, Layout::Rgb, rgb).unwrap();
        let (true_colour, palette) = (
            encode(&picture, 0, None).unwrap(),
            encode(&picture, 256, None).unwrap(),
        );
        assert_eq!((true_colour[25], palette[25]), (2, 3));
        assert_eq!(decoded(&palette).into_rgb8().dimensions(), (64, 64));

        let gradient: Vec<u8> = (0..64 * 64u32)
            .flat_map(|n| [(n / 64) as u8 * 3, (n % 64) as u8 * 3, 7])
            .collect();
        let picture = Pixels::new(64, 64, Layout::Rgb, gradient.clone()).unwrap();
        let smaller = encode(&picture, 256, None).unwrap();
        assert_eq!(smaller[25], 2);
        assert_eq!(decoded(&smaller).into_rgb8().into_raw(), gradient);
    }
}
