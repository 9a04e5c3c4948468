//! A background behind what is transparent.

use crate::error::Error;
use crate::pixels::{Layout, Pixels};

/// Lays pixels on a colour, RGBA. Grey stays grey on an opaque grey; alpha stays where the colour is not opaque.
pub(crate) fn flatten(pixels: Pixels, [red, green, blue, below]: [u8; 4]) -> Result<Pixels, Error> {
    if !pixels.layout().has_alpha() {
        return Ok(pixels);
    }
    let (width, height) = (pixels.width(), pixels.height());
    if below < 255 {
        let mut pixels = pixels.into_colour();
        for pixel in pixels.bytes_mut().as_chunks_mut::<4>().0 {
            *pixel = over_translucent(*pixel, [red, green, blue, below]);
        }
        return Ok(pixels);
    }
    if pixels.layout() == Layout::GreyAlpha && red == green && green == blue {
        let greys = pixels.bytes().as_chunks::<2>().0.iter();
        let bytes = greys.map(|&[grey, alpha]| over(grey, alpha, red)).collect();
        return Pixels::new(width, height, Layout::Grey, bytes);
    }
    let pixels = pixels.into_colour();
    let bytes = pixels
        .bytes()
        .as_chunks::<4>()
        .0
        .iter()
        .flat_map(|&[r, g, b, alpha]| {
            [
                over(r, alpha, red),
                over(g, alpha, green),
                over(b, alpha, blue),
            ]
        })
        .collect();
    Pixels::new(width, height, Layout::Rgb, bytes)
}

fn over(channel: u8, alpha: u8, below: u8) -> u8 {
    let (channel, alpha, below) = (u32::from(channel), u32::from(alpha), u32::from(below));
    ((channel * alpha + below * (255 - alpha) + 127) / 255) as u8
}

/// Porter and Duff's `over`, for colours that are not multiplied with their alpha.
fn over_translucent(above: [u8; 4], below: [u8; 4]) -> [u8; 4] {
    let ([r, g, b, alpha], [red, green, blue, other]) =
        (above.map(u32::from), below.map(u32::from));
    let (own, rest) = (alpha * 255, other * (255 - alpha));
    let sum = own + rest;
    let mix = |above: u32, below: u32| (above * own + below * rest + sum / 2).checked_div(sum);
    let [r, g, b] = [mix(r, red), mix(g, green), mix(b, blue)].map(Option::unwrap_or_default);
    [r, g, b, (sum + 127) / 255].map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_transparent_shows_the_background() {
        let pixels = Pixels::new(
            3,
            1,
            Layout::Rgba,
            vec![9, 9, 9, 0, 100, 0, 200, 128, 1, 2, 3, 255],
        )
        .unwrap();
        let flat = flatten(pixels, [255, 0, 0, 255]).unwrap();
        assert_eq!(flat.bytes(), [255, 0, 0, 177, 0, 100, 1, 2, 3]);
    }

    #[test]
    fn grey_becomes_coloured_only_when_it_must() {
        let pixels = Pixels::new(1, 1, Layout::GreyAlpha, vec![0, 0]).unwrap();
        let grey = flatten(pixels.clone(), [7, 7, 7, 255]).unwrap();
        assert_eq!((grey.layout(), grey.bytes()), (Layout::Grey, &[7][..]));
        assert_eq!(flatten(pixels, [7, 8, 9, 255]).unwrap().bytes(), [7, 8, 9]);
    }

    #[test]
    fn a_translucent_background_leaves_alpha() {
        let bytes = [[9, 9, 9, 0], [200, 0, 0, 255], [200, 0, 0, 128]].concat();
        let pixels = Pixels::new(3, 1, Layout::Rgba, bytes).unwrap();
        let laid = flatten(pixels, [0, 0, 200, 128]).unwrap();
        assert_eq!(laid.bytes()[..8], [0, 0, 200, 128, 200, 0, 0, 255]);
        // 128 + 128 * (1 - 128/255) = 192 of alpha, two thirds of it red.
        assert_eq!(laid.bytes()[8..], [133, 0, 67, 192]);
    }
}
