//! Inverse transforms of 8, 4, 2 and 1 along each axis, in single precision.
//!
//! Floats are used because they are exact enough (24 bits), the same everywhere (only additions and multiplications,
//! which IEEE 754 defines to the bit), and because SSE2 multiplies four at once, which it cannot do with 32-bit integers.

/// `N` vectors of `L` numbers each: the columns of a block, or its rows.
type Lanes<const N: usize, const L: usize> = [[f32; L]; N];

/// The inverse transform of length `N`, of `L` columns side by side. The scales are in the coefficients' factors, see
/// [`crate::reduce`].
#[inline(always)]
fn inverse_1d<const N: usize, const L: usize>(c: &Lanes<N, L>) -> Lanes<N, L> {
    let mut x = *c;
    for lane in 0..L {
        match N {
            2 => {
                x[0][lane] = c[0][lane] + c[1][lane];
                x[1][lane] = c[0][lane] - c[1][lane];
            }
            4 => {
                /// tan(π / 8)
                const TAN: f32 = 0.414_213_57;
                let (even, odd) = (c[0][lane] + c[2][lane], c[1][lane] + c[3][lane] * TAN);
                x[0][lane] = even + odd;
                x[3][lane] = even - odd;
                let (even, odd) = (c[0][lane] - c[2][lane], c[1][lane] * TAN - c[3][lane]);
                x[1][lane] = even + odd;
                x[2][lane] = even - odd;
            }
            8 => {
                // Arai, Agui and Nakajima, in the order of libjpeg's jidctflt.c.
                const SQRT_2: f32 = std::f32::consts::SQRT_2;
                let (t10, t11) = (c[0][lane] + c[4][lane], c[0][lane] - c[4][lane]);
                let t13 = c[2][lane] + c[6][lane];
                let t12 = (c[2][lane] - c[6][lane]) * SQRT_2 - t13;
                let (t0, t3) = (t10 + t13, t10 - t13);
                let (t1, t2) = (t11 + t12, t11 - t12);
                let (z13, z10) = (c[5][lane] + c[3][lane], c[5][lane] - c[3][lane]);
                let (z11, z12) = (c[1][lane] + c[7][lane], c[1][lane] - c[7][lane]);
                let t7 = z11 + z13;
                let t11 = (z11 - z13) * SQRT_2;
                let z5 = (z10 + z12) * 1.847_759;
                let t10 = z5 - z12 * 1.082_392_2;
                let t12 = z5 - z10 * 2.613_126;
                let t6 = t12 - t7;
                let t5 = t11 - t6;
                let t4 = t10 - t5;
                x[0][lane] = t0 + t7;
                x[7][lane] = t0 - t7;
                x[1][lane] = t1 + t6;
                x[6][lane] = t1 - t6;
                x[2][lane] = t2 + t5;
                x[5][lane] = t2 - t5;
                x[3][lane] = t3 + t4;
                x[4][lane] = t3 - t4;
            }
            _ => {}
        }
    }
    x
}

#[inline(always)]
fn transpose<const N: usize, const L: usize>(rows: &Lanes<N, L>) -> Lanes<L, N> {
    let mut columns = [[0.0; N]; L];
    for (j, column) in columns.iter_mut().enumerate() {
        for (to, row) in column.iter_mut().zip(rows) {
            *to = row[j];
        }
    }
    columns
}

/// Samples around 0 → 0 to 255, rounded.
#[inline(always)]
fn to_sample(value: f32) -> u8 {
    // Adding 1.5 * 2^23 leaves the rounded integer in the low bits of the float.
    const MAGIC: f32 = 12_582_912.0;
    let level = value + (MAGIC + 128.0);
    let level = if level > MAGIC { level } else { MAGIC };
    let level = if level < MAGIC + 255.0 {
        level
    } else {
        MAGIC + 255.0
    };
    level.to_bits() as u8
}

/// Transforms a block of `W`x`H` coefficients, given transposed (a column of `H` after the other), and writes its rows
/// to the front of `samples`, `stride` apart. Rows for which there is no room are left out.
#[inline(never)]
pub(crate) fn inverse<const W: usize, const H: usize>(
    block: &[[f32; H]; W],
    samples: &mut [u8],
    stride: usize,
) {
    let rows = inverse_1d::<H, W>(&transpose(&inverse_1d::<W, H>(block)));
    let mut levels = [[0; W]; H];
    for (to, &from) in levels
        .as_flattened_mut()
        .iter_mut()
        .zip(rows.as_flattened())
    {
        *to = to_sample(from);
    }
    for (row, line) in levels.iter().zip(samples.chunks_mut(stride)) {
        if let Some(line) = line.first_chunk_mut::<W>() {
            *line = *row;
        }
    }
}

/// The sample that every sample of a block is whose only coefficient is the mean.
#[inline(always)]
pub(crate) fn flat(mean: f32) -> u8 {
    to_sample(mean)
}

/// Fills a block of `width`x`height` samples with one value.
#[inline(always)]
pub(crate) fn fill(samples: &mut [u8], stride: usize, width: usize, height: usize, value: u8) {
    for line in samples.chunks_mut(stride).take(height) {
        if let Some(line) = line.get_mut(..width) {
            line.fill(value);
        }
    }
}

/// [`inverse`] for sides that are known only at run time: `block` holds `width * height` coefficients.
pub(crate) fn inverse_any(
    block: &[f32; 64],
    width: usize,
    height: usize,
    samples: &mut [u8],
    stride: usize,
) {
    macro_rules! sides {
        ($($w:literal x $h:literal),*) => {
            match (width, height) {
                $(($w, $h) => {
                    if let Some(block) = block.as_chunks::<$h>().0.first_chunk::<$w>() {
                        inverse::<$w, $h>(block, samples, stride);
                    }
                })*
                _ => {}
            }
        };
    }
    sides!(1 x 1, 1 x 2, 1 x 4, 1 x 8, 2 x 1, 2 x 2, 2 x 4, 2 x 8, 4 x 1, 4 x 2, 4 x 4, 4 x 8, 8 x 1, 8 x 2, 8 x 4, 8 x 8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_rounded_and_clamped() {
        let values = [-1e30, -128.6, -128.0, -0.6, 0.4, 126.6, 127.4, 1e30];
        assert_eq!(values.map(to_sample), [0, 0, 0, 127, 128, 255, 255, 255]);
        assert_eq!(flat(f32::NEG_INFINITY), 0);
    }

    #[test]
    fn a_block_writes_its_own_samples_only() {
        let mut samples = [7; 40];
        inverse::<4, 2>(&[[0.0; 2]; 4], &mut samples[2..], 10);
        for (index, &sample) in samples.iter().enumerate() {
            let inside = (2..6).contains(&(index % 10)) && index < 20;
            assert_eq!(sample, if inside { 128 } else { 7 }, "{index}");
        }
    }
}
