//! The loop filter across one edge (RFC 6386 §15), sixteen segments of it at once.
//!
//! The names are those of the RFC: `p0` is the pixel before the edge, `p1` the one before it, `q0` the one behind it.

use crate::lanes::Bytes;

/// What the filter of a macroblock is bound by (§15.2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    /// `mbedge_limit`
    pub macroblock: u8,
    /// `sub_bedge_limit`
    pub subblock: u8,
    pub interior: u8,
    /// `hev_threshold`
    pub high_variance: u8,
}

impl Limits {
    /// For a level between 1 and 63.
    pub(crate) fn new(level: u8, sharpness: u8) -> Self {
        let mut interior = level;
        if sharpness > 0 {
            interior >>= if sharpness > 4 { 2 } else { 1 };
            interior = interior.min(9 - sharpness);
        }
        let interior = interior.max(1);
        Self {
            macroblock: (level + 2) * 2 + interior,
            subblock: level * 2 + interior,
            interior,
            high_variance: match level {
                40.. => 2,
                15..40 => 1,
                _ => 0,
            },
        }
    }
}

/// §15.2: the whole of the simple filter. `edge` is `p1`, `p0`, `q0`, `q1`.
#[inline(always)]
pub(crate) fn simple(edge: &mut [Bytes; 4], limit: u8) {
    for i in 0..16 {
        let [p1, p0, q0, q1] = [edge[0][i], edge[1][i], edge[2][i], edge[3][i]];
        let within = beyond(p1, p0, q0, q1) <= limit;
        let (p0, q0) = adjusted(p1, p0, q0, q1, within);
        edge[1][i] = p0;
        edge[2][i] = q0;
    }
}

/// §15.3: between subblocks. `edge` is `p3` to `q3`.
#[inline(always)]
pub(crate) fn subblock(edge: &mut [Bytes; 8], limits: Limits) {
    for i in 0..16 {
        let [p3, p2, p1, p0, q0, q1, q2, q3] = std::array::from_fn(|row| edge[row][i]);
        let within = is_within(
            [p3, p2, p1, p0, q0, q1, q2, q3],
            limits.subblock,
            limits.interior,
        );
        let high = is_high(p1, p0, q0, q1, limits.high_variance);
        let outer = if high {
            signed(p1).saturating_sub(signed(q1))
        } else {
            0
        };
        let step = step(outer, p0, q0);
        let step = if within { step } else { 0 };
        let a = step.saturating_add(4) >> 3;
        let b = step.saturating_add(3) >> 3;
        edge[3][i] = unsigned(signed(p0).saturating_add(b));
        edge[4][i] = unsigned(signed(q0).saturating_sub(a));
        let half = (a + 1) >> 1;
        let half = if high { 0 } else { half };
        edge[2][i] = unsigned(signed(p1).saturating_add(half));
        edge[5][i] = unsigned(signed(q1).saturating_sub(half));
    }
}

/// §15.3: between macroblocks.
#[inline(always)]
pub(crate) fn macroblock(edge: &mut [Bytes; 8], limits: Limits) {
    for i in 0..16 {
        let [p3, p2, p1, p0, q0, q1, q2, q3] = std::array::from_fn(|row| edge[row][i]);
        let within = is_within(
            [p3, p2, p1, p0, q0, q1, q2, q3],
            limits.macroblock,
            limits.interior,
        );
        let high = is_high(p1, p0, q0, q1, limits.high_variance);
        let step = step(signed(p1).saturating_sub(signed(q1)), p0, q0);
        let step = if within { step } else { 0 };
        // Where the variance is high only the pixels at the edge are changed.
        let narrow = if high { step } else { 0 };
        let a = narrow.saturating_add(4) >> 3;
        let b = narrow.saturating_add(3) >> 3;
        let wide = if high { 0 } else { i16::from(step) };
        let part = |weight: i16| ((weight * wide + 63) >> 7) as i8;
        let (near, middle, far) = (part(27), part(18), part(9));
        edge[1][i] = unsigned(signed(p2).saturating_add(far));
        edge[2][i] = unsigned(signed(p1).saturating_add(middle));
        edge[3][i] = unsigned(signed(p0).saturating_add(near).saturating_add(b));
        edge[4][i] = unsigned(signed(q0).saturating_sub(near).saturating_sub(a));
        edge[5][i] = unsigned(signed(q1).saturating_sub(middle));
        edge[6][i] = unsigned(signed(q2).saturating_sub(far));
    }
}

#[inline(always)]
fn signed(pixel: u8) -> i8 {
    (pixel ^ 0x80) as i8
}

#[inline(always)]
fn unsigned(value: i8) -> u8 {
    value as u8 ^ 0x80
}

/// How far the pixels at the edge are apart: more than 255 counts as 255, which is above all limits.
#[inline(always)]
fn beyond(p1: u8, p0: u8, q0: u8, q1: u8) -> u8 {
    let apart = p0.abs_diff(q0);
    apart
        .saturating_add(apart)
        .saturating_add(p1.abs_diff(q1) >> 1)
}

