//! Scaling with Lanczos3 on premultiplied alpha. Only what remains after the cut is scaled.

use crate::error::Error;
use crate::geometry::{Area, Size};
use crate::pixels::{Layout, Pixels};
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, MulDiv, PixelType, ResizeAlg, ResizeOptions, Resizer};

/// Which part of which picture becomes which size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scaling {
    /// Left edge of the part, in pixels of the picture; a part may begin within a pixel.
    pub(crate) left: f64,
    /// Upper edge of the part.
    pub(crate) top: f64,
    /// Width of the part.
    pub(crate) width: f64,
    /// Height of the part.
    pub(crate) height: f64,
    /// What it is scaled to.
    pub(crate) to: Size,
}

impl Scaling {
    /// Carries a cut of a scaled picture back to the pixels it is made of.
    ///
    /// `source` is what of the original is scaled, of an original of the size `stored`; `decoded` is the size at which that
    /// original was decoded, whose last column and row may stand for less than a whole pixel of it.
    pub(crate) fn new(
        stored: Size,
        source: Area,
        scaled: Size,
        cut: Area,
        shrink: u32,
        decoded: Size,
    ) -> Self {
        let axis = |from: u32,
                    length: u32,
                    scaled: u32,
                    cut_from: u32,
                    cut: u32,
                    stored: u32,
                    decoded: u32| {
            let (shrink, scaled) = (f64::from(shrink), f64::from(scaled));
            // The picture's true extent in decoded pixels.
            let extent = (f64::from(stored) / shrink).min(f64::from(decoded));
            let (from, length) = (f64::from(from) / shrink, f64::from(length) / shrink);
            let ratio = length / scaled;
            let start = (from + f64::from(cut_from) * ratio).min(extent);
            (start, (f64::from(cut) * ratio).min(extent - start))
        };
        let (left, width) = axis(
            source.left,
            source.width,
            scaled.width,
            cut.left,
            cut.width,
            stored.width,
            decoded.width,
        );
        let (top, height) = axis(
            source.top,
            source.height,
            scaled.height,
            cut.top,
            cut.height,
            stored.height,
            decoded.height,
        );
        Self {
            left,
            top,
            width,
            height,
            to: cut.size(),
        }
    }

    fn is_none(&self, width: u32, height: u32) -> bool {
        let whole = [0.0, 0.0, f64::from(width), f64::from(height)];
        [self.left, self.top, self.width, self.height] == whole
            && (self.to.width, self.to.height) == (width, height)
    }

    /// The part, where it is cut out without being scaled.
    fn as_cut(&self) -> Option<Area> {
        let whole = |value: f64| (value.fract() == 0.0).then_some(value as u32);
        let area = Area {
            left: whole(self.left)?,
            top: whole(self.top)?,
            width: whole(self.width)?,
            height: whole(self.height)?,
        };
        (area.size() == self.to).then_some(area)
    }
}

/// Scales pixels.
pub(crate) fn resize(mut pixels: Pixels, scaling: Scaling) -> Result<Pixels, Error> {
    if scaling.is_none(pixels.width(), pixels.height()) {
        return Ok(pixels);
    }
    if let Some(area) = scaling.as_cut() {
        return pixels.cut(area.left, area.top, area.width, area.height);
    }
    if pixels.layout().has_alpha() {
        // In place, since the library would copy the whole picture to do it.
        let (width, height, kind) = (pixels.width(), pixels.height(), kind(pixels.layout()));
        let mut image =
            Image::from_slice_u8(width, height, pixels.bytes_mut(), kind).map_err(failed)?;
        MulDiv::new()
            .multiply_alpha_inplace(&mut image)
            .map_err(failed)?;
    }
    scale(&pixels, scaling, FilterType::Lanczos3)
}

/// Scales premultiplied pixels, and divides them again.
fn scale(pixels: &Pixels, scaling: Scaling, filter: FilterType) -> Result<Pixels, Error> {
    let kind = kind(pixels.layout());
    let source =
        ImageRef::new(pixels.width(), pixels.height(), pixels.bytes(), kind).map_err(failed)?;
    let Size { width, height } = scaling.to;
    let mut target = Image::new(width, height, kind);
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(filter))
        .crop(scaling.left, scaling.top, scaling.width, scaling.height)
        .use_alpha(false);
    Resizer::new()
        .resize(&source, &mut target, &options)
        .map_err(failed)?;
    if pixels.layout().has_alpha() {
        MulDiv::new()
            .divide_alpha_inplace(&mut target)
            .map_err(failed)?;
    }
    Pixels::new(width, height, pixels.layout(), target.into_vec())
}

