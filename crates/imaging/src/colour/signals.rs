//! What a PNG says of its colours, in the order in which that counts: `cICP`, `iCCP`, `sRGB`, then `gAMA` and `cHRM`
//! (PNG third edition, §4.3). What cannot be used is passed over, so that the next signal counts.

use super::tone::ToneMap;
use crate::container::png::Signals;
use flate2::{Decompress, FlushDecompress, Status};
use moxcms::{
    Chromaticity, CicpColorPrimaries, CicpProfile, ColorPrimaries, ColorProfile, LocalizableString,
    MatrixCoefficients, ProfileText, ToneReprCurve, TransferCharacteristics,
};

/// The largest ICC profile that is read.
const MAX_PROFILE: usize = 4 << 20;

/// The colours of an original.
pub(crate) enum Space {
    /// Those of the result, or nothing is known of them.
    Srgb,
    /// Those of an ICC profile.
    Profile(Vec<u8>),
    /// Lighter than a screen's white.
    Hdr(Box<ToneMap>),
}

/// The colours of a PNG.
pub(crate) fn space(signals: &Signals<'_>) -> Space {
    if let Some(space) = signals
        .code_points
        .and_then(|points| coded(points, signals))
    {
        return space;
    }
    if let Some(profile) = signals.profile.and_then(embedded) {
        return Space::Profile(profile);
    }
    if signals.srgb {
        return Space::Srgb;
    }
    let profile = calibrated(signals).and_then(|profile| profile.encode().ok());
    profile.map_or(Space::Srgb, Space::Profile)
}

/// The name of a PNG's colours, if it gives them one.
pub(crate) fn name(signals: &Signals<'_>) -> Option<String> {
    if let Some(points) = signals.code_points
        && coded(points, signals).is_some()
    {
        return Some(coded_name(points));
    }
    match space(signals) {
        Space::Profile(profile) => super::name(&profile),
        Space::Srgb | Space::Hdr(_) => None,
    }
}

/// Code points of ITU-T H.273. Samples of a part of the range, and those that are not RGB, are passed over, as in
/// Chromium.
fn coded(points: [u8; 4], signals: &Signals<'_>) -> Option<Space> {
    let [primaries, transfer, matrix, full_range] = points;
    if matrix != 0 || full_range != 1 {
        return None;
    }
    let primaries = CicpColorPrimaries::try_from(primaries).ok()?;
    let transfer = TransferCharacteristics::try_from(transfer).ok()?;
    if matches!(
        primaries,
        CicpColorPrimaries::Reserved | CicpColorPrimaries::Unspecified
    ) {
        return None;
    }
    let profile = |transfer_characteristics| {
        ColorProfile::new_from_cicp(CicpProfile {
            color_primaries: primaries,
            transfer_characteristics,
            matrix_coefficients: MatrixCoefficients::Identity,
            full_range: true,
        })
    };
    match transfer {
        TransferCharacteristics::Reserved | TransferCharacteristics::Unspecified => None,
        TransferCharacteristics::Smpte2084 => {
            let peak = signals.lightest.filter(|lightest| *lightest > 0);
            let peak = peak
                .or(signals.mastering)
                .map(|most| most as f32 / 10_000.0);
            let linear = profile(TransferCharacteristics::Linear);
            Some(Space::Hdr(Box::new(ToneMap::pq(&linear, peak))))
        }
        TransferCharacteristics::Hlg => {
            let linear = profile(TransferCharacteristics::Linear);
            Some(Space::Hdr(Box::new(ToneMap::hlg(&linear))))
        }
        TransferCharacteristics::Srgb if primaries == CicpColorPrimaries::Bt709 => {
            Some(Space::Srgb)
        }
        transfer => {
            let mut profile = profile(transfer);
            profile.red_trc.as_ref()?;
            // The curve is in its place already.
            profile.cicp = None;
            profile.encode().ok().map(Space::Profile)
        }
    }
}

fn coded_name([primaries, transfer, ..]: [u8; 4]) -> String {
    match (primaries, transfer) {
        (1, 13) => "sRGB".to_owned(),
        (12, 13) => "Display P3".to_owned(),
        (9, 16) => "BT.2100 PQ".to_owned(),
        (9, 18) => "BT.2100 HLG".to_owned(),
        (9, 1 | 6 | 14 | 15) => "BT.2020".to_owned(),
        (1, 1 | 6 | 14 | 15) => "BT.709".to_owned(),
        _ => format!("H.273 {primaries}/{transfer}"),
    }
}

