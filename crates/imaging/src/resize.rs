//! Scaling down with Lanczos3 on premultiplied alpha, then cutting.

use crate::decode::Pixels;
use crate::error::Error;
use crate::geometry::Plan;
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

/// Brings pixels to the size of a plan.
pub(crate) fn resize(pixels: Pixels, plan: Plan) -> Result<Pixels, Error> {
    let (width, height) = pixels.dimensions();
    if (plan.scaled.width, plan.scaled.height) == (plan.cut.width, plan.cut.height)
        && (plan.cut.width, plan.cut.height) == (width, height)
    {
        return Ok(pixels);
    }
    // Only what remains after the cut is scaled: the cut is carried back to the original, and kept within it where a
    // ratio is no exact fraction.
    let back = |from: u32, length: u32, scaled: u32, original: u32| {
        let (ratio, original) = (f64::from(original) / f64::from(scaled), f64::from(original));
        let start = (f64::from(from) * ratio).min(original);
        (start, (f64::from(length) * ratio).min(original - start))
    };
    let (left, crop_width) = back(plan.left, plan.cut.width, plan.scaled.width, width);
    let (top, crop_height) = back(plan.top, plan.cut.height, plan.scaled.height, height);
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3))
        .crop(left, top, crop_width, crop_height);
    let failed = |error: &dyn std::fmt::Display| Error::Encode(format!("resize: {error}"));
    let kind = match &pixels {
        Pixels::Grey(_) => PixelType::U8,
        Pixels::GreyAlpha(_) => PixelType::U8x2,
        Pixels::Rgb(_) => PixelType::U8x3,
        Pixels::Rgba(_) => PixelType::U8x4,
    };
    let source =
        ImageRef::new(width, height, pixels.bytes(), kind).map_err(|error| failed(&error))?;
    let mut target = Image::new(plan.cut.width, plan.cut.height, kind);
    Resizer::new()
        .resize(&source, &mut target, &options)
        .map_err(|error| failed(&error))?;

    let (width, height, bytes) = (plan.cut.width, plan.cut.height, target.into_vec());
    let resized = match pixels {
        Pixels::Grey(_) => image::GrayImage::from_raw(width, height, bytes).map(Pixels::Grey),
        Pixels::GreyAlpha(_) => {
            image::GrayAlphaImage::from_raw(width, height, bytes).map(Pixels::GreyAlpha)
        }
        Pixels::Rgb(_) => image::RgbImage::from_raw(width, height, bytes).map(Pixels::Rgb),
        Pixels::Rgba(_) => image::RgbaImage::from_raw(width, height, bytes).map(Pixels::Rgba),
    };
    resized.ok_or_else(|| failed(&"the buffer has another size"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Size;

    fn to(width: u32, height: u32) -> Plan {
        let size = Size { width, height };
        Plan {
            scaled: size,
            left: 0,
            top: 0,
            cut: size,
        }
    }

    #[test]
    fn a_hidden_colour_does_not_bleed_into_what_is_seen() {
        let checks = image::RgbaImage::from_fn(64, 64, |x, _| {
            if x % 2 == 0 {
                image::Rgba([255, 0, 0, 0])
            } else {
                image::Rgba([0, 0, 255, 255])
            }
        });
        let Pixels::Rgba(small) = resize(Pixels::Rgba(checks), to(16, 16)).unwrap() else {
            panic!("lost its alpha")
        };
        assert!(
            small
                .pixels()
                .all(|pixel| pixel.0[0] <= 2 && pixel.0[2] >= 250 && pixel.0[3] > 90)
        );
    }

    #[test]
    fn ratios_that_are_no_fractions_stay_within_the_picture() {
        for (width, height) in [(3264, 2448), (997, 991), (1, 3000), (613, 7)] {
            for side in 1..200 {
                let operation = image_url::Operation::Crop {
                    width: side.try_into().unwrap(),
                    height: 33.try_into().unwrap(),
                };
                let size = Size { width, height };
                let plan = crate::geometry::plan(size, operation);
                let picture = Pixels::Grey(image::GrayImage::new(width, height));
                assert_eq!(
                    resize(picture, plan).unwrap().dimensions(),
                    (plan.cut.width, plan.cut.height)
                );
            }
        }
    }

    #[test]
    fn the_cut_is_the_middle() {
        let wide = image::GrayImage::from_fn(300, 100, |x, _| {
            image::Luma([if (100..200).contains(&x) { 255 } else { 0 }])
        });
        let cut = Size {
            width: 50,
            height: 50,
        };
        let plan = Plan {
            scaled: Size {
                width: 150,
                height: 50,
            },
            left: 50,
            top: 0,
            cut,
        };
        let Pixels::Grey(middle) = resize(Pixels::Grey(wide), plan).unwrap() else {
            panic!("not grey")
        };
        assert_eq!(middle.dimensions(), (50, 50));
        assert!(
            middle
                .enumerate_pixels()
                .all(|(x, _, pixel)| !(3..47).contains(&x) || pixel.0[0] > 250)
        );
    }
}
