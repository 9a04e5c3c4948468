//! Pictures of at most 256 colours: found where they are so already, made where they are wanted so.

use crate::pixels::{Layout, Pixels};
use quantette::deps::palette::Srgb;
use quantette::dither::FloydSteinberg;
use quantette::kmeans::KmeansOptions;
use quantette::{ImageRef, PaletteSize, Pipeline, QuantizeMethod};

/// A picture by the numbers of its colours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Indexed {
    /// RGBA, at most 256; those that are not opaque come first.
    pub(crate) palette: Vec<[u8; 4]>,
    pub(crate) indices: Vec<u8>,
}

/// The palette of a picture that has at most 256 colours. Most photographs are known not to within their first rows.
pub(crate) fn exact(pixels: &Pixels) -> Option<Indexed> {
    let mut table = Table::new();
    let mut indices = Vec::with_capacity(pixels.width() as usize * pixels.height() as usize);
    match pixels.layout() {
        Layout::Rgb => {
            for &[r, g, b] in pixels.bytes().as_chunks::<3>().0 {
                indices.push(table.index([r, g, b, 255])?);
            }
        }
        Layout::Rgba => {
            for &[r, g, b, alpha] in pixels.bytes().as_chunks::<4>().0 {
                // What is not seen has no colour of its own.
                let colour = if alpha == 0 { [0; 4] } else { [r, g, b, alpha] };
                indices.push(table.index(colour)?);
            }
        }
        Layout::Grey => {
            for &grey in pixels.bytes() {
                indices.push(table.index([grey, grey, grey, 255])?);
            }
        }
        Layout::GreyAlpha => {
            for &[grey, alpha] in pixels.bytes().as_chunks::<2>().0 {
                let grey = if alpha == 0 { 0 } else { grey };
                indices.push(table.index([grey, grey, grey, alpha])?);
            }
        }
        Layout::Cmyk => return None,
    }
    Some(table.sorted(indices))
}

/// The colours of an image, if they are at most 256 and some are translucent.
pub(crate) fn translucent_colours(pixels: &Pixels) -> Option<Vec<[u8; 4]>> {
    let mut table = Table::new();
    match pixels.layout() {
        Layout::Rgba => {
            for &[r, g, b, alpha] in pixels.bytes().as_chunks::<4>().0 {
                table.index(if alpha == 0 { [0; 4] } else { [r, g, b, alpha] })?;
            }
        }
        Layout::Grey | Layout::GreyAlpha | Layout::Rgb | Layout::Cmyk => return None,
    }
    Some(table.colours)
}

/// Colours by the order in which they came, found by hashing.
struct Table {
    slots: Vec<u16>,
    colours: Vec<[u8; 4]>,
    last: Option<([u8; 4], u8)>,
}

impl Table {
    const SLOTS: usize = 1024;

    fn new() -> Self {
        Self {
            slots: vec![u16::MAX; Self::SLOTS],
            colours: Vec::with_capacity(256),
            last: None,
        }
    }

    /// The number of a colour, or `None` if it is the 257th.
    fn index(&mut self, colour: [u8; 4]) -> Option<u8> {
        if let Some((last, index)) = self.last
            && last == colour
        {
            return Some(index);
        }
        let hash = u32::from_le_bytes(colour).wrapping_mul(0x9e37_79b1) >> 22;
        let mut slot = hash as usize;
        let index = loop {
            let held = self.slots.get_mut(slot)?;
            if *held == u16::MAX {
                let index = u8::try_from(self.colours.len()).ok()?;
                *held = index.into();
                self.colours.push(colour);
                break index;
            }
            if self.colours.get(usize::from(*held)) == Some(&colour) {
                break *held as u8;
            }
            slot = (slot + 1) % Self::SLOTS;
        };
        self.last = Some((colour, index));
        Some(index)
    }

    /// Translucent colours first, so that PNG's `tRNS` is short; otherwise by value, which is the same for the same picture.
    fn sorted(self, mut indices: Vec<u8>) -> Indexed {
        let mut order: Vec<usize> = (0..self.colours.len()).collect();
        order.sort_by_key(|&index| {
            let [r, g, b, alpha] = self.colours.get(index).copied().unwrap_or_default();
            (alpha == 255, r, g, b, alpha)
        });
        let mut places = [0u8; 256];
        for (place, &index) in order.iter().enumerate() {
            if let Some(slot) = places.get_mut(index) {
                *slot = place as u8;
            }
        }
        for index in &mut indices {
            *index = places.get(usize::from(*index)).copied().unwrap_or_default();
        }
        let palette = order
            .iter()
            .filter_map(|&index| self.colours.get(index).copied())
            .collect();
        Indexed { palette, indices }
    }
}

/// Pixels by which a palette is refined, which bounds the time it takes to some 10 ms.
const MAX_SAMPLES: u32 = 1 << 16;

