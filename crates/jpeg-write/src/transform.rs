//! The forward transform (DCT) of a block, and its quantisation.
//!
//! In single precision, for the reasons that `jpeg-shrink` has: exact enough, the same to the bit everywhere since only
//! additions and multiplications are used, and SSE2 multiplies four at once.

/// Eight lines of eight.
type Lines<T> = [[T; 8]; 8];

/// The transform along columns, after Arai, Agui and Nakajima in the order of libjpeg's jfdctflt.c. What it leaves as
/// scales is in [`crate::quantise::Quantisers::factors`].
#[inline(always)]
fn columns(d: &Lines<f32>) -> Lines<f32> {
    let mut out = [[0.0; 8]; 8];
    for lane in 0..8 {
        let (t0, t7) = (d[0][lane] + d[7][lane], d[0][lane] - d[7][lane]);
        let (t1, t6) = (d[1][lane] + d[6][lane], d[1][lane] - d[6][lane]);
        let (t2, t5) = (d[2][lane] + d[5][lane], d[2][lane] - d[5][lane]);
        let (t3, t4) = (d[3][lane] + d[4][lane], d[3][lane] - d[4][lane]);

        let (t10, t13) = (t0 + t3, t0 - t3);
        let (t11, t12) = (t1 + t2, t1 - t2);
        out[0][lane] = t10 + t11;
        out[4][lane] = t10 - t11;
        let z1 = (t12 + t13) * std::f32::consts::FRAC_1_SQRT_2;
        out[2][lane] = t13 + z1;
        out[6][lane] = t13 - z1;

        let (t10, t11, t12) = (t4 + t5, t5 + t6, t6 + t7);
        let z5 = (t10 - t12) * 0.382_683_43;
        let z2 = t10 * 0.541_196_1 + z5;
        let z4 = t12 * 1.306_563 + z5;
        let z3 = t11 * std::f32::consts::FRAC_1_SQRT_2;
        let (z11, z13) = (t7 + z3, t7 - z3);
        out[5][lane] = z13 + z2;
        out[3][lane] = z13 - z2;
        out[1][lane] = z11 + z4;
        out[7][lane] = z11 - z4;
    }
    out
}

#[inline(always)]
fn transpose(lines: &Lines<f32>) -> Lines<f32> {
    let mut columns = [[0.0; 8]; 8];
    for (j, column) in columns.iter_mut().enumerate() {
        for (to, line) in column.iter_mut().zip(lines) {
            *to = line[j];
        }
    }
    columns
}

/// Transforms and quantises samples. The coefficients come transposed, which spares a turn of the block:
/// their order in the file is that of [`crate::zigzag::TRANSPOSED`].
#[inline(never)]
pub(crate) fn forward(samples: &[&[u8; 8]; 8], factors: &Lines<f32>) -> Lines<i16> {
    /// Adding 1.5 * 2^23 leaves the rounded integer in the low bits of the float.
    const MAGIC: f32 = 12_582_912.0;
    /// 2^23, in whose mantissa an integer is itself: SSE2 has no conversion from bytes, and the compiler would do one
    /// sample after the other.
    const INTEGER: f32 = 8_388_608.0;
    let mut lines = [[0.0; 8]; 8];
    for (line, samples) in lines.iter_mut().zip(samples) {
        for (to, &sample) in line.iter_mut().zip(*samples) {
            // Samples are around 0 in the standard.
            let integer = f32::from_bits(INTEGER.to_bits() | u32::from(sample));
            *to = integer - (INTEGER + 128.0);
        }
    }
    // As in jpeg-shrink: the compiler is kept from mixing the passes, or its vectors would go neither way.
    let lines = std::hint::black_box(columns(&lines));
    let lines = columns(&transpose(&lines));
    let mut quantised = [[0; 8]; 8];
    for ((to, line), factors) in quantised.iter_mut().zip(&lines).zip(factors) {
        for ((to, &value), &factor) in to.iter_mut().zip(line).zip(factors) {
            *to = (value * factor + MAGIC).to_bits() as i16;
        }
    }
    quantised
}
