//! The loop filter across one edge (RFC 6386 §15), sixteen segments of it at once.
//!
//! The names are those of the RFC: `p0` is the pixel before the edge, `p1` the one before it, `q0` the one behind it.

use crate::lanes::{Bytes, Words};

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
    let [p1, p0, q0, q1] = *edge;
    let within = is_most(beyond(p1, p0, q0, q1), limit);
    let [p1, p0, q0, q1] = [p1, p0, q0, q1].map(signed);
    let step = step(p1.sub_signed(q1), p0, q0).and(within);
    let (a, b) = eighths(step);
    edge[1] = signed(p0.add_signed(b));
    edge[2] = signed(q0.sub_signed(a));
}

/// §15.3: between subblocks. `edge` is `p3` to `q3`.
#[inline(always)]
pub(crate) fn subblock(edge: &mut [Bytes; 8], limits: Limits) {
    let within = is_within(*edge, limits.subblock, limits.interior);
    let calm = is_calm(*edge, limits.high_variance);
    let [_, _, p1, p0, q0, q1, _, _] = edge.map(signed);
    // The outer taps count where the variance is high; elsewhere the pixels beside the edge change too.
    let outer = p1.sub_signed(q1);
    let outer = outer.sub(outer.and(calm));
    let (a, b) = eighths(step(outer, p0, q0).and(within));
    edge[3] = signed(p0.add_signed(b));
    edge[4] = signed(q0.sub_signed(a));
    let half = a.add_signed(Bytes::splat(1)).half().and(calm);
    edge[2] = signed(p1.add_signed(half));
    edge[5] = signed(q1.sub_signed(half));
}

/// §15.3: between macroblocks.
#[inline(always)]
pub(crate) fn macroblock(edge: &mut [Bytes; 8], limits: Limits) {
    let within = is_within(*edge, limits.macroblock, limits.interior);
    let calm = is_calm(*edge, limits.high_variance);
    let [_, p2, p1, p0, q0, q1, q2, _] = edge.map(signed);
    let step = step(p1.sub_signed(q1), p0, q0).and(within);
    // Where the variance is high only the pixels at the edge are changed.
    let wide = step.and(calm);
    let (a, b) = eighths(step.sub(wide));
    let nine = Words::splat(9);
    let (low, high) = (wide.low_signed().mul(nine), wide.high_signed().mul(nine));
    let mut sums = (low.add(Words::splat(63)), high.add(Words::splat(63)));
    let far = sums.0.shift::<7>().pack_signed(sums.1.shift::<7>());
    sums = (sums.0.add(low), sums.1.add(high));
    let middle = sums.0.shift::<7>().pack_signed(sums.1.shift::<7>());
    sums = (sums.0.add(low), sums.1.add(high));
    let near = sums.0.shift::<7>().pack_signed(sums.1.shift::<7>());
    edge[1] = signed(p2.add_signed(far));
    edge[2] = signed(p1.add_signed(middle));
    edge[3] = signed(p0.add_signed(near).add_signed(b));
    edge[4] = signed(q0.sub_signed(near).sub_signed(a));
    edge[5] = signed(q1.sub_signed(middle));
    edge[6] = signed(q2.sub_signed(far));
}

/// Pixels as numbers with a sign, and back.
#[inline(always)]
fn signed(pixels: Bytes) -> Bytes {
    pixels.xor(Bytes::splat(0x80))
}

#[inline(always)]
fn apart(a: Bytes, b: Bytes) -> Bytes {
    a.sub_saturating(b).or(b.sub_saturating(a))
}

/// All bits where a byte is not above the bound.
#[inline(always)]
fn is_most(bytes: Bytes, bound: u8) -> Bytes {
    bytes
        .sub_saturating(Bytes::splat(bound))
        .equals(Bytes::splat(0))
}

/// How far the pixels at the edge are apart: more than 255 counts as 255, which is above all limits.
#[inline(always)]
fn beyond(p1: Bytes, p0: Bytes, q0: Bytes, q1: Bytes) -> Bytes {
    let near = apart(p0, q0);
    // Half of a number without a sign: that of the number with one, moved.
    let far = signed(apart(p1, q1)).half().add_signed(Bytes::splat(0x40));
    near.add_saturating(near).add_saturating(far)
}

#[inline(always)]
fn is_within([p3, p2, p1, p0, q0, q1, q2, q3]: [Bytes; 8], edge: u8, interior: u8) -> Bytes {
    let largest = apart(p3, p2)
        .max(apart(p2, p1))
        .max(apart(p1, p0))
        .max(apart(q1, q0))
        .max(apart(q2, q1))
        .max(apart(q3, q2));
    is_most(largest, interior).and(is_most(beyond(p1, p0, q0, q1), edge))
}

/// Where the variance is not high.
#[inline(always)]
fn is_calm([_, _, p1, p0, q0, q1, _, _]: [Bytes; 8], threshold: u8) -> Bytes {
    is_most(apart(p1, p0).max(apart(q1, q0)), threshold)
}

/// `outer` and three times the difference at the edge. The steps all go one way, so that one which is cut off at an
/// end of the range leaves the sum there.
#[inline(always)]
fn step(outer: Bytes, p0: Bytes, q0: Bytes) -> Bytes {
    let difference = q0.sub_signed(p0);
    outer
        .add_signed(difference)
        .add_signed(difference)
        .add_signed(difference)
}

/// An eighth of the step, for the pixel behind the edge and for the one before it.
#[inline(always)]
fn eighths(step: Bytes) -> (Bytes, Bytes) {
    (
        step.add_signed(Bytes::splat(4)).eighth(),
        step.add_signed(Bytes::splat(3)).eighth(),
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
            let edge: [[u8; 16]; 8] = std::array::from_fn(|_| {
                std::array::from_fn(|_| {
                    (middle + next() % spread)
                        .saturating_sub(spread / 2)
                        .min(255) as u8
                })
            });
            for between_macroblocks in [false, true] {
                let mut filtered = edge.map(Bytes::new);
                if between_macroblocks {
                    macroblock(&mut filtered, limits);
                } else {
                    subblock(&mut filtered, limits);
                }
                let filtered = filtered.map(Bytes::get);
                for i in 0..16 {
                    let lane = |rows: &[[u8; 16]; 8]| rows.map(|row| row[i]);
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