/// The profile of an `iCCP` chunk: a name, a zero, the method, and compressed bytes (§11.3.2.3).
fn embedded(chunk: &[u8]) -> Option<Vec<u8>> {
    let end = chunk.iter().position(|byte| *byte == 0)?;
    let [0, compressed @ ..] = chunk.get(end + 1..)? else {
        return None;
    };
    let mut inflate = Decompress::new(true);
    let mut profile = Vec::new();
    loop {
        let (read, length) = (inflate.total_in() as usize, profile.len());
        if length >= MAX_PROFILE {
            return None;
        }
        profile.reserve(length.max(4096));
        let rest = compressed.get(read..)?;
        let status = inflate
            .decompress_vec(rest, &mut profile, FlushDecompress::None)
            .ok()?;
        match status {
            Status::StreamEnd => break,
            _ if inflate.total_in() as usize == read && profile.len() == length => return None,
            _ => {}
        }
    }
    ColorProfile::new_from_slice(&profile).ok()?;
    Some(profile)
}

/// sRGB's chromaticities, as `cHRM` has them.
const SRGB: [u32; 8] = [
    31_270, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000,
];

/// The exponents of `gAMA` that are heeded, times 100,000.
const GAMMAS: std::ops::RangeInclusive<u32> = 1_000..=1_000_000;

/// A profile of what `gAMA` and `cHRM` say. One that says no more than that colours are about sRGB's is none: with the
/// `sRGB` chunk, which is often lost, go 45455 and these chromaticities.
fn calibrated(signals: &Signals<'_>) -> Option<ColorProfile> {
    let gamma = signals
        .gamma
        .filter(|gamma| GAMMAS.contains(gamma) && gamma.abs_diff(45_455) > 500);
    let primaries = signals
        .chromaticities
        .filter(|own| own.iter().zip(SRGB).any(|(a, b)| a.abs_diff(b) > 100));
    let chromatic = primaries.and_then(chromatic);
    if gamma.is_none() && chromatic.is_none() {
        return None;
    }
    let mut described = Vec::new();
    let mut profile = ColorProfile::new_srgb();
    profile.cicp = None;
    if let Some((white, primaries)) = chromatic {
        profile.update_rgb_colorimetry(white.to_xyyb(), primaries);
        described.push("cHRM".to_owned());
    }
    // Other primaries with the usual exponent are those of Adobe RGB, which means it.
    let exponent = gamma.or_else(|| signals.gamma.filter(|gamma| GAMMAS.contains(gamma)));
    if let Some(gamma) = exponent {
        let curve = ToneReprCurve::Parametric(vec![100_000.0 / gamma as f32]);
        profile.red_trc = Some(curve.clone());
        profile.green_trc = Some(curve.clone());
        profile.blue_trc = Some(curve);
        described.insert(0, format!("gAMA {}", f64::from(gamma) / 100_000.0));
    }
    profile.description = Some(ProfileText::Localizable(vec![LocalizableString::new(
        "en".to_owned(),
        "US".to_owned(),
        described.join(", "),
    )]));
    Some(profile)
}

/// White and primaries, unless they span nothing.
fn chromatic(stored: [u32; 8]) -> Option<(Chromaticity, ColorPrimaries)> {
    let points = stored.as_chunks::<2>().0;
    let mut points = points.iter().map(|&[x, y]| {
        let possible = y > 0 && x <= 100_000 && y <= 100_000;
        possible.then(|| Chromaticity::new(x as f32 / 100_000.0, y as f32 / 100_000.0))
    });
    let mut next = || points.next().flatten();
    let (white, red, green, blue) = (next()?, next()?, next()?, next()?);
    // White lies within the triangle of the primaries.
    let side = |a: Chromaticity, b: Chromaticity| {
        (b.x - a.x) * (white.y - a.y) - (b.y - a.y) * (white.x - a.x)
    };
    let sides = [side(red, green), side(green, blue), side(blue, red)];
    let within = sides.iter().all(|side| *side > 1e-4) || sides.iter().all(|side| *side < -1e-4);
    within.then_some((white, ColorPrimaries { red, green, blue }))
}
