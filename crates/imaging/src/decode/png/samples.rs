//! Samples of 1 to 16 bits to pixels: palettes and transparent colours expanded (PNG §13.11 and §13.12).

use crate::colour::{Space, Wide};
use crate::container::png::{Colour, ImageHeader, Png};
use crate::error::Error;
use crate::pixels::Layout;

/// What the rows of a PNG mean.
pub(super) struct Samples {
    layout: Layout,
    depth: u8,
    kind: Kind,
}

enum Kind {
    /// Grey or a palette, by the number of the colour: as many bytes as the layout has channels.
    Table(Vec<[u8; 4]>),
    /// 8 bits, as they are.
    Bytes,
    /// 8 bits of which one colour is transparent.
    Keyed([u8; 3]),
    /// 16 bits, or colours that are to be converted.
    Wide {
        wide: Wide,
        /// The transparent colour, in the samples of the file.
        key: Option<Vec<u16>>,
        samples: Vec<u16>,
    },
}

impl Samples {
    /// `space` is heeded where samples must be converted before they have 8 bits. Else its profile is given back, to be
    /// applied to the pixels.
    pub(super) fn new(png: &Png<'_>, space: Space) -> Result<(Self, Option<Vec<u8>>), Error> {
        let ImageHeader { depth, colour, .. } = png.image;
        let key = png.transparency.filter(|_| colour != Colour::Palette);
        let key: Option<Vec<u16>> = key.map(|key| {
            let samples = key.as_chunks::<2>().0.iter();
            samples
                .map(|sample| u16::from_be_bytes(*sample) & (u16::MAX >> (16 - depth)))
                .collect()
        });
        let layout = match (colour, png.transparency.is_some()) {
            (Colour::Grey, false) => Layout::Grey,
            (Colour::Grey, true) | (Colour::GreyAlpha, _) => Layout::GreyAlpha,
            (Colour::Rgb | Colour::Palette, false) => Layout::Rgb,
            (Colour::Rgb | Colour::Palette, true) | (Colour::Rgba, _) => Layout::Rgba,
        };
        let mut profile = None;
        let space = match space {
            Space::Profile(bytes) if depth < 16 => {
                profile = Some(bytes);
                Space::Srgb
            }
            other => other,
        };
        let hdr = matches!(space, Space::Hdr(_));
        let kind = match colour {
            Colour::Palette => Kind::Table(palette(png, space)?),
            Colour::Grey if depth <= 8 => {
                let key = key.as_deref().and_then(|key| key.first().copied());
                Kind::Table(greys(depth, key, space))
            }
            _ if depth == 16 || hdr => Kind::Wide {
                wide: Wide::new(space, layout),
                key,
                samples: Vec::new(),
            },
            _ => match key.as_deref() {
                Some(&[r, g, b]) => Kind::Keyed([r as u8, g as u8, b as u8]),
                _ => Kind::Bytes,
            },
        };
        let samples = Self {
            layout,
            depth,
            kind,
        };
        Ok((samples, profile))
    }

    pub(super) fn layout(&self) -> Layout {
        self.layout
    }

