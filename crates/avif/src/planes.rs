//! Pixels as planes of luma and chroma, chroma at its full or half its size.

use crate::Pixels;

/// How much of the colour is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sampling {
    /// There is none: one plane of grey.
    None,
    /// 4:2:0
    Halved,
    /// 4:4:4
    Full,
}

/// A plane and the bytes of its rows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plane {
    pub(crate) bytes: Vec<u8>,
    pub(crate) stride: usize,
}

pub(crate) struct Planes {
    /// Luma, or luma and both chromas.
    pub(crate) colour: Vec<Plane>,
    pub(crate) sampling: Sampling,
    pub(crate) alpha: Option<Plane>,
}

impl Planes {
    pub(crate) fn of(pixels: Pixels<'_>, width: usize, sampling: Sampling) -> Self {
        let plane = |bytes: Vec<u8>| Plane {
            bytes,
            stride: width,
        };
        let grey = |grey: Vec<u8>, alpha: Option<Vec<u8>>| Self {
            colour: vec![plane(grey)],
            sampling: Sampling::None,
            alpha: alpha.map(plane),
        };
        let coloured = |[luma, blue, red]: [Vec<u8>; 3], alpha: Option<Vec<u8>>| {
            let chroma = |bytes: Vec<u8>| match sampling {
                Sampling::Full | Sampling::None => plane(bytes),
                Sampling::Halved => halved(&bytes, width),
            };
            Self {
                colour: vec![plane(luma), chroma(blue), chroma(red)],
                sampling,
                alpha: alpha.map(plane),
            }
        };
        match pixels {
            Pixels::Grey(pixels) => grey(pixels.to_vec(), None),
            Pixels::GreyAlpha(pixels) => grey(
                pixels.iter().map(|pixel| pixel[0]).collect(),
                Some(pixels.iter().map(|pixel| pixel[1]).collect()),
            ),
            Pixels::Rgb(pixels) => coloured(ycbcr(pixels.iter().copied()), None),
            Pixels::Rgba(pixels) => coloured(
                ycbcr(pixels.iter().map(|&[r, g, b, _]| [r, g, b])),
                Some(pixels.iter().map(|pixel| pixel[3]).collect()),
            ),
        }
    }
}

/// ITU-R BT.601 in full range, in 16 bits of fraction, as JPEG has it.
fn ycbcr(pixels: impl ExactSizeIterator<Item = [u8; 3]>) -> [Vec<u8>; 3] {
    let mut planes = [(); 3].map(|()| Vec::with_capacity(pixels.len()));
    let [luma, blue, red] = &mut planes;
    for [r, g, b] in pixels {
        let (r, g, b) = (i32::from(r), i32::from(g), i32::from(b));
        let fixed = |value: i32| (value >> 16).clamp(0, 255) as u8;
        luma.push(fixed(19_595 * r + 38_470 * g + 7_471 * b + 0x8000));
        blue.push(fixed(
            -11_059 * r - 21_709 * g + 32_768 * b + (128 << 16) + 0x7fff,
        ));
        red.push(fixed(
            32_768 * r - 27_439 * g - 5_329 * b + (128 << 16) + 0x7fff,
        ));
    }
    planes
}

/// Averages of two by two; the last column or row stands for itself where there is an odd one.
fn halved(bytes: &[u8], stride: usize) -> Plane {
    let mut halved = Vec::with_capacity(bytes.len() / 4 + stride);
    for pair in bytes.chunks(2 * stride.max(1)) {
        let (upper, lower) = pair.split_at_checked(stride).unwrap_or((pair, &[]));
        let lower = if lower.is_empty() { upper } else { lower };
        for (upper, lower) in upper.chunks(2).zip(lower.chunks(2)) {
            let sum = |pair: &[u8]| {
                let first = pair.first().copied().unwrap_or_default();
                u16::from(first) + u16::from(pair.last().copied().unwrap_or(first))
            };
            halved.push(((sum(upper) + sum(lower) + 2) / 4) as u8);
        }
    }
    Plane {
        bytes: halved,
        stride: stride.div_ceil(2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_are_halved_with_odd_edges() {
        let plane = halved(&[0, 4, 9, 8, 12, 9, 100, 101, 7], 3);
        assert_eq!((plane.bytes, plane.stride), (vec![6, 9, 101, 7], 2));
    }

    #[test]
    fn grey_stays_grey_between_the_colour_models() {
        let [luma, blue, red] = ycbcr((0..256).map(|grey| [grey as u8; 3]));
        assert!(luma.iter().copied().eq(0..=255));
        assert!(blue.iter().chain(&red).all(|&chroma| chroma == 128));
    }
}
