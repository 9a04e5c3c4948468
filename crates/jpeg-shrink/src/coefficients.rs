//! The coefficients of a progressive file that a reduced size needs, and their transform at the end.

use crate::{
    idct,
    plane::Plane,
    reduce::{Reduction, Tap},
    tables::Quantiser,
};

/// What is kept of a component's coefficients.
#[derive(Debug)]
pub(crate) struct Coefficients<'p> {
    pub reduction: &'p Reduction,
    /// Zigzag position → place in a block's part of `values`; [`NOT_KEPT`] for the rest.
    pub slot: [u8; 64],
    /// Coefficients kept of a block.
    pub kept: usize,
    /// Blocks in a line, with those that only fill up MCUs.
    pub wide: usize,
    pub values: Vec<i16>,
    /// One bit for each zigzag position of each block: whether the coefficient is not zero. Empty if not needed.
    pub history: Vec<u64>,
    /// In force at the component's first scan, as in libjpeg.
    quantiser: Option<Box<Quantiser>>,
}

const NOT_KEPT: u8 = 255;

impl<'p> Coefficients<'p> {
    pub(crate) fn new(reduction: &'p Reduction, wide: usize, blocks: usize, history: bool) -> Self {
        let mut slot = [NOT_KEPT; 64];
        let mut kept = 0;
        for (position, slot) in slot.iter_mut().enumerate() {
            if reduction.weight[position] != 0.0 {
                *slot = kept;
                kept += 1;
            }
        }
        if kept == 64 {
            // Nothing is folded: kept in the order of the transform, they are multiplied by its factors in a row.
            slot = reduction.place;
        }
        let kept = usize::from(kept);
        Self {
            reduction,
            slot,
            kept,
            wide,
            values: vec![0; blocks * kept],
            history: if history { vec![0; blocks] } else { Vec::new() },
            quantiser: None,
        }
    }

    pub(crate) fn latch(&mut self, quantiser: Option<&Quantiser>) {
        if self.quantiser.is_none() {
            self.quantiser = quantiser.map(|quantiser| Box::new(*quantiser));
        }
    }

    /// The kept coefficients of a block.
    #[inline(always)]
    pub(crate) fn block(&mut self, block: usize) -> &mut [i16] {
        let at = block * self.kept;
        self.values.get_mut(at..at + self.kept).unwrap_or_default()
    }

    /// Transforms line `line` of blocks into the plane.
    pub(crate) fn render(&self, line: usize, plane: &mut Plane) {
        let Some(quantiser) = &self.quantiser else {
            return;
        };
        let (width, height) = (self.reduction.width, self.reduction.height);
        let by_position = self.reduction.taps(quantiser);
        let (mut taps, mut factors) = ([Tap::default(); 64], [0.0; 64]);
        for (tap, &slot) in by_position.iter().zip(&self.slot) {
            if slot != NOT_KEPT {
                taps[usize::from(slot & 63)] = *tap;
                factors[usize::from(slot & 63)] = tap.factor;
            }
        }
        let stride = plane.stride();
        let blocks = self
            .values
            .chunks_exact(self.kept)
            .skip(line * self.wide)
            .take(self.wide);
        let samples = plane.from(0, line * height);
        for (values, column) in blocks.zip(0..) {
            let Some(samples) = samples.get_mut(column * width..) else {
                return;
            };
            if values.iter().skip(1).all(|&value| value == 0) {
                let mean = f32::from(values.first().copied().unwrap_or_default()) * factors[0];
                idct::fill(samples, stride, width, height, idct::flat(mean));
                continue;
            }
            let mut block = [0.0; 64];
            if let Ok(values) = <&[i16; 64]>::try_from(values) {
                for ((to, &value), &factor) in block.iter_mut().zip(values).zip(&factors) {
                    *to = f32::from(value) * factor;
                }
            } else {
                for (&value, tap) in values.iter().zip(&taps) {
                    block[tap.place as usize & 63] += f32::from(value) * tap.factor;
                }
            }
            idct::inverse_any(&block, width, height, samples, stride);
        }
    }
}