/// A palette of at most `colours` that suits the picture, dithered. What is less than half opaque becomes transparent, and
/// the rest opaque: one bit is all that GIF has.
pub(crate) fn quantised(pixels: &Pixels, colours: u16) -> Option<Indexed> {
    let transparent = transparent(pixels);
    let any = transparent.contains(&true);
    let colours = colours.clamp(2, 256) - u16::from(any);
    // Transparent pixels take the colour of a neighbour, so that they ask for none of their own.
    let mut last = Srgb::new(0, 0, 0);
    let mut colour = |hidden: bool, seen: Srgb<u8>| {
        if !hidden {
            last = seen;
        }
        last
    };
    let hidden = transparent.iter().copied();
    let bytes = pixels.bytes();
    let rgb: Vec<Srgb<u8>> = match pixels.layout() {
        Layout::Grey => bytes.iter().map(|&g| Srgb::new(g, g, g)).collect(),
        Layout::Rgb => {
            let pixels = bytes.as_chunks::<3>().0.iter();
            pixels.map(|&[r, g, b]| Srgb::new(r, g, b)).collect()
        }
        Layout::GreyAlpha => hidden
            .zip(bytes.as_chunks::<2>().0)
            .map(|(hidden, &[g, _])| colour(hidden, Srgb::new(g, g, g)))
            .collect(),
        Layout::Rgba => hidden
            .zip(bytes.as_chunks::<4>().0)
            .map(|(hidden, &[r, g, b, _])| colour(hidden, Srgb::new(r, g, b)))
            .collect(),
        Layout::Cmyk => return None,
    };
    let image = ImageRef::new(pixels.width(), pixels.height(), &rgb[..]).ok()?;
    // Wu's palette alone scores 5 to 7 points of SSIMULACRA2 less.
    let refined = KmeansOptions::new().max_samples(MAX_SAMPLES);
    let (palette, mut indices) = Pipeline::new()
        .palette_size(PaletteSize::try_from(colours).ok()?)
        .quantize_method(QuantizeMethod::Kmeans(refined))
        .ditherer(FloydSteinberg::new())
        .input_image(image)
        .output_srgb8_indexed_image()
        .into_parts();
    let mut palette: Vec<[u8; 4]> = palette
        .iter()
        .map(|colour| [colour.red, colour.green, colour.blue, 255])
        .collect();
    if any {
        palette.insert(0, [0; 4]);
        for (index, hidden) in indices.iter_mut().zip(transparent) {
            *index = if hidden { 0 } else { index.saturating_add(1) };
        }
    }
    Some(Indexed { palette, indices })
}

/// Which pixels are less than half opaque; empty where there is no alpha.
fn transparent(pixels: &Pixels) -> Vec<bool> {
    let bytes = pixels.bytes();
    match pixels.layout() {
        Layout::GreyAlpha => bytes
            .as_chunks::<2>()
            .0
            .iter()
            .map(|p| p[1] < 128)
            .collect(),
        Layout::Rgba => bytes
            .as_chunks::<4>()
            .0
            .iter()
            .map(|p| p[3] < 128)
            .collect(),
        Layout::Grey | Layout::Rgb | Layout::Cmyk => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_colours_are_found_and_many_are_not() {
        let bytes = [[9, 9, 9, 255], [1, 2, 3, 0], [4, 4, 4, 9], [7, 7, 7, 0]].concat();
        let few = exact(&Pixels::new(4, 1, Layout::Rgba, bytes).unwrap()).unwrap();
        assert_eq!(few.palette, [[0; 4], [4, 4, 4, 9], [9, 9, 9, 255]]);
        assert_eq!(few.indices, [2, 0, 1, 0]);
        let many: Vec<u8> = (0..257u16)
            .flat_map(|n| [n as u8, (n >> 8) as u8, 0])
            .collect();
        assert!(exact(&Pixels::new(257, 1, Layout::Rgb, many.clone()).unwrap()).is_none());
        let fitting = many[..256 * 3].to_vec();
        let all = exact(&Pixels::new(256, 1, Layout::Rgb, fitting).unwrap()).unwrap();
        assert_eq!(all.palette.len(), 256);
    }

    #[test]
    fn a_made_palette_is_near_the_picture_and_keeps_its_holes() {
        let bytes: Vec<u8> = (0..64u8)
            .flat_map(|y| {
                (0..64u8).flat_map(move |x| [x * 4, y * 4, 128, if x < 9 { 0 } else { 255 }])
            })
            .collect();
        let picture = Pixels::new(64, 64, Layout::Rgba, bytes).unwrap();
        let made = quantised(&picture, 256).unwrap();
        assert!(made.palette.len() <= 256);
        let mut error = 0;
        for (pixel, index) in picture.bytes().as_chunks::<4>().0.iter().zip(&made.indices) {
            let colour = made.palette[usize::from(*index)];
            assert_eq!(colour[3], pixel[3]);
            if pixel[3] == 255 {
                error += pixel
                    .iter()
                    .zip(colour)
                    .map(|(a, b)| u32::from(a.abs_diff(b)))
                    .sum::<u32>();
            }
        }
        assert!(error / (64 * 55) < 20, "{error}");
        assert_eq!(quantised(&picture, 256).unwrap(), made);
    }
}
