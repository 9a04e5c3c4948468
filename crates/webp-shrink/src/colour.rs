//! From YUV to RGB: BT.601 in its narrow range, with libwebp's arithmetic.

/// Writes a line of pixels, sixteen at a time so that the compiler makes vectors of them.
pub(crate) fn line(y: &[u8], u: &[u8], v: &[u8], rgb: &mut [u8]) {
    let chunks = y.as_chunks::<16>().0.iter();
    let chunks = chunks.zip(u.as_chunks::<16>().0).zip(v.as_chunks::<16>().0);
    let (pixels, rest) = rgb.as_chunks_mut::<48>();
    let mut whole = 0;
    for (pixels, ((y, u), v)) in pixels.iter_mut().zip(chunks) {
        *pixels = sixteen(y, u, v);
        whole += 16;
    }
    if !rest.is_empty() {
        let padded = |line: &[u8]| {
            let mut padded = [0; 16];
            for (to, from) in padded.iter_mut().zip(line.iter().skip(whole)) {
                *to = *from;
            }
            padded
        };
        let pixels = sixteen(&padded(y), &padded(u), &padded(v));
        for (to, from) in rest.iter_mut().zip(pixels) {
            *to = from;
        }
    }
}

#[inline(always)]
fn sixteen(y: &[u8; 16], u: &[u8; 16], v: &[u8; 16]) -> [u8; 48] {
    let mut planes = [[0; 16]; 3];
    for i in 0..16 {
        let [red, green, blue] = pixel(y[i], u[i], v[i]);
        planes[0][i] = red;
        planes[1][i] = green;
        planes[2][i] = blue;
    }
    let mut pixels = [0; 48];
    for (i, pixel) in pixels.as_chunks_mut::<3>().0.iter_mut().enumerate() {
        *pixel = [planes[0][i & 15], planes[1][i & 15], planes[2][i & 15]];
    }
    pixels
}

/// Factors have 14 bits of fraction, sums 6. What would be below zero is held there, and no sum leaves 16 bits.
#[inline(always)]
fn pixel(y: u8, u: u8, v: u8) -> [u8; 3] {
    let part = |level: u8, factor: u16| {
        (u32::from(u16::from(level) << 8) * u32::from(factor) >> 16) as u16
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
        for y in 0..=255_u8 {
            for u in (0..=255_u8).step_by(3) {
                for v in (0..=255_u8).step_by(5) {
                    let part = |level: u8, factor: i32| i32::from(level) * factor >> 8;
                    let luma = part(y, 19_077);
                    let expected = [
                        clip(luma + part(v, 26_149) - 14_234),
                        clip(luma - part(u, 6_419) - part(v, 13_320) + 8_708),
                        clip(luma + part(u, 33_050) - 17_685),
                    ];
                    assert_eq!(pixel(y, u, v), expected, "{y} {u} {v}");
                }
            }
        }
    }
}
