//! Which coefficients a reduced block needs, and how they enter into it.
//!
//! A block of 8x8 samples that is shown at 4x4, 2x2 or 1x1 is the average of its samples over squares of 2x2, 4x4 or
//! 8x8, as in libjpeg (`jidctred.c`). Along one axis the average of the basis function of frequency `u` over groups
//! of samples is again a basis function of the smaller transform, of a frequency `u` folded at the smaller size,
//! times a weight. Half of the frequencies vanish and the high ones weigh little, so that the average is had from the
//! low corner; how far the corner must reach for 45 dB against libjpeg's result is measured, see [`LAST`].
//!
//! Weights, quantiser and the scale of the transform are one factor for each coefficient.

use crate::tables::Quantiser;

/// Zigzag position → row and column of the coefficient (ITU-T T.81, figure A.6), as `8 * row + column`.
pub(crate) const NATURAL: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20,
    13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59,
    52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// The last zigzag position that is used when the longer side of a reduced block is 1, 2, 4, 8.
///
/// With the bare 2x2 and 4x4 corners (positions 4 and 24) the luma of the most detailed of sixteen photographs is at
/// 41 dB from libjpeg's; with these at 50 dB. The frequencies between are folded in (see the module).
const LAST: [(usize, usize); 4] = [(1, 0), (2, 13), (4, 34), (8, 63)];

/// cos(u π / 16)
const COS: [f32; 8] = [
    1.0,
    0.980_785_3,
    0.923_879_5,
    0.831_469_6,
    0.707_106_77,
    0.555_570_24,
    0.382_683_43,
    0.195_090_32,
];

/// 1 / √8, the scale of a one-dimensional transform of length 8.
const SCALE: f32 = 0.353_553_4;

/// Scales of the fast transform of Arai, Agui and Nakajima: 1, then cos(u π / 16) √2.
const AAN: [f32; 8] = [
    1.0,
    1.387_039_8,
    1.306_563,
    1.175_875_6,
    1.0,
    0.785_694_96,
    0.541_196_1,
    0.275_899_4,
];

/// How the blocks of a component are reduced.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reduction {
    /// Sides of the reduced block: 1, 2, 4 or 8 samples each.
    pub width: usize,
    pub height: usize,
    /// The last zigzag position that is used.
    pub last: usize,
    /// For each zigzag position, where the coefficient is added: `height * column + row` of the reduced block's
    /// transform, which is kept transposed.
    pub place: [u8; 64],
    /// For each zigzag position, its weight; 0 for those that are not used.
    pub weight: [f32; 64],
}

impl Reduction {
    pub(crate) fn new(width: usize, height: usize) -> Self {
        let longer = width.max(height);
        let last = LAST
            .iter()
            .find(|(side, _)| *side == longer)
            .map_or(63, |(_, last)| *last);
        let mut reduction = Self {
            width,
            height,
            last,
            place: [0; 64],
            weight: [0.0; 64],
        };
        for (position, &natural) in NATURAL.iter().enumerate().take(last + 1) {
            let (row, column) = (usize::from(natural >> 3), usize::from(natural & 7));
            if let (Some((x, horizontal)), Some((y, vertical))) =
                (fold(column, width), fold(row, height))
            {
                reduction.place[position] = (x * height + y) as u8;
                reduction.weight[position] = horizontal * vertical;
            }
        }
        reduction
    }

    /// What becomes of each coefficient, in zigzag order, with `quantiser` taken into the factors.
    pub(crate) fn taps(&self, quantiser: &Quantiser) -> [Tap; 64] {
        let mut taps = [Tap::default(); 64];
        for (position, tap) in taps.iter_mut().enumerate() {
            tap.factor = self.weight[position] * f32::from(quantiser[position]);
            tap.place = u32::from(self.place[position]);
        }
        taps
    }
}

/// A quantised coefficient times `factor` is added at `place` of the reduced block's transform.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Tap {
    pub factor: f32,
    pub place: u32,
}

