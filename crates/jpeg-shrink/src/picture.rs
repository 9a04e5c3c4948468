//! The plan of a decode at one scale, and the picture that grows line by line.

use crate::{
    colour::Conversion,
    frame::Frame,
    header::Colour,
    plane::Plane,
    reduce::{Reduction, side},
    upsample::Upsampling,
};

/// How much smaller than the file the picture shall be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scale {
    /// As stored.
    Full,
    /// Half the width and height.
    Half,
    /// A quarter.
    Quarter,
    /// An eighth: one pixel for each block, from its mean alone. Chroma that is stored at half the size (4:2:0) is
    /// shown so, where libjpeg reads more of it: of nineteen photographs eighteen are within 40 dB of libjpeg's, one
    /// with fine colours within 36. Shrunk by another half, nothing of that is left.
    Eighth,
}

impl Scale {
    /// What width and height are divided by: 1, 2, 4 or 8.
    pub const fn denominator(self) -> u32 {
        match self {
            Self::Full => 1,
            Self::Half => 2,
            Self::Quarter => 4,
            Self::Eighth => 8,
        }
    }

    /// A side of the shrunk picture for one of the whole: divided and rounded up, as libjpeg does.
    pub const fn shrink(self, side: u32) -> u32 {
        side.div_ceil(self.denominator())
    }
}

/// The pixels of a [`Picture`], line after line without gaps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pixels {
    /// One byte a pixel.
    Grey(Vec<u8>),
    /// Three bytes a pixel, in the file's own RGB space (sRGB unless a profile says otherwise).
    Rgb(Vec<u8>),
    /// Four bytes a pixel: 0 is no ink, 255 full ink. Files store the inverse, which is undone.
    Cmyk(Vec<u8>),
}

/// A decoded picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Width in pixels, the file's divided by the scale's denominator and rounded up.
    pub width: u32,
    /// Height in pixels, likewise.
    pub height: u32,
    /// The pixels.
    pub pixels: Pixels,
    /// Whether the file ended early or was damaged where it was read, so that parts are grey or coarse. What is not
    /// read at a scale is not seen to be damaged.
    pub truncated: bool,
}

/// How a frame is decoded at one scale.
#[derive(Debug)]
pub(crate) struct Plan {
    pub scale: Scale,
    /// One for each component.
    pub reductions: Vec<Reduction>,
}

impl Plan {
    pub(crate) fn new(frame: &Frame, colour: Colour, scale: Scale) -> Self {
        let wanted = 8 / scale.denominator() as usize;
        let reductions = frame
            .components
            .iter()
            .enumerate()
            .map(|(index, component)| {
                let chroma =
                    matches!(colour, Colour::YCbCr | Colour::Ycck) && matches!(index, 1 | 2);
                Reduction::new(
                    side(wanted, component.h, frame.h_max, chroma),
                    side(wanted, component.v, frame.v_max, chroma),
                )
            })
            .collect();
        Self { scale, reductions }
    }

    /// Room for the samples of all components: `whole` ones, or one MCU row of each.
    pub(crate) fn planes(&self, frame: &Frame, whole: bool) -> Vec<Plane> {
        let rows = if whole { frame.mcus.1 } else { 1 };
        frame
            .components
            .iter()
            .zip(&self.reductions)
            .map(|(component, reduction)| {
                let (columns, lines) = (
                    component.h * reduction.width,
                    component.v * reduction.height,
                );
                Plane::new(
                    frame.mcus.0 * columns,
                    rows * lines,
                    (frame.width as usize * columns).div_ceil(8 * frame.h_max),
                    (frame.height as usize * lines).div_ceil(8 * frame.v_max),
                )
            })
            .collect()
    }
}

/// The picture in the making: takes the components' lines as they come, and makes pixels of them.
#[derive(Debug)]
pub(crate) struct Canvas {
    width: usize,
    height: usize,
    conversion: Conversion,
    upsamplings: Vec<Upsampling>,
    /// Lines of an MCU row.
    row: usize,
    /// Lines at the end of a row that wait for the next one, 0 or 1.
    delay: usize,
    /// Lines done.
    done: usize,
    pixels: Vec<u8>,
    /// Room for one upsampled line of each component.
    lines: Vec<Vec<u8>>,
    work: Vec<u16>,
}

