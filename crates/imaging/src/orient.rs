//! The eight ways a picture can lie, of EXIF and of turns and flips in URLs: where its size and its cuts go, and its pixels.
//!
//! A camera's picture is turned after scaling, when there are fewer pixels to turn; so the geometry is turned first.

use crate::error::Error;
use crate::geometry::{Area, Size};
use crate::pixels::Pixels;

/// What must be done to stored pixels so that they are as they are to be looked at: transposed first, then flipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Orientation {
    /// Rows become columns.
    pub(crate) transpose: bool,
    /// Left becomes right.
    pub(crate) flip_horizontal: bool,
    /// Upside becomes down.
    pub(crate) flip_vertical: bool,
}

impl Orientation {
    /// The value of EXIF's tag, 1 to 8.
    pub(crate) const fn from_exif(value: u32) -> Option<Self> {
        let (transpose, flip_horizontal, flip_vertical) = match value {
            1 => (false, false, false),
            2 => (false, true, false),
            3 => (false, true, true),
            4 => (false, false, true),
            5 => (true, false, false),
            6 => (true, true, false),
            7 => (true, true, true),
            8 => (true, false, true),
            _ => return None,
        };
        Some(Self {
            transpose,
            flip_horizontal,
            flip_vertical,
        })
    }

    /// The value of EXIF's tag.
    pub(crate) const fn to_exif(self) -> u8 {
        match (self.transpose, self.flip_horizontal, self.flip_vertical) {
            (false, false, false) => 1,
            (false, true, false) => 2,
            (false, true, true) => 3,
            (false, false, true) => 4,
            (true, false, false) => 5,
            (true, true, false) => 6,
            (true, true, true) => 7,
            (true, false, true) => 8,
        }
    }

    /// This one, and another after it.
    pub(crate) const fn then(self, next: Self) -> Self {
        let (horizontal, vertical) = if next.transpose {
            (self.flip_vertical, self.flip_horizontal)
        } else {
            (self.flip_horizontal, self.flip_vertical)
        };
        Self {
            transpose: self.transpose != next.transpose,
            flip_horizontal: horizontal != next.flip_horizontal,
            flip_vertical: vertical != next.flip_vertical,
        }
    }

    /// The size after it; the same function leads back.
    pub(crate) const fn size(self, size: Size) -> Size {
        if self.transpose {
            Size {
                width: size.height,
                height: size.width,
            }
        } else {
            size
        }
    }

    /// Where an area of the looked-at picture lies in the stored one, whose size is given.
    pub(crate) fn area_before(self, after: Area, stored: Size) -> Area {
        let seen = self.size(stored);
        let mut area = after;
        if self.flip_horizontal {
            area.left = seen.width.saturating_sub(after.left + after.width);
        }
        if self.flip_vertical {
            area.top = seen.height.saturating_sub(after.top + after.height);
        }
        if self.transpose {
            area = Area {
                left: area.top,
                top: area.left,
                width: area.height,
                height: area.width,
            };
        }
        area
    }
}

/// Turns and flips pixels.
pub(crate) fn orient(pixels: Pixels, orientation: Orientation) -> Result<Pixels, Error> {
    if orientation == Orientation::default() {
        return Ok(pixels);
    }
    match pixels.layout().channels() {
        1 => oriented::<1>(&pixels, orientation),
        2 => oriented::<2>(&pixels, orientation),
        3 => oriented::<3>(&pixels, orientation),
        _ => oriented::<4>(&pixels, orientation),
    }
}

fn oriented<const N: usize>(pixels: &Pixels, to: Orientation) -> Result<Pixels, Error> {
    let (width, height) = (pixels.width() as usize, pixels.height() as usize);
    let source = pixels.bytes().as_chunks::<N>().0;
    let mut target = Vec::with_capacity(pixels.bytes().len());
    let (rows, columns) = if to.transpose {
        (width, height)
    } else {
        (height, width)
    };
    let (row_step, column_step) = if to.transpose { (1, width) } else { (width, 1) };
    for row in 0..rows {
        let row = if to.flip_vertical {
            rows - 1 - row
        } else {
            row
        };
        let line = source.iter().skip(row * row_step).step_by(column_step);
        if to.flip_horizontal {
            target.extend(line.take(columns).rev().flatten());
        } else {
            target.extend(line.take(columns).flatten());
        }
    }
    Pixels::new(columns as u32, rows as u32, pixels.layout(), target)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pixels::Layout;

    fn all() -> impl Iterator<Item = Orientation> {
        (1..=8).map(|value| Orientation::from_exif(value).unwrap())
    }

    /// A picture of an upright `abc / def`, stored in each of the eight ways of EXIF's own drawing.
    #[test]
    fn all_eight_come_out_upright() {
        for (exif, width, stored) in [
            (1, 3, "abcdef"),
            (2, 3, "cbafed"),
            (3, 3, "fedcba"),
            (4, 3, "defabc"),
            (5, 2, "adbecf"),
            (6, 2, "cfbead"),
            (7, 2, "fcebda"),
            (8, 2, "daebfc"),
        ] {
            let pixels = Pixels::new(width, 6 / width, Layout::Grey, stored.into()).unwrap();
            let upright = orient(pixels, Orientation::from_exif(exif).unwrap()).unwrap();
            assert_eq!(
                (
                    upright.width(),
                    std::str::from_utf8(upright.bytes()).unwrap()
                ),
                (3, "abcdef"),
                "{exif}"
            );
        }
    }

    #[test]
    fn two_after_another_are_one() {
        let picture = Pixels::new(3, 2, Layout::GreyAlpha, (0..12).collect()).unwrap();
        for first in all() {
            for second in all() {
                let twice = orient(orient(picture.clone(), first).unwrap(), second).unwrap();
                assert_eq!(orient(picture.clone(), first.then(second)).unwrap(), twice);
            }
        }
    }

    #[test]
    fn an_area_finds_its_pixels_again() {
        let picture = Pixels::new(5, 4, Layout::Grey, (0..20).collect()).unwrap();
        let stored = Size {
            width: 5,
            height: 4,
        };
        for orientation in all() {
            let seen = orient(picture.clone(), orientation).unwrap();
            let area = Area {
                left: 1,
                top: 0,
                width: 2,
                height: 3,
            };
            let after = seen
                .cut(area.left, area.top, area.width, area.height)
                .unwrap();
            let back = orientation.area_before(area, stored);
            let before = picture
                .cut(back.left, back.top, back.width, back.height)
                .unwrap();
            assert_eq!(orient(before, orientation).unwrap(), after);
        }
    }

    #[test]
    fn exif_values_round_trip() {
        for value in 1..=8 {
            let orientation = Orientation::from_exif(value).unwrap();
            assert_eq!(u32::from(orientation.to_exif()), value);
        }
        assert_eq!(Orientation::from_exif(0), None);
    }
}