/// The frequency of a transform of length `side` that frequency `u` of 8 becomes, and its weight there. `None` where
/// the averages vanish.
fn fold(u: usize, side: usize) -> Option<(usize, f32)> {
    match (side, u) {
        (8, _) => Some((u, AAN[u] * SCALE)),
        (_, 0) => Some((0, SCALE)),
        // Averages of two neighbours: cos(u π / 16). The odd part of the transform of 4 wants cos(π / 8) / 2.
        (4, 1 | 3) => Some((u, 0.5 * COS[2] * COS[u])),
        (4, 5 | 7) => Some((8 - u, -0.5 * COS[2] * COS[u])),
        (4, 2) => Some((2, SCALE * COS[2])),
        (4, 6) => Some((2, -SCALE * COS[6])),
        // Averages of four: cos(u π / 16) cos(u π / 8), folded twice.
        (2, 1) => Some((1, SCALE * COS[1] * COS[2])),
        (2, 3) => Some((1, -SCALE * COS[3] * COS[6])),
        (2, 5) => Some((1, SCALE * COS[5] * COS[6])),
        (2, 7) => Some((1, -SCALE * COS[7] * COS[2])),
        _ => None,
    }
}

/// The side of a component's reduced blocks along one axis, when the picture is shown at `wanted`/8: what libjpeg
/// calls `DCT_scaled_size`, but for each axis by itself. A component that has fewer samples than another, by `factor`
/// to `max`, is reduced less, so that it is not shrunk below the picture's size.
///
/// At 1/8 nothing but the mean of each block of `chroma` is taken: then even a file's AC scans need not be read, and
/// chroma of half the size is what the file had before.
pub(crate) fn side(wanted: usize, factor: usize, max: usize, chroma: bool) -> usize {
    let mut side = wanted;
    while !(wanted == 1 && chroma) && side < 8 && (max * wanted).is_multiple_of(factor * side * 2) {
        side *= 2;
    }
    side
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::idct;

    #[test]
    fn sides_are_those_of_libjpeg() {
        let table = [
            ((8, 2, 2), 8),
            ((8, 1, 2), 8),
            ((4, 2, 2), 4),
            ((4, 1, 2), 8),
            ((2, 1, 2), 4),
            ((2, 1, 4), 8),
            ((4, 1, 3), 4),
            ((2, 3, 4), 2),
            ((1, 1, 2), 2),
            ((1, 1, 1), 1),
        ];
        for ((wanted, factor, max), expected) in table {
            assert_eq!(
                side(wanted, factor, max, false),
                expected,
                "{wanted} {factor}/{max}"
            );
        }
        assert_eq!(side(1, 1, 2, true), 1);
        assert_eq!(side(2, 1, 2, true), 4);
    }

    /// The reduced block by definition: inverse transform in full, then averages.
    fn averages(coefficients: &[f64; 64], width: usize, height: usize) -> Vec<f64> {
        let basis = |x: usize, u: usize| {
            let scale = if u == 0 { 0.125_f64.sqrt() } else { 0.5 };
            scale * ((2 * x + 1) as f64 * u as f64 * std::f64::consts::PI / 16.0).cos()
        };
        let mut sums = vec![0.0; width * height];
        for y in 0..8 {
            for x in 0..8 {
                let mut sample = 0.0;
                for (position, &natural) in NATURAL.iter().enumerate() {
                    let (row, column) = (usize::from(natural >> 3), usize::from(natural & 7));
                    sample += coefficients[position] * basis(x, column) * basis(y, row);
                }
                sums[y * height / 8 * width + x * width / 8] +=
                    sample * (width * height) as f64 / 64.0;
            }
        }
        sums
    }

    #[test]
    fn a_reduced_block_is_the_average_of_the_full_one() {
        for (width, height) in [1, 2, 4, 8]
            .into_iter()
            .flat_map(|w| [1, 2, 4, 8].map(|h| (w, h)))
        {
            let reduction = Reduction::new(width, height);
            for position in 0..=reduction.last {
                let mut coefficients = [0.0; 64];
                coefficients[0] = 80.0;
                coefficients[position] += 300.0;
                let expected = averages(&coefficients, width, height);
                let mut block = [0.0; 64];
                for (k, &value) in coefficients.iter().enumerate() {
                    block[usize::from(reduction.place[k])] += value as f32 * reduction.weight[k];
                }
                let mut samples = [0; 64];
                idct::inverse_any(&block, width, height, &mut samples, width);
                for (index, &mean) in expected.iter().enumerate() {
                    let sample = f64::from(samples[index]);
                    let mean = (mean + 128.0).clamp(0.0, 255.0);
                    assert!(
                        (sample - mean).abs() < 0.51,
                        "{width}x{height} {position}: {sample} {mean}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_lies_beyond_the_last_position_is_ignored() {
        for side in [1, 2, 4] {
            let reduction = Reduction::new(side, side);
            assert!(reduction.weight[reduction.last] != 0.0);
            assert!(
                reduction.weight[reduction.last + 1..]
                    .iter()
                    .all(|&weight| weight == 0.0)
            );
        }
    }
}
