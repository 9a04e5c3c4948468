//! Samples of 1 to 16 bits to pixels: palettes and transparent colours expanded (PNG §13.11 and §13.12).

use crate::colour::{Space, Wide};
use crate::container::png::{Colour, ImageHeader, Png};
use crate::error::Error;
use crate::pixels::Layout;

/// Colours by their numbers.
type Table = [[u8; 4]; 256];

/// What the rows of a PNG mean.
pub(super) struct Samples {
    layout: Layout,
    depth: u8,
    kind: Kind,
}

enum Kind {
    /// Grey or a palette, by the number of the colour: the first channels of it.
    Table(Box<Table>),
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
            Colour::Grey if depth == 8 && key.is_none() && !hdr => Kind::Bytes,
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
                let (depth, width) = (self.depth, width as usize);
                match channels {
                    1 => look_up::<1>(table, row, depth, width, out),
                    2 => look_up::<2>(table, row, depth, width, out),
                    3 => look_up::<3>(table, row, depth, width, out),
                    _ => look_up::<4>(table, row, depth, width, out),
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

/// Puts the colours of a row to their places. Samples have 1, 2, 4 or 8 bits, the first in the highest of a byte (§7.2).
fn look_up<const N: usize>(table: &Table, row: &[u8], depth: u8, width: usize, out: &mut [u8]) {
    let colour = |number: u8| -> [u8; N] {
        let colour = &table[usize::from(number)];
        std::array::from_fn(|channel| colour.get(channel).copied().unwrap_or_default())
    };
    let pixels = out.as_chunks_mut::<N>().0.iter_mut();
    if depth == 8 {
        for (pixel, number) in pixels.zip(row) {
            *pixel = colour(*number);
        }
        return;
    }
    let (bits, mask) = (usize::from(depth), u8::MAX >> (8 - depth));
    for (pixel, at) in pixels.zip((0..width).map(|at| at * bits)) {
        let byte = row.get(at / 8).copied().unwrap_or_default();
        *pixel = colour(byte >> (8 - bits - at % 8) & mask);
    }
}

/// Numbers beyond the palette are black, as in libpng.
fn palette(png: &Png<'_>, space: Space) -> Result<Box<Table>, Error> {
    let (colours, rest) = png.palette.as_chunks::<3>();
    if colours.is_empty() || !rest.is_empty() || colours.len() > 256 {
        return Err(Error::Corrupt("no palette".to_owned()));
    }
    let tone = match space {
        Space::Hdr(tone) => Some(tone),
        Space::Srgb | Space::Profile(_) => None,
    };
    let alphas = png.transparency.unwrap_or_default().iter().copied();
    let mut table = Box::new([[0, 0, 0, 255]; 256]);
    let stored = colours.iter().zip(alphas.chain(std::iter::repeat(255)));
    for (entry, (&colour, alpha)) in table.iter_mut().zip(stored) {
        let [r, g, b] = match &tone {
            Some(tone) => tone.pixel(colour.map(|sample| u16::from(sample) * 257)),
            None => colour,
        };
        *entry = [r, g, b, alpha];
    }
    Ok(table)
}

/// Grey and alpha of each value.
fn greys(depth: u8, key: Option<u16>, space: Space) -> Box<Table> {
    let most = u8::MAX >> (8 - depth);
    let tone = match space {
        Space::Hdr(tone) => Some(tone),
        Space::Srgb | Space::Profile(_) => None,
    };
    let mut table = Box::new([[0, 255, 0, 0]; 256]);
    for (value, entry) in (0..=most).zip(table.iter_mut()) {
        // 255 is a multiple of every largest value.
        let scaled = value * (255 / most);
        let grey = match &tone {
            Some(tone) => tone.pixel([u16::from(scaled) * 257; 3])[1],
            None => scaled,
        };
        let alpha = if key == Some(value.into()) { 0 } else { 255 };
        *entry = [grey, alpha, 0, 0];
    }
    table
}
