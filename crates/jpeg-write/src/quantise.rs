//! How coarse each coefficient is kept: the tables of T.81, Annex K, scaled by quality as libjpeg does.

/// Table K.1, for brightness, in lines of eight.
const LUMA: [u8; 64] = [
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113,
    92, 49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
];

/// Table K.2, for colour.
const CHROMA: [u8; 64] = [
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99,
    47, 66, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
];

/// What the transform of [`crate::transform`] leaves in each coefficient along an axis.
const SCALES: [f64; 8] = [
    1.0,
    1.387_039_845,
    1.306_562_965,
    1.175_875_602,
    1.0,
    0.785_694_958,
    0.541_196_100,
    0.275_899_379,
];

/// A table of quantisers.
#[derive(Debug, Clone)]
pub(crate) struct Quantisers {
    /// In lines of eight, as in the annex.
    pub steps: [u8; 64],
    /// What a coefficient is multiplied by before it is rounded, transposed as [`crate::transform`] gives it. Contains
    /// the scales of the transform.
    pub factors: [[f32; 8]; 8],
}

impl Quantisers {
    pub(crate) fn luma(quality: u8) -> Self {
        Self::scaled(&LUMA, quality)
    }

    pub(crate) fn chroma(quality: u8) -> Self {
        Self::scaled(&CHROMA, quality)
    }

    /// `jpeg_quality_scaling` and `jpeg_add_quant_table` of libjpeg, held to 8 bits.
    fn scaled(table: &[u8; 64], quality: u8) -> Self {
        let quality = u32::from(quality);
        let percent = if quality < 50 {
            5000 / quality
        } else {
            200 - 2 * quality
        };
        let steps = table.map(|step| {
            let scaled = (u32::from(step) * percent + 50) / 100;
            scaled.clamp(1, 255) as u8
        });
        let mut factors = [[0.0; 8]; 8];
        for (row, line) in steps.as_chunks::<8>().0.iter().enumerate() {
            for (column, &step) in line.iter().enumerate() {
                let scale = 8.0 * SCALES[row] * SCALES[column];
                factors[column][row] = (1.0 / (f64::from(step) * scale)) as f32;
            }
        }
        Self { steps, factors }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qualities_scale_the_tables_as_libjpeg_does() {
        assert_eq!(Quantisers::luma(50).steps, LUMA);
        assert_eq!(Quantisers::chroma(50).steps, CHROMA);
        assert_eq!(Quantisers::luma(100).steps, [1; 64]);
        assert_eq!(Quantisers::chroma(1).steps, [255; 64]);
        // From the files of `cjpeg -quality 80` and `-quality 30`.
        assert_eq!(
            Quantisers::luma(80).steps[..8],
            [6, 4, 4, 6, 10, 16, 20, 24]
        );
        assert_eq!(
            Quantisers::luma(30).steps[..8],
            [27, 18, 17, 27, 40, 66, 85, 101]
        );
    }
}
