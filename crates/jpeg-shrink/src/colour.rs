//! From the components of a line to its pixels.

use crate::header::Colour;

/// How the components of a file become pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Conversion {
    pub colour: Colour,
}

impl Conversion {
    /// Channels of a pixel.
    pub(crate) fn channels(self) -> usize {
        match self.colour {
            Colour::Grey => 1,
            Colour::YCbCr | Colour::Rgb => 3,
            Colour::Cmyk | Colour::Ycck => 4,
        }
    }

    /// Writes the pixels of one line.
    pub(crate) fn line(self, components: &[&[u8]], pixels: &mut [u8]) {
        match (self.colour, components) {
            (Colour::Grey, [grey]) => {
                for (to, &from) in pixels.iter_mut().zip(*grey) {
                    *to = from;
                }
            }
            (Colour::YCbCr, [y, cb, cr]) => ycbcr(y, cb, cr, pixels),
            (Colour::Rgb, [red, green, blue]) => {
                for (((pixel, &red), &green), &blue) in pixels
                    .as_chunks_mut::<3>()
                    .0
                    .iter_mut()
                    .zip(*red)
                    .zip(*green)
                    .zip(*blue)
                {
                    *pixel = [red, green, blue];
                }
            }
            (Colour::Cmyk | Colour::Ycck, [a, b, c, k]) => {
                // All programs store 255 for no ink, and browsers read it so with and without Adobe's marker.
                let luma_and_chroma = self.colour == Colour::Ycck;
                let inks = a.iter().zip(*b).zip(*c).zip(*k);
                for (pixel, (((&a, &b), &c), &k)) in
                    pixels.as_chunks_mut::<4>().0.iter_mut().zip(inks)
                {
                    // YCCK is the YCbCr of 255 less the stored inks, as in libjpeg.
                    let inks = if luma_and_chroma {
                        rgb(a, b, c)
                    } else {
                        [a, b, c].map(|stored| 255 - stored)
                    };
                    *pixel = [inks[0], inks[1], inks[2], 255 - k];
                }
            }
            _ => {}
        }
    }
}

/// BT.601 in full range (JFIF 1.02), rounded to the nearest as in libjpeg. The factors are those of libjpeg, 16 bits
/// of fraction, less the whole part that would not fit into 16 bits.
#[inline(always)]
fn rgb(y: u8, cb: u8, cr: u8) -> [u8; 3] {
    let y = i16::from(y);
    let (cb, cr) = (i16::from(cb) - 128, i16::from(cr) - 128);
    let part = |factor: i16, of: i16| i32::from(factor) * i32::from(of);
    let round = |scaled: i32| ((scaled + 0x8000) >> 16) as i16;
    // 1.402 = 1 + 0.402; 0.34414; 0.71414 = 1 - 0.28586; 1.772 = 2 - 0.228
    let red = y + cr + round(part(26_345, cr));
    let green = y - cr + round(part(-22_554, cb) + part(18_734, cr));
    let blue = y + 2 * cb + round(part(-14_942, cb));
    [red, green, blue].map(|level| level.clamp(0, 255) as u8)
}

/// A line of YCbCr, sixteen pixels at a time so that the compiler makes vectors of them.
fn ycbcr(y: &[u8], cb: &[u8], cr: &[u8], pixels: &mut [u8]) {
    let (y, cb, cr) = (
        y.as_chunks::<16>(),
        cb.as_chunks::<16>(),
        cr.as_chunks::<16>(),
    );
    let mut chunks = pixels.chunks_exact_mut(48);
    let mut whole = 0;
    for (((pixels, y), cb), cr) in chunks.by_ref().zip(y.0).zip(cb.0).zip(cr.0) {
        let mut planes = [[0; 16]; 3];
        for i in 0..16 {
            let [red, green, blue] = rgb(y[i], cb[i], cr[i]);
            planes[0][i] = red;
            planes[1][i] = green;
            planes[2][i] = blue;
        }
        for (i, pixel) in pixels.as_chunks_mut::<3>().0.iter_mut().enumerate() {
            *pixel = [planes[0][i & 15], planes[1][i & 15], planes[2][i & 15]];
        }
        whole += 1;
    }
    let rest = |of: (&[[u8; 16]], &[u8])| -> [u8; 16] {
        let mut padded = [0; 16];
        let from = of.0.get(whole).map_or(of.1, |chunk| &chunk[..]);
        for (to, &from) in padded.iter_mut().zip(from) {
            *to = from;
        }
        padded
    };
    let (y, cb, cr) = (rest(y), rest(cb), rest(cr));
    for (i, pixel) in chunks
        .into_remainder()
        .as_chunks_mut::<3>()
        .0
        .iter_mut()
        .enumerate()
    {
        *pixel = rgb(y[i & 15], cb[i & 15], cr[i & 15]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ycbcr_is_within_rounding_of_the_definition() {
        for y in (0..=255).step_by(5) {
            for cb in (0..=255).step_by(3) {
                for cr in (0..=255).step_by(3) {
                    let (luma, blue, red) =
                        (f64::from(y), f64::from(cb) - 128.0, f64::from(cr) - 128.0);
                    let expected = [
                        luma + 1.402 * red,
                        luma - 0.344_136 * blue - 0.714_136 * red,
                        luma + 1.772 * blue,
                    ];
                    for (level, expected) in
                        rgb(y as u8, cb as u8, cr as u8).into_iter().zip(expected)
                    {
                        assert!((f64::from(level) - expected.clamp(0.0, 255.0)).abs() < 0.502);
                    }
                }
            }
        }
    }

    #[test]
    fn a_line_of_any_length_is_converted_pixel_by_pixel() {
        let line = |seed: u32, length: u32| -> Vec<u8> {
            (0..length).map(|i| (i * seed % 256) as u8).collect()
        };
        for length in 0..70 {
            // Lines of components are padded to whole blocks, and to different lengths.
            let (y, cb, cr) = (
                line(37, length + 3),
                line(91, length + 20),
                line(53, length),
            );
            let mut pixels = vec![0; 3 * length as usize];
            ycbcr(&y, &cb, &cr, &mut pixels);
            for (i, pixel) in pixels.as_chunks::<3>().0.iter().enumerate() {
                assert_eq!(*pixel, rgb(y[i], cb[i], cr[i]), "{length} {i}");
            }
        }
    }

    #[test]
    fn inks_are_stored_inverted() {
        let convert = |colour, stored: [u8; 4]| {
            let mut pixel = [0; 4];
            let components: Vec<&[u8]> = stored.iter().map(std::slice::from_ref).collect();
            Conversion { colour }.line(&components, &mut pixel);
            pixel
        };
        assert_eq!(convert(Colour::Cmyk, [255, 245, 235, 0]), [0, 10, 20, 255]);
        // White paper: inks stored as 255, so that their luma is 0.
        assert_eq!(convert(Colour::Ycck, [0, 128, 128, 255]), [0, 0, 0, 0]);
        assert_eq!(
            convert(Colour::Ycck, [255, 128, 128, 0]),
            [255, 255, 255, 255]
        );
    }
}
