//! ICC profiles to sRGB, after scaling, when there are fewer pixels. Answers carry no profile. Samples of 16 bits, and
//! light beyond white, are converted while they are decoded.

mod signals;
mod tone;
mod wide;

use crate::error::Error;
use crate::pixels::{self, Pixels};
pub(crate) use signals::{Space, name as space_name, space};
pub(crate) use wide::Wide;

use moxcms::{ColorProfile, DataColorSpace, Layout, ToneReprCurve, TransformOptions};

/// Converts pixels from an embedded profile. One that cannot be used is ignored, as browsers do. Inks always become RGB.
pub(crate) fn to_srgb(pixels: Pixels, profile: Option<&[u8]>) -> Result<Pixels, Error> {
    let profile = profile.and_then(|bytes| ColorProfile::new_from_slice(bytes).ok());
    let converted = profile
        .filter(|profile| !is_srgb(profile))
        .and_then(|profile| convert(&pixels, &profile));
    match converted {
        Some(converted) => Ok(converted),
        None if pixels.layout() == pixels::Layout::Cmyk => inks(&pixels),
        None => Ok(pixels),
    }
}

/// What printers would make of the inks without knowing which: each absorbs its complement.
fn inks(pixels: &Pixels) -> Result<Pixels, Error> {
    let bytes = pixels
        .bytes()
        .as_chunks::<4>()
        .0
        .iter()
        .flat_map(|&[cyan, magenta, yellow, black]| {
            [cyan, magenta, yellow]
                .map(|ink| ((u32::from(ink) * u32::from(black) + 127) / 255) as u8)
        })
        .collect();
    Pixels::new(pixels.width(), pixels.height(), pixels::Layout::Rgb, bytes)
}

fn convert(pixels: &Pixels, profile: &ColorProfile) -> Option<Pixels> {
    let space = profile.color_space;
    let (width, height) = (pixels.width(), pixels.height());
    match (pixels.layout(), space) {
        (pixels::Layout::Rgb, DataColorSpace::Rgb) => {
            let bytes = transform(profile, Layout::Rgb, Layout::Rgb, pixels.bytes(), 3)?;
            Pixels::new(width, height, pixels.layout(), bytes).ok()
        }
        (pixels::Layout::Rgba, DataColorSpace::Rgb) => {
            let bytes = transform(profile, Layout::Rgba, Layout::Rgba, pixels.bytes(), 4)?;
            Pixels::new(width, height, pixels.layout(), bytes).ok()
        }
        (pixels::Layout::Cmyk, DataColorSpace::Cmyk) => {
            // Profiles take 255 for full ink.
            let ink: Vec<u8> = pixels.bytes().iter().map(|stored| 255 - stored).collect();
            let bytes = transform(profile, Layout::Rgba, Layout::Rgb, &ink, 3)?;
            Pixels::new(width, height, pixels::Layout::Rgb, bytes).ok()
        }
        (
            pixels::Layout::Grey | pixels::Layout::GreyAlpha,
            DataColorSpace::Gray | DataColorSpace::Rgb,
        ) => grey(pixels, profile),
        _ => None,
    }
}

/// Grey stays grey: its 256 values are converted, and each pixel looked up.
fn grey(pixels: &Pixels, profile: &ColorProfile) -> Option<Pixels> {
    let ramp: Vec<u8> = (0..=255).collect();
    let colours = if profile.color_space == DataColorSpace::Gray {
        transform(profile, Layout::Gray, Layout::Rgb, &ramp, 3)?
    } else {
        let ramp: Vec<u8> = ramp.iter().flat_map(|&grey| [grey; 3]).collect();
        transform(profile, Layout::Rgb, Layout::Rgb, &ramp, 3)?
    };
    let table: Vec<u8> = colours
        .as_chunks::<3>()
        .0
        .iter()
        .map(|rgb| rgb[1])
        .collect();
    let mut converted = pixels.clone();
    let step = converted.layout().channels();
    for grey in converted.bytes_mut().iter_mut().step_by(step) {
        *grey = table.get(usize::from(*grey)).copied().unwrap_or(*grey);
    }
    Some(converted)
}

fn transform(
    profile: &ColorProfile,
    from: Layout,
    to: Layout,
    source: &[u8],
    channels: usize,
) -> Option<Vec<u8>> {
    let srgb = ColorProfile::new_srgb();
    let transform = profile
        .create_transform_8bit(from, &srgb, to, TransformOptions::default())
        .ok()?;
    let pixels = source.len() / from.channels();
    let mut target = vec![0; pixels * channels];
    transform.transform(source, &mut target).ok()?;
    Some(target)
}

/// Most embedded profiles are sRGB in one of its many editions, whose colours would come out as they went in.
pub(crate) fn is_srgb(profile: &ColorProfile) -> bool {
    const TOLERANCE: f64 = 0.002;
    if profile.color_space != DataColorSpace::Rgb
        || profile.lut_a_to_b_perceptual.is_some()
        || profile.lut_a_to_b_colorimetric.is_some()
        || profile.lut_a_to_b_saturation.is_some()
    {
        return false;
    }
    let srgb = ColorProfile::new_srgb();
    let colorants = [
        (profile.red_colorant, srgb.red_colorant),
        (profile.green_colorant, srgb.green_colorant),
        (profile.blue_colorant, srgb.blue_colorant),
    ];
    let same_colours = colorants.iter().all(|(own, other)| {
        (own.x - other.x).abs() < TOLERANCE
            && (own.y - other.y).abs() < TOLERANCE
            && (own.z - other.z).abs() < TOLERANCE
    });
    same_colours
        && [&profile.red_trc, &profile.green_trc, &profile.blue_trc]
            .into_iter()
            .all(|curve| curve.as_ref().is_some_and(is_srgb_curve))
}

