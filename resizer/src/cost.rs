//! What a picture's work takes in memory, from the header of its original and from what is asked for.

use image_url::{Bounds, Fit, Operation, Options, Rotation};
use imaging::Probe;

/// Bytes for each pixel of an original: 4 when decoded to RGBA, and up to 8 within a decoder, which for 16-bit RGBA has
/// the samples and for progressive JPEG the coefficients of three channels.
const SOURCE_PIXEL: u64 = 12;

/// Bytes for each pixel of a result: scaled, turned or cut, and what its encoder keeps.
const RESULT_PIXEL: u64 = 12;

/// Bytes that the work on a picture takes at most, beside the original as it is stored.
pub(crate) fn estimate(original: &Probe, operation: Operation, options: Options) -> u64 {
    let source = area(original.width, original.height);
    let decoded = source.saturating_mul(SOURCE_PIXEL);
    match operation {
        Operation::Size | Operation::Original => 0,
        Operation::Info => decoded,
        Operation::Resize(_) | Operation::Crop { .. } | Operation::Rotate(_) => {
            let result = result_pixels(original, operation, options);
            decoded.saturating_add(result.saturating_mul(RESULT_PIXEL))
        }
    }
}

/// Pixels of a result at most.
fn result_pixels(original: &Probe, operation: Operation, options: Options) -> u64 {
    let (mut width, mut height) = (original.width.max(1), original.height.max(1));
    if matches!(
        options.turn,
        Some(Rotation::Quarter | Rotation::ThreeQuarters)
    ) {
        (width, height) = (height, width);
    }
    // By one side the other follows; a fraction of a pixel counts as one.
    let follows = |side: u16, from: u32, other: u32| {
        let side = u64::from(side);
        side * (side * u64::from(other)).div_ceil(u64::from(from))
    };
    let asked = match operation {
        Operation::Resize(Bounds::Both(width, height)) | Operation::Crop { width, height } => {
            area(width.get().into(), height.get().into())
        }
        Operation::Resize(Bounds::Width(side)) => follows(side.get(), width, height),
        Operation::Resize(Bounds::Height(side)) => follows(side.get(), height, width),
        Operation::Rotate(_) | Operation::Size | Operation::Info | Operation::Original => 0,
    };
    let source = area(width, height);
    match operation {
        _ if options.enlarge || options.fit == Fit::Pad => asked,
        Operation::Resize(_) | Operation::Crop { .. } => asked.min(source),
        _ => source,
    }
}

fn area(width: u32, height: u32) -> u64 {
    u64::from(width) * u64::from(height)
}

#[cfg(test)]
mod tests {
    use super::*;
    use image_url::{Canonical, Format, Target};

    fn pixels(path: &str, width: u32, height: u32) -> (u64, u64) {
        let target = Target::parse(&format!("/{path}/a")).unwrap();
        let canonical = Canonical::parse(target.uri()).unwrap();
        let (operation, options) = (canonical.operation(), canonical.options());
        let probe = Probe {
            format: Format::Jpeg,
            width,
            height,
            frames: 1,
            orientation: 1,
        };
        let bytes = estimate(&probe, operation, options);
        (result_pixels(&probe, operation, options), bytes)
    }

    #[test]
    fn a_result_is_as_large_as_it_can_become() {
        for (path, width, height, expected) in [
            ("resize/300x200", 4000, 3000, 60_000),
            ("resize/300x200", 10, 10, 100),
            ("resize/300x200,enlarge=1", 10, 10, 60_000),
            ("resize/300x200,fit=pad", 10, 10, 60_000),
            ("resize/300x200,fit=fill", 10, 10, 100),
            ("resize/300", 4000, 3000, 67_500),
            ("resize/x300", 4000, 3000, 120_000),
            ("resize/x300,rot=90", 4000, 3000, 67_500),
            ("resize/300,enlarge=1", 3, 7, 210_000),
            (
                "resize/65535,enlarge=1",
                1,
                65_535,
                65_535 * 65_535 * 65_535,
            ),
            ("crop/300x200", 4000, 3000, 60_000),
            ("rotate/90", 4000, 3000, 12_000_000),
        ] {
            assert_eq!(pixels(path, width, height).0, expected, "{path}");
        }
    }

    #[test]
    fn what_decodes_nothing_costs_nothing() {
        assert_eq!(pixels("size", 4000, 3000).1, 0);
        assert_eq!(pixels("original", 4000, 3000).1, 0);
        assert_eq!(pixels("info", 4000, 3000).1, 144_000_000);
        assert_eq!(pixels("resize/300x200", 4000, 3000).1, 144_720_000);
    }
}
