//! The quantised coefficients of one component, without the zeros.
//!
//! Most coefficients of a photograph are 0. Kept are, for each block, the mean, a bit for each other place that is not
//! 0, and the values at those places one after the other: less memory than 64 numbers a block, and every scan goes from
//! one value to the next by counting zero bits.

use crate::transform::forward;
use crate::zigzag::{PLACES, TRANSPOSED};

/// A component's blocks, line after line.
#[derive(Debug)]
pub(crate) struct Component {
    /// Blocks of an MCU, along each axis.
    pub factor: usize,
    /// Blocks across and down that show something. Only these are in scans of one component.
    pub wide: usize,
    pub high: usize,
    /// Blocks across with those that fill the last MCU.
    pub stride: usize,
    /// The first coefficient of each block.
    pub means: Vec<i16>,
    /// For each block, bit `k` is whether the coefficient at place `k` of the zigzag is not 0; never bit 0.
    pub places: Vec<u64>,
    /// For each line of blocks, the coefficients at those places.
    pub values: Vec<Box<[i16]>>,
}

impl Component {
    /// For `width` x `height` samples, in `mcus` across and down of `factor` x `factor` blocks.
    pub(crate) fn new(width: usize, height: usize, factor: usize, mcus: (usize, usize)) -> Self {
        let stride = mcus.0 * factor;
        let blocks = stride * mcus.1 * factor;
        Self {
            factor,
            wide: width.div_ceil(8),
            high: height.div_ceil(8),
            stride,
            means: vec![0; blocks],
            places: vec![0; blocks],
            values: Vec::with_capacity(height.div_ceil(8)),
        }
    }

    /// The blocks of line `row` that show something: their means, places, and the values of all.
    pub(crate) fn row(&self, row: usize) -> (&[i16], &[u64], &[i16]) {
        let blocks = row * self.stride..row * self.stride + self.wide;
        (
            self.means.get(blocks.clone()).unwrap_or_default(),
            self.places.get(blocks).unwrap_or_default(),
            self.values.get(row).map_or(&[], |values| values),
        )
    }

    /// Transforms the next line of blocks, from eight lines of samples, `8 * stride` each. `room` is to be used for all
    /// lines.
    pub(crate) fn push_row(
        &mut self,
        samples: &[u8],
        factors: &[[f32; 8]; 8],
        room: &mut Vec<i16>,
    ) {
        room.resize(64 * self.wide, 0);
        let mut lines = samples
            .chunks_exact(8 * self.stride)
            .map(|line| line.as_chunks::<8>().0);
        let lines: [&[[u8; 8]]; 8] = std::array::from_fn(|_| lines.next().unwrap_or_default());
        let first = self.values.len() * self.stride;
        let means = self.means.iter_mut().skip(first);
        let places = self.places.iter_mut().skip(first);
        let mut length = 0;
        for ((x, mean), places) in (0..self.wide).zip(means).zip(places) {
            let block = forward(&lines.map(|line| &line[x]), factors);
            *mean = block[0][0];
            *places = nonzero(&block) & !1;
            if let Some(room) = room.get_mut(length..) {
                length += gather(&block, *places, room);
            }
        }
        self.values
            .push(room.get(..length).unwrap_or_default().into());
    }

    /// Gives the blocks that merely fill MCUs the mean of the one which is written before them, so that they cost next
    /// to nothing.
    pub(crate) fn fill_mcus(&mut self) {
        if self.factor == 1 {
            return;
        }
        let (wide, high) = (self.wide, self.high);
        if wide < self.stride {
            for line in self.means.chunks_exact_mut(self.stride) {
                line[wide] = line[wide - 1];
            }
        }
        if high % 2 == 1 {
            let last = self.means.split_at_mut((high - 1) * self.stride).1;
            let (upper, lower) = last.split_at_mut(self.stride);
            let upper = upper.as_chunks::<2>().0;
            for (lower, &[_, mean]) in lower.as_chunks_mut::<2>().0.iter_mut().zip(upper) {
                *lower = [mean; 2];
            }
        }
    }
}

/// The places of a transposed block that are not 0.
#[inline(always)]
fn nonzero(block: &[[i16; 8]; 8]) -> u64 {
    let mut places = 0;
    for (line, sets) in block.iter().zip(&PLACES) {
        let flags = line.map(|value| u8::from(value != 0));
        // Moves bit 0 of each byte to its place among the upper eight bits; no two products meet elsewhere.
        let set = u64::from_le_bytes(flags).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        places |= sets[set as usize];
    }
    places
}

/// Writes the values at `places` in their order, and returns their number.
#[inline(always)]
fn gather(block: &[[i16; 8]; 8], mut places: u64, to: &mut [i16]) -> usize {
    let Some(to) = to.first_chunk_mut::<64>() else {
        return 0;
    };
    let block = block.as_flattened();
    let mut count = 0;
    while places != 0 {
        let at = usize::from(TRANSPOSED[places.trailing_zeros() as usize & 63]);
        to[count & 63] = block[at & 63];
        count += 1;
        places &= places - 1;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_in_the_order_of_the_zigzag() {
        let mut block = [[0; 8]; 8];
        // Transposed: column, row.
        block[1][0] = 5;
        block[0][1] = -6;
        block[7][7] = 7;
        block[3][4] = 8;
        let places = nonzero(&block);
        assert_eq!(places, 1 << 1 | 1 << 2 | 1 << 63 | 1 << 32);
        let mut values = [0; 64];
        assert_eq!(gather(&block, places, &mut values), 4);
        assert_eq!(values[..4], [5, -6, 8, 7]);
    }

    #[test]
    fn blocks_that_fill_an_mcu_repeat_the_one_before() {
        let mut component = Component::new(17, 17, 2, (2, 2));
        component.means = vec![
            1, 2, 3, 0, //
            4, 5, 6, 0, //
            7, 8, 9, 0, //
            0, 0, 0, 0,
        ];
        component.fill_mcus();
        let expected = [
            1, 2, 3, 3, //
            4, 5, 6, 6, //
            7, 8, 9, 9, //
            8, 8, 9, 9,
        ];
        assert_eq!(component.means, expected);
    }
}