    /// Expands a row of `width` pixels.
    pub(super) fn expand(&mut self, row: &[u8], width: u32, out: &mut [u8]) {
        let channels = self.layout.channels();
        match &mut self.kind {
            Kind::Bytes => {
                if let Some(row) = row.get(..out.len()) {
                    out.copy_from_slice(row);
                }
            }
            Kind::Table(table) => {
                let numbers = numbers(row, self.depth, width as usize);
                for (pixel, number) in out.chunks_exact_mut(channels).zip(numbers) {
                    let colour = table.get(usize::from(number)).unwrap_or(&[0, 0, 0, 255]);
                    pixel.copy_from_slice(colour.get(..channels).unwrap_or_default());
                }
            }
            Kind::Keyed(key) => {
                let pixels = out.as_chunks_mut::<4>().0.iter_mut();
                for (pixel, rgb) in pixels.zip(row.as_chunks::<3>().0) {
                    let [r, g, b] = *rgb;
                    *pixel = [r, g, b, if rgb == key { 0 } else { 255 }];
                }
            }
            Kind::Wide { wide, key, samples } => {
                let (layout, deep) = (self.layout, self.depth == 16);
                samples.clear();
                match key {
                    Some(key) => keyed(row, key, deep, samples),
                    None if deep => samples.extend(
                        row.as_chunks()
                            .0
                            .iter()
                            .map(|sample| u16::from_be_bytes(*sample)),
                    ),
                    None => samples.extend(row.iter().map(|sample| u16::from(*sample) * 257)),
                }
                wide.narrow(samples, layout, out);
            }
        }
    }
}

/// Appends an alpha channel: 0 where a pixel is the key.
fn keyed(row: &[u8], key: &[u16], deep: bool, samples: &mut Vec<u16>) {
    let mut push = |pixel: &[u16]| {
        let scale = if deep { 1 } else { 257 };
        samples.extend(pixel.iter().map(|sample| sample * scale));
        samples.push(if pixel == key { 0 } else { u16::MAX });
    };
    let mut pixel = Vec::with_capacity(key.len());
    if deep {
        for stored in row.chunks_exact(key.len() * 2) {
            pixel.clear();
            pixel.extend(stored.as_chunks().0.iter().map(|s| u16::from_be_bytes(*s)));
            push(&pixel);
        }
    } else {
        for stored in row.chunks_exact(key.len()) {
            pixel.clear();
            pixel.extend(stored.iter().map(|sample| u16::from(*sample)));
            push(&pixel);
        }
    }
}

/// Samples of 1, 2, 4 or 8 bits, the first in the highest bits of a byte (§7.2).
fn numbers(row: &[u8], depth: u8, width: usize) -> impl Iterator<Item = u8> {
    let (bits, mask) = (usize::from(depth), u8::MAX >> (8 - depth));
    (0..width).map(move |at| {
        let byte = row.get(at * bits / 8).copied().unwrap_or_default();
        byte >> (8 - bits - at * bits % 8) & mask
    })
}

/// Numbers beyond the palette are black, as in libpng.
fn palette(png: &Png<'_>, space: Space) -> Result<Vec<[u8; 4]>, Error> {
    let (colours, rest) = png.palette.as_chunks::<3>();
    if colours.is_empty() || !rest.is_empty() || colours.len() > 256 {
        return Err(Error::Corrupt("no palette".to_owned()));
    }
    let tone = match space {
        Space::Hdr(tone) => Some(tone),
        Space::Srgb | Space::Profile(_) => None,
    };
    let alphas = png.transparency.unwrap_or_default().iter().copied();
    let table = colours.iter().zip(alphas.chain(std::iter::repeat(255)));
    Ok(table
        .map(|(&colour, alpha)| {
            let [r, g, b] = match &tone {
                Some(tone) => tone.pixel(colour.map(|sample| u16::from(sample) * 257)),
                None => colour,
            };
            [r, g, b, alpha]
        })
        .collect())
}

/// Grey and alpha of each value.
fn greys(depth: u8, key: Option<u16>, space: Space) -> Vec<[u8; 4]> {
    let most = u8::MAX >> (8 - depth);
    let tone = match space {
        Space::Hdr(tone) => Some(tone),
        Space::Srgb | Space::Profile(_) => None,
    };
    (0..=most)
        .map(|value| {
            // 255 is a multiple of every largest value.
            let scaled = value * (255 / most);
            let grey = match &tone {
                Some(tone) => tone.pixel([u16::from(scaled) * 257; 3])[1],
                None => scaled,
            };
            let alpha = if key == Some(value.into()) { 0 } else { 255 };
            [grey, alpha, 0, 0]
        })
        .collect()
}
