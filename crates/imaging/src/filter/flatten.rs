//! A background behind what is transparent.

use crate::error::Error;
use crate::pixels::{Layout, Pixels};

/// Lays pixels on a colour. Grey stays grey on a grey background.
pub(crate) fn flatten(pixels: Pixels, background: [u8; 3]) -> Result<Pixels, Error> {
    let over = |channel: u8, alpha: u8, below: u8| {
        let (channel, alpha, below) = (u32::from(channel), u32::from(alpha), u32::from(below));
        ((channel * alpha + below * (255 - alpha) + 127) / 255) as u8
    };
    let [red, green, blue] = background;
    let pixels = match pixels.layout() {
        Layout::GreyAlpha if red == green && green == blue => {
            let greys = pixels.bytes().as_chunks::<2>().0.iter();
            let bytes = greys.map(|&[grey, alpha]| over(grey, alpha, red)).collect();
            return Pixels::new(pixels.width(), pixels.height(), Layout::Grey, bytes);
        }
        Layout::GreyAlpha => pixels.into_colour(),
        Layout::Rgba => pixels,
        Layout::Grey | Layout::Rgb | Layout::Cmyk => return Ok(pixels),
    };
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
    Pixels::new(pixels.width(), pixels.height(), Layout::Rgb, bytes)
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
        let flat = flatten(pixels, [255, 0, 0]).unwrap();
        assert_eq!(flat.bytes(), [255, 0, 0, 177, 0, 100, 1, 2, 3]);
    }

    #[test]
    fn grey_becomes_coloured_only_when_it_must() {
        let pixels = Pixels::new(1, 1, Layout::GreyAlpha, vec![0, 0]).unwrap();
        let grey = flatten(pixels.clone(), [7; 3]).unwrap();
        assert_eq!((grey.layout(), grey.bytes()), (Layout::Grey, &[7][..]));
        assert_eq!(flatten(pixels, [7, 8, 9]).unwrap().bytes(), [7, 8, 9]);
    }
}