/// A small picture of a large one, for looking at as a whole: averaged, never larger than `side`, alpha ignored.
pub(crate) fn thumbnail(pixels: &Pixels, side: u32) -> Result<Pixels, Error> {
    let (width, height) = (pixels.width(), pixels.height());
    let longest = width.max(height);
    if longest <= side {
        return Ok(pixels.clone());
    }
    let to = |length: u32| (u64::from(length) * u64::from(side) / u64::from(longest)).max(1) as u32;
    let kind = kind(pixels.layout());
    let source = ImageRef::new(width, height, pixels.bytes(), kind).map_err(failed)?;
    let mut target = Image::new(to(width), to(height), kind);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Box));
    Resizer::new()
        .resize(&source, &mut target, &options)
        .map_err(failed)?;
    let (width, height) = (target.width(), target.height());
    Pixels::new(width, height, pixels.layout(), target.into_vec())
}

const fn kind(layout: Layout) -> PixelType {
    match layout {
        Layout::Grey => PixelType::U8,
        Layout::GreyAlpha => PixelType::U8x2,
        Layout::Rgb => PixelType::U8x3,
        Layout::Rgba | Layout::Cmyk => PixelType::U8x4,
    }
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::Encode(format!("resize: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(width: u32, height: u32, from: &Pixels) -> Scaling {
        Scaling {
            left: 0.0,
            top: 0.0,
            width: from.width().into(),
            height: from.height().into(),
            to: Size { width, height },
        }
    }

    #[test]
    fn a_hidden_colour_does_not_bleed_into_what_is_seen() {
        let checks = [[255, 0, 0, 0], [0, 0, 255, 255]].concat().repeat(32 * 64);
        let checks = Pixels::new(64, 64, Layout::Rgba, checks).unwrap();
        let scaling = to(16, 16, &checks);
        let small = resize(checks, scaling).unwrap();
        assert!(
            small
                .bytes()
                .as_chunks::<4>()
                .0
                .iter()
                .all(|pixel| pixel[0] <= 2 && pixel[2] >= 250 && pixel[3] > 90)
        );
    }

    #[test]
    fn parts_that_are_no_fractions_stay_within_the_picture() {
        for (width, height) in [(3264, 2448), (997, 991), (1, 3000), (613, 7)] {
            for shrink in [1, 2, 4, 8] {
                let decoded = Size {
                    width: u32::div_ceil(width, shrink),
                    height: u32::div_ceil(height, shrink),
                };
                let stored = Size { width, height };
                for side in 1..200 {
                    let scaled = Size {
                        width: side,
                        height: side + 3,
                    };
                    let cut = Area {
                        left: side / 3,
                        top: 1,
                        width: side - side / 3,
                        height: side + 1,
                    };
                    let source = Area::whole(stored);
                    let scaling = Scaling::new(stored, source, scaled, cut, shrink, decoded);
                    let pixels =
                        Pixels::filled(decoded.width, decoded.height, Layout::Grey, &[7]).unwrap();
                    let small = resize(pixels, scaling).unwrap();
                    assert_eq!((small.width(), small.height()), (cut.width, cut.height));
                }
            }
        }
    }

    #[test]
    fn the_cut_is_where_it_was_asked_for() {
        let row: Vec<u8> = (0..300)
            .map(|x| if (100..200).contains(&x) { 255 } else { 0 })
            .collect();
        let wide = Pixels::new(300, 100, Layout::Grey, row.repeat(100)).unwrap();
        let size = Size {
            width: 300,
            height: 100,
        };
        let cut = Area {
            left: 50,
            top: 0,
            width: 50,
            height: 50,
        };
        let scaled = Size {
            width: 150,
            height: 50,
        };
        let scaling = Scaling::new(size, Area::whole(size), scaled, cut, 1, size);
        let middle = resize(wide, scaling).unwrap();
        assert!(
            middle
                .rows()
                .all(|row| row[3..47].iter().all(|&grey| grey > 250))
        );
    }

    #[test]
    fn what_is_not_scaled_is_copied_exactly() {
        let picture = Pixels::new(4, 4, Layout::Grey, (0..16).collect()).unwrap();
        let cut = Scaling {
            left: 1.0,
            top: 2.0,
            width: 2.0,
            height: 1.0,
            to: Size {
                width: 2,
                height: 1,
            },
        };
        assert_eq!(resize(picture, cut).unwrap().bytes(), [9, 10]);
    }
}