#[inline(always)]
fn is_within([p3, p2, p1, p0, q0, q1, q2, q3]: [u8; 8], edge: u8, interior: u8) -> bool {
    let largest = p3
        .abs_diff(p2)
        .max(p2.abs_diff(p1))
        .max(p1.abs_diff(p0))
        .max(q1.abs_diff(q0))
        .max(q2.abs_diff(q1))
        .max(q3.abs_diff(q2));
    (largest <= interior) & (beyond(p1, p0, q0, q1) <= edge)
}

#[inline(always)]
fn is_high(p1: u8, p0: u8, q0: u8, q1: u8, threshold: u8) -> bool {
    p1.abs_diff(p0).max(q1.abs_diff(q0)) > threshold
}

/// `outer` and three times the difference at the edge. The steps all go one way, so that one which is cut off at an
/// end of the range leaves the sum there.
#[inline(always)]
fn step(outer: i8, p0: u8, q0: u8) -> i8 {
    let difference = signed(q0).saturating_sub(signed(p0));
    outer
        .saturating_add(difference)
        .saturating_add(difference)
        .saturating_add(difference)
}

/// `common_adjust` with the outer taps
#[inline(always)]
fn adjusted(p1: u8, p0: u8, q0: u8, q1: u8, within: bool) -> (u8, u8) {
    let step = step(signed(p1).saturating_sub(signed(q1)), p0, q0);
    let step = if within { step } else { 0 };
    let a = step.saturating_add(4) >> 3;
    let b = step.saturating_add(3) >> 3;
    (
        unsigned(signed(p0).saturating_add(b)),
        unsigned(signed(q0).saturating_sub(a)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The RFC's arithmetic, with whole numbers.
    fn plain(edge: [u8; 8], limits: Limits, between_macroblocks: bool) -> [u8; 8] {
        let c = |value: i32| value.clamp(-128, 127);
        let u = |value: i32| (c(value) + 128) as u8;
        let e = edge.map(i32::from);
        let [p3, p2, p1, p0, q0, q1, q2, q3] = e;
        let s = e.map(|pixel| pixel - 128);
        let interior = i32::from(limits.interior);
        let limit = i32::from(if between_macroblocks {
            limits.macroblock
        } else {
            limits.subblock
        });
        let near = |a: i32, b: i32| (a - b).abs() <= interior;
        let within = (p0 - q0).abs() * 2 + ((p1 - q1).abs() >> 1) <= limit
            && near(p3, p2)
            && near(p2, p1)
            && near(p1, p0)
            && near(q3, q2)
            && near(q2, q1)
            && near(q1, q0);
        let threshold = i32::from(limits.high_variance);
        let high = (p1 - p0).abs() > threshold || (q1 - q0).abs() > threshold;
        let mut out = edge;
        if !within {
            return out;
        }
        let [_, p2, p1, p0, q0, q1, q2, _] = s;
        if between_macroblocks && !high {
            let w = c(c(p1 - q1) + 3 * (q0 - p0));
            let part = |weight: i32| c((weight * w + 63) >> 7);
            out[3] = u(p0 + part(27));
            out[4] = u(q0 - part(27));
            out[2] = u(p1 + part(18));
            out[5] = u(q1 - part(18));
            out[1] = u(p2 + part(9));
            out[6] = u(q2 - part(9));
        } else {
            let a = c((if high { c(p1 - q1) } else { 0 }) + 3 * (q0 - p0));
            let b = c(a + 3) >> 3;
            let a = c(a + 4) >> 3;
            out[3] = u(p0 + b);
            out[4] = u(q0 - a);
            if !high {
                let half = (a + 1) >> 1;
                out[2] = u(p1 + half);
                out[5] = u(q1 - half);
            }
        }
        out
    }

    #[test]
    fn lanes_are_filtered_as_the_rfc_says() {
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 16
        };
        for round in 0..4000 {
            let limits = Limits::new(1 + (next() % 63) as u8, (next() % 8) as u8);
            let spread = [3, 12, 60, 256][round % 4];
            let middle = next() % 256;
            let edge: [Bytes; 8] = std::array::from_fn(|_| {
                std::array::from_fn(|_| {
                    (middle + next() % spread)
                        .saturating_sub(spread / 2)
                        .min(255) as u8
                })
            });
            for between_macroblocks in [false, true] {
                let mut filtered = edge;
                if between_macroblocks {
                    macroblock(&mut filtered, limits);
                } else {
                    subblock(&mut filtered, limits);
                }
                for i in 0..16 {
                    let lane = |rows: &[Bytes; 8]| rows.map(|row| row[i]);
                    let expected = plain(lane(&edge), limits, between_macroblocks);
                    assert_eq!(
                        lane(&filtered),
                        expected,
                        "{limits:?} {between_macroblocks}"
                    );
                }
            }
        }
    }
}