fn is_srgb_curve(curve: &ToneReprCurve) -> bool {
    const TOLERANCE: f64 = 0.002;
    (0..=32).all(|step| {
        let x = f64::from(step) / 32.0;
        let expected = if x <= 0.040_45 {
            x / 12.92
        } else {
            ((x + 0.055) / 1.055).powf(2.4)
        };
        value_at(curve, x).is_some_and(|value| (value - expected).abs() < TOLERANCE)
    })
}

/// ICC.1:2022 §10.6 and §10.18.
fn value_at(curve: &ToneReprCurve, x: f64) -> Option<f64> {
    match curve {
        ToneReprCurve::Lut(table) => {
            let last = table.len().checked_sub(1).filter(|last| *last > 0)?;
            let position = x * last as f64;
            let below = position.floor() as usize;
            let low = f64::from(*table.get(below)?);
            let high = f64::from(*table.get((below + 1).min(last))?);
            Some((low + (high - low) * position.fract()) / 65_535.0)
        }
        ToneReprCurve::Parametric(parameters) => {
            let parameters: Vec<f64> = parameters.iter().copied().map(f64::from).collect();
            let &[gamma, slope, shift, linear, limit, ref rest @ ..] = &parameters[..] else {
                return None;
            };
            let (lift, foot) = match rest {
                [lift, foot, ..] => (*lift, *foot),
                _ => (0.0, 0.0),
            };
            Some(if x >= limit {
                (slope * x + shift).powf(gamma) + lift
            } else {
                linear * x + foot
            })
        }
    }
}

/// The name by which a profile calls itself.
pub(crate) fn name(profile: &[u8]) -> Option<String> {
    use moxcms::ProfileText;
    let text = match ColorProfile::new_from_slice(profile).ok()?.description? {
        ProfileText::PlainString(text) => text,
        ProfileText::Localizable(texts) => texts.into_iter().next()?.value,
        ProfileText::Description(description) => {
            if description.ascii_string.is_empty() {
                description.unicode_string
            } else {
                description.ascii_string
            }
        }
    };
    let text = text.trim_matches(|letter: char| letter == '\0' || letter.is_whitespace());
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pixel(layout: pixels::Layout, bytes: &[u8]) -> Pixels {
        Pixels::new(1, 1, layout, bytes.to_vec()).unwrap()
    }

    fn near(pixels: &Pixels, expected: &[u8]) {
        let close = |(a, b): (&u8, &u8)| a.abs_diff(*b) <= 2;
        assert!(
            pixels.bytes().len() == expected.len()
                && pixels.bytes().iter().zip(expected).all(close),
            "{pixels:?} is not {expected:?}"
        );
    }

    #[test]
    fn a_wide_gamut_comes_to_srgb() {
        let profile = ColorProfile::new_display_p3().encode().unwrap();
        // Display P3's (200, 100, 50) in sRGB, by the matrices of CSS Color 4.
        let converted = to_srgb(pixel(pixels::Layout::Rgb, &[200, 100, 50]), Some(&profile));
        near(&converted.unwrap(), &[215, 93, 31]);
        let converted = to_srgb(
            pixel(pixels::Layout::Rgba, &[200, 100, 50, 9]),
            Some(&profile),
        );
        near(&converted.unwrap(), &[215, 93, 31, 9]);
    }

    #[test]
    fn srgb_is_known_and_left_alone() {
        let srgb = ColorProfile::new_srgb();
        assert!(is_srgb(&srgb));
        let read = ColorProfile::new_from_slice(&srgb.encode().unwrap()).unwrap();
        assert!(is_srgb(&read));
        for other in [
            ColorProfile::new_display_p3(),
            ColorProfile::new_adobe_rgb(),
            ColorProfile::new_bt2020(),
        ] {
            assert!(!is_srgb(&other));
        }
    }

    #[test]
    fn grey_is_converted_and_stays_grey() {
        let profile = ColorProfile::new_gray_with_gamma(1.0).encode().unwrap();
        let converted =
            to_srgb(pixel(pixels::Layout::GreyAlpha, &[55, 7]), Some(&profile)).unwrap();
        assert_eq!(converted.layout(), pixels::Layout::GreyAlpha);
        near(&converted, &[128, 7]);
    }

    #[test]
    fn inks_without_a_profile_become_what_they_absorb() {
        let rgb = to_srgb(pixel(pixels::Layout::Cmyk, &[255, 0, 0, 255]), None).unwrap();
        assert_eq!(
            (rgb.layout(), rgb.bytes()),
            (pixels::Layout::Rgb, &[255, 0, 0][..])
        );
        let black = to_srgb(pixel(pixels::Layout::Cmyk, &[255, 255, 255, 0]), None).unwrap();
        assert_eq!(black.bytes(), [0, 0, 0]);
    }

    #[test]
    fn a_broken_profile_or_one_of_another_space_is_ignored() {
        let grey = ColorProfile::new_gray_with_gamma(2.2).encode().unwrap();
        for profile in [&b"no profile"[..], &grey[..60], &grey] {
            let kept = to_srgb(pixel(pixels::Layout::Rgb, &[1, 2, 3]), Some(profile)).unwrap();
            assert_eq!(kept.bytes(), [1, 2, 3]);
        }
    }
}
