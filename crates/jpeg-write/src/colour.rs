//! RGB to the `YCbCr` of JFIF (T.871), full range.
//!
//! Samples are rounded to 8 bits although the transform could take more: decoders round to the same levels, and give
//! even colours back as they were, where samples between two levels would come back as either. Of drawings at quality
//! 80 that makes 0.9 dB.
//!
//! SSE2 cannot take interleaved bytes apart, but all three sums of a pixel fit into one 64-bit word: each of R, G and B
//! is multiplied once by a constant that holds its three weights. Fields may be negative on the way; the sum of all has
//! none, so that nothing is borrowed in the end. Four pixels' words can be added, which makes the mean for 4:2:0.

/// Y is in bits 0 to 21, with 12 bits behind the point; Cb from here on, with 11.
const CB: u32 = 22;
/// Cr, with 11.
const CR: u32 = 43;

/// The weights of a colour: those of Y sum to 2^12, those of Cb and Cr to 0.
const fn weights(y: i64, cb: i64, cr: i64) -> u64 {
    (y + (cb << CB) + (cr << CR)).cast_unsigned()
}

const RED: u64 = weights(1225, -346, 1024);
const GREEN: u64 = weights(2404, -678, -857);
const BLUE: u64 = weights(467, 1024, -167);
/// The middle of Cb and Cr, and a half of what is cut off. A little less of Cb and Cr, of which the most would be 256.
const BIAS: u64 = weights(1 << 11, (128 << 11) + 1023, (128 << 11) + 1023);

#[inline(always)]
fn sums(&[r, g, b]: &[u8; 3]) -> u64 {
    BIAS.wrapping_add(u64::from(r).wrapping_mul(RED))
        .wrapping_add(u64::from(g).wrapping_mul(GREEN))
        .wrapping_add(u64::from(b).wrapping_mul(BLUE))
}

#[inline(always)]
fn y(sums: u64) -> u8 {
    (sums >> 12) as u8
}

/// A line for 4:4:4.
pub(crate) fn full(pixels: &[u8], [luma, cb, cr]: [&mut [u8]; 3]) {
    let pixels = pixels.as_chunks::<3>().0;
    for (((pixel, luma), cb), cr) in pixels.iter().zip(luma).zip(cb).zip(cr) {
        let sums = sums(pixel);
        *luma = y(sums);
        *cb = (sums >> (CB + 11)) as u8;
        *cr = (sums >> (CR + 11)) as u8;
    }
}

