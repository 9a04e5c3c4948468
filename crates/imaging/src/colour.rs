//! ICC profiles to sRGB, after scaling, when there are fewer pixels. Answers carry no profile.

use crate::decode::Pixels;
use moxcms::{ColorProfile, DataColorSpace, Layout, TransformOptions};

/// Converts pixels from an embedded profile. One that cannot be used is ignored, as browsers do.
pub(crate) fn to_srgb(pixels: Pixels, profile: Option<&[u8]>) -> Pixels {
    let Some(profile) = profile.and_then(|bytes| ColorProfile::new_from_slice(bytes).ok()) else {
        return pixels;
    };
    match pixels {
        Pixels::Rgb(image) if profile.color_space == DataColorSpace::Rgb => {
            let (width, height) = image.dimensions();
            let converted = convert(&profile, Layout::Rgb, image.as_raw());
            Pixels::Rgb(
                converted
                    .and_then(|bytes| image::RgbImage::from_raw(width, height, bytes))
                    .unwrap_or(image),
            )
        }
        Pixels::Rgba(image) if profile.color_space == DataColorSpace::Rgb => {
            let (width, height) = image.dimensions();
            let converted = convert(&profile, Layout::Rgba, image.as_raw());
            Pixels::Rgba(
                converted
                    .and_then(|bytes| image::RgbaImage::from_raw(width, height, bytes))
                    .unwrap_or(image),
            )
        }
        other => other,
    }
}

fn convert(profile: &ColorProfile, layout: Layout, source: &[u8]) -> Option<Vec<u8>> {
    let srgb = ColorProfile::new_srgb();
    let transform = profile
        .create_transform_8bit(layout, &srgb, layout, TransformOptions::default())
        .ok()?;
    let mut target = vec![0; source.len()];
    transform.transform(source, &mut target).ok()?;
    Some(target)
}