impl Canvas {
    pub(crate) fn new(frame: &Frame, plan: &Plan, conversion: Conversion) -> Self {
        let wanted = 8 / plan.scale.denominator() as usize;
        let (width, height) = (
            plan.scale.shrink(frame.width) as usize,
            plan.scale.shrink(frame.height) as usize,
        );
        let upsamplings: Vec<_> = frame
            .components
            .iter()
            .zip(&plan.reductions)
            .map(|(component, reduction)| {
                Upsampling::new(
                    (component.h * reduction.width, frame.h_max * wanted),
                    (component.v * reduction.height, frame.v_max * wanted),
                )
            })
            .collect();
        Self {
            width,
            height,
            conversion,
            row: frame.v_max * wanted,
            delay: usize::from(
                upsamplings
                    .iter()
                    .any(|upsampling| upsampling.looks_ahead()),
            ),
            done: 0,
            pixels: vec![0; width * height * conversion.channels()],
            lines: vec![Vec::new(); upsamplings.len()],
            work: Vec::new(),
            upsamplings,
        }
    }

    /// Makes the pixels of MCU row `row`, as far as its lines do not wait for the next one.
    pub(crate) fn paint_row(&mut self, planes: &[Plane], row: usize) {
        self.paint(planes, ((row + 1) * self.row).saturating_sub(self.delay));
    }

    /// Makes the pixels of all lines that are left.
    pub(crate) fn paint_rest(&mut self, planes: &[Plane]) {
        self.paint(planes, self.height);
    }

    fn paint(&mut self, planes: &[Plane], until: usize) {
        let until = until.min(self.height);
        let bytes = self.width * self.conversion.channels();
        let lines = self.pixels.chunks_exact_mut(bytes).enumerate();
        for (y, pixels) in lines.take(until).skip(self.done) {
            let mut components: [&[u8]; 4] = [&[]; 4];
            let sources = planes.iter().zip(&self.upsamplings).zip(&mut self.lines);
            for (component, ((plane, upsampling), line)) in components.iter_mut().zip(sources) {
                *component = upsampling.line(plane, y, self.width, line, &mut self.work);
            }
            let components = components.get(..planes.len()).unwrap_or_default();
            self.conversion.line(components, pixels);
        }
        self.done = self.done.max(until);
    }

    pub(crate) fn finish(self, truncated: bool) -> Picture {
        let pixels = match self.conversion.channels() {
            1 => Pixels::Grey(self.pixels),
            3 => Pixels::Rgb(self.pixels),
            _ => Pixels::Cmyk(self.pixels),
        };
        Picture {
            width: self.width as u32,
            height: self.height as u32,
            pixels,
            truncated,
        }
    }
}

/// The most bytes that decoding a file with this header may hold at once beside the file itself, within a few
/// kilobytes for tables: for admission by memory before a decode.
pub(crate) fn memory(frame: &Frame, plan: &Plan, conversion: Conversion, single_scan: bool) -> u64 {
    let pixels = u64::from(plan.scale.shrink(frame.width))
        * u64::from(plan.scale.shrink(frame.height))
        * conversion.channels() as u64;
    let mut total = pixels;
    for (component, reduction) in frame.components.iter().zip(&plan.reductions) {
        let row = (frame.mcus.0 * component.h * component.v) as u64;
        let blocks = row * frame.mcus.1 as u64;
        let strip = if frame.progressive || single_scan {
            row
        } else {
            blocks
        };
        total += strip * (reduction.width * reduction.height) as u64;
        if frame.progressive {
            let kept = reduction
                .weight
                .iter()
                .filter(|&&weight| weight != 0.0)
                .count() as u64;
            let history = if reduction.last > 0 { 8 } else { 0 };
            total += blocks * (2 * kept + history);
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_are_rounded_up() {
        for (scale, side, expected) in [
            (Scale::Full, 9, 9),
            (Scale::Half, 9, 5),
            (Scale::Quarter, 8, 2),
            (Scale::Eighth, 65_535, 8192),
            (Scale::Eighth, 1, 1),
        ] {
            assert_eq!(scale.shrink(side), expected);
        }
    }
}