/// Two lines for 4:2:0; the last pixel of an odd line counts twice. There may be room for more samples than pixels.
pub(crate) fn halved(
    [upper, lower]: [&[u8]; 2],
    [luma_upper, luma_lower]: [&mut [u8]; 2],
    [cb, cr]: [&mut [u8]; 2],
) {
    let (upper_pairs, upper_rest) = upper.as_chunks::<6>();
    let (lower_pairs, lower_rest) = lower.as_chunks::<6>();
    let pairs = upper_pairs.len();
    let [(luma_upper, luma_upper_rest), (luma_lower, luma_lower_rest)] = [luma_upper, luma_lower]
        .map(|line| line.split_at_mut_checked(2 * pairs).unwrap_or_default());
    let luma_upper = luma_upper.as_chunks_mut::<2>().0;
    let luma = luma_upper.iter_mut().zip(luma_lower.as_chunks_mut::<2>().0);
    let chroma = cb.iter_mut().zip(cr.iter_mut());
    for (((upper, lower), (luma_upper, luma_lower)), (cb, cr)) in
        upper_pairs.iter().zip(lower_pairs).zip(luma).zip(chroma)
    {
        let &[r, g, b, r2, g2, b2] = upper;
        let (first, second) = (sums(&[r, g, b]), sums(&[r2, g2, b2]));
        let &[r, g, b, r2, g2, b2] = lower;
        let (third, fourth) = (sums(&[r, g, b]), sums(&[r2, g2, b2]));
        *luma_upper = [y(first), y(second)];
        *luma_lower = [y(third), y(fourth)];
        let mean = first
            .wrapping_add(second)
            .wrapping_add(third)
            .wrapping_add(fourth);
        *cb = (mean >> (CB + 13)) as u8;
        *cr = (mean >> (CR + 13)) as u8;
    }
    if let (Some(upper), Some(lower)) = (upper_rest.first_chunk(), lower_rest.first_chunk()) {
        let (first, second) = (sums(upper), sums(lower));
        for (to, sums) in [(luma_upper_rest, first), (luma_lower_rest, second)] {
            if let Some(to) = to.first_mut() {
                *to = y(sums);
            }
        }
        let mean = first.wrapping_add(second);
        for (to, shift) in [(cb, CB), (cr, CR)] {
            if let Some(to) = to.get_mut(pairs) {
                *to = (mean >> (shift + 12)) as u8;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// T.871, in floats and without rounding.
    fn expected([r, g, b]: [u8; 3]) -> [f64; 3] {
        let [r, g, b] = [r, g, b].map(f64::from);
        [
            0.299 * r + 0.587 * g + 0.114 * b,
            128.0 + (b - 0.299 * r - 0.587 * g - 0.114 * b) / 1.772,
            128.0 + (r - 0.299 * r - 0.587 * g - 0.114 * b) / 1.402,
        ]
    }

    #[test]
    fn every_fifteenth_colour_is_rounded_to_the_next_level() {
        let levels: Vec<u8> = (0..=255).step_by(15).collect();
        for &r in &levels {
            for &g in &levels {
                for &b in &levels {
                    let (mut luma, mut cb, mut cr) = ([0; 2], [0; 2], [0; 2]);
                    full(&[r, g, b], [&mut luma, &mut cb, &mut cr]);
                    let (one, mut lines) = ([r, g, b, r, g, b], [[0; 2]; 4]);
                    let [upper, lower, cb_mean, cr_mean] = &mut lines;
                    halved([&one, &one], [upper, lower], [cb_mean, cr_mean]);
                    let wanted = expected([r, g, b]);
                    let all = [
                        [luma[0], cb[0], cr[0]],
                        [lines[0][1], lines[2][0], lines[3][0]],
                        [lines[1][1], lines[2][0], lines[3][0]],
                    ];
                    for (&got, wanted) in all.iter().flat_map(|got| got.iter().zip(&wanted)) {
                        let distance = (f64::from(got) - wanted).abs();
                        assert!(distance < 0.57, "{r} {g} {b}: {got} {wanted}");
                    }
                    if r == g && g == b {
                        assert_eq!([luma[0], cb[0], cr[0]], [r, 128, 128]);
                    }
                }
            }
        }
    }

    #[test]
    fn the_last_pixel_of_an_odd_line_counts_twice() {
        let (upper, lower) = ([0, 0, 0, 255, 0, 0, 9, 99, 199], [0; 9]);
        let (mut y1, mut y2, mut cb, mut cr) = ([0; 8], [0; 8], [0; 4], [0; 4]);
        halved([&upper, &lower], [&mut y1, &mut y2], [&mut cb, &mut cr]);
        let red = expected([255, 0, 0]);
        let last = expected([9, 99, 199]);
        let wanted = [
            (y1[1], red[0]),
            (y1[2], last[0]),
            (cb[0], 128.0 + (red[1] - 128.0) / 4.0),
            (cr[0], 128.0 + (red[2] - 128.0) / 4.0),
            (cb[1], 128.0 + (last[1] - 128.0) / 2.0),
            (cr[1], 128.0 + (last[2] - 128.0) / 2.0),
        ];
        for (got, wanted) in wanted {
            assert!((f64::from(got) - wanted).abs() < 0.57, "{got} {wanted}");
        }
        assert_eq!(y2, [0; 8]);
    }
}
