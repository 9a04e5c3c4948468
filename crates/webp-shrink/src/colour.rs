//! From YUV to RGB: BT.601 in its narrow range, with libwebp's arithmetic.

use crate::lanes::Bytes;

/// Pixels that are converted at once.
const STEP: usize = 32;

/// Writes a line of pixels.
pub(crate) fn line(y: &[u8], u: &[u8], v: &[u8], rgb: &mut [u8]) {
    let steps = y.as_chunks().0.iter();
    let steps = steps.zip(u.as_chunks().0).zip(v.as_chunks().0);
    let (pixels, rest) = rgb.as_chunks_mut();
    let mut done = 0;
    for (pixels, ((y, u), v)) in pixels.iter_mut().zip(steps) {
        *pixels = convert(y, u, v);
        done += STEP;
    }
    if !rest.is_empty() {
        let padded = |line: &[u8]| {
            let mut padded = [0; STEP];
            for (to, from) in padded.iter_mut().zip(line.iter().skip(done)) {
                *to = *from;
            }
            padded
        };
        let pixels = convert(&padded(y), &padded(u), &padded(v));
        for (to, from) in rest.iter_mut().zip(pixels) {
            *to = from;
        }
    }
}

#[inline(always)]
fn convert(y: &[u8; STEP], u: &[u8; STEP], v: &[u8; STEP]) -> [u8; 3 * STEP] {
    let mut planes = [[0; STEP]; 3];
    for i in 0..STEP {
        [planes[0][i], planes[1][i], planes[2][i]] = pixel(y[i], u[i], v[i]);
    }
    let halves = planes.iter().flat_map(|plane| plane.as_chunks().0);
    let mut bytes = [Bytes::splat(0); 6];
    for (to, &from) in bytes.iter_mut().zip(halves) {
        *to = Bytes::new(from);
    }
    // In 96 bytes the place of one is 32 times its plane and its pixel; it shall be the plane and 3 times the pixel.
    // Taking the even places before the odd ones halves a place, modulo 95, and 32 halves five times is 1.
    for _ in 0..5 {
        let [a, b, c, d, e, f] = bytes;
        bytes = [
            a.evens(b),
            c.evens(d),
            e.evens(f),
            a.odds(b),
            c.odds(d),
            e.odds(f),
        ];
    }
    let mut pixels = [0; 3 * STEP];
    for (to, from) in pixels.as_chunks_mut().0.iter_mut().zip(bytes) {
        *to = from.get();
    }
    pixels
}

/// Factors have 14 bits of fraction, sums 6. What would be below zero is held there, and no sum leaves 16 bits.
#[inline(always)]
fn pixel(y: u8, u: u8, v: u8) -> [u8; 3] {
    // level * factor / 256, by the two bytes of the factor, so that nothing has more than 16 bits.
    let part = |level: u8, factor: u16| {
        let level = u16::from(level);
        level * (factor >> 8) + ((level * (factor & 0xff)) >> 8)
    };
    let luma = part(y, 19_077);
    let red = (luma + part(v, 26_149)).saturating_sub(14_234);
    let green = (luma + 8_708).saturating_sub(part(u, 6_419) + part(v, 13_320));
    let blue = (luma + part(u, 33_050)).saturating_sub(17_685);
    [red, green, blue].map(|sum| (sum >> 6).min(255) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_are_those_of_whole_numbers() {
        let clip = |sum: i32| (sum >> 6).clamp(0, 255) as u8;
        let levels: Vec<u8> = (0..=255).collect();
        let mut rgb = vec![0; 256 * 3];
        for u in (0..=255_u8).step_by(3) {
            for v in (0..=255_u8).step_by(5) {
                line(&levels, &[u; 256], &[v; 256], &mut rgb);
                for (&y, pixel) in levels.iter().zip(rgb.as_chunks::<3>().0) {
                    let part = |level: u8, factor: i32| (i32::from(level) * factor) >> 8;
                    let luma = part(y, 19_077);
                    let expected = [
                        clip(luma + part(v, 26_149) - 14_234),
                        clip(luma - part(u, 6_419) - part(v, 13_320) + 8_708),
                        clip(luma + part(u, 33_050) - 17_685),
                    ];
                    assert_eq!(*pixel, expected, "{y} {u} {v}");
                }
            }
        }
    }

    #[test]
    fn lines_of_any_length_are_whole() {
        let levels: Vec<u8> = (0..100).map(|x| x * 2 + 16).collect();
        let mut whole = vec![0; 300];
        line(&levels, &[90; 100], &[140; 100], &mut whole);
        for length in 1..100 {
            let mut rgb = vec![0; length * 3];
            line(&levels, &[90; 100], &[140; 100], &mut rgb);
            assert_eq!(rgb, whole[..length * 3]);
        }
    }
}
