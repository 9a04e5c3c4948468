//! How good an original is, and with which quality a result of it is written where the URL names none.
//!
//! Quality beyond that of the original is bytes for its artefacts. Quality is on libjpeg's scale throughout; that of
//! WebP and AVIF is mapped to it.

use crate::geometry::Size;
use image_url::Format;

/// Tables K.1 and K.2 of ITU-T T.81, in zigzag order as in files; the order is of no matter here.
const LUMA: [u8; 64] = [
    16, 11, 12, 14, 12, 10, 16, 14, 13, 14, 18, 17, 16, 19, 24, 40, 26, 24, 22, 22, 24, 49, 35, 37,
    29, 40, 58, 51, 61, 60, 57, 51, 56, 55, 64, 72, 92, 78, 64, 68, 87, 69, 55, 56, 80, 109, 81,
    87, 95, 98, 103, 104, 103, 62, 77, 113, 121, 112, 100, 120, 92, 101, 103, 99,
];
const CHROMA: [u8; 64] = [
    17, 18, 18, 24, 21, 24, 47, 26, 26, 47, 99, 66, 56, 66, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
];

/// How much of an error in an image is one of its brightness.
const LUMA_WEIGHT: f64 = 0.7;

/// How much finer than the original's the quantisers of a result of the same size are. Between two factors that were
/// measured, on four photographs 800 pixels wide, quality 20 to 92, written 799 wide: 0.8, where files come to 1.0 to 1.1
/// times the original's, and 1.0, where they stay below it and look slightly worse. Finer ones gain little: most of what is
/// lost is lost by encoding anew.
const MARGIN: f64 = 0.85;

/// Qualities that look alike in photographs: JPEG, WebP, AVIF.
const ALIKE: [[f64; 3]; 7] = [
    [1.0, 1.0, 1.0],
    [30.0, 32.0, 36.0],
    [50.0, 55.0, 48.0],
    [60.0, 64.0, 51.0],
    [70.0, 72.0, 56.0],
    [80.0, 82.0, 64.0],
    [100.0, 100.0, 100.0],
];

/// What an original was written with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Written {
    /// 1 to 100, on libjpeg's scale.
    pub(crate) quality: f64,
    pub(crate) chroma: Chroma,
}

/// How much of its colour's resolution an original has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chroma {
    /// As much as of brightness: 4:4:4.
    Full,
    /// Half across and down: 4:2:0.
    Halved,
    /// Another part.
    Other,
}

impl Written {
    /// The quality at which errors of a result are as large as those of the original, and a margin. An image that is
    /// scaled down by some factor loses as much of its errors, so that the result is worth finer quantisers.
    pub(crate) fn quality_for(self, original: Size, result: Size, format: Format) -> u8 {
        let area = |size: Size| f64::from(size.width) * f64::from(size.height);
        let scale = (area(result) / area(original)).sqrt().min(1.0);
        let percent = percent(self.quality) * scale * MARGIN;
        let jpeg = if percent >= 100.0 {
            5000.0 / percent
        } else {
            (200.0 - percent) / 2.0
        };
        (converted(jpeg, 0, column(format)).round() as u8).clamp(1, 100)
    }
}

/// Estimates a JPEG's quality from its quantisation tables. libjpeg's own are found exactly; of others the table with
/// the same mean of logarithms.
pub(crate) fn of_jpeg(luma: &[u16; 64], chroma: Option<&[u16; 64]>) -> f64 {
    let luma_percent = percent(nearest(luma, &LUMA)).max(0.5);
    let percent = match chroma {
        // One table for all components, as for RGB.
        Some(chroma) if chroma != luma => {
            let chroma_percent = percent(nearest(chroma, &CHROMA)).max(0.5);
            luma_percent.powf(LUMA_WEIGHT) * chroma_percent.powf(1.0 - LUMA_WEIGHT)
        }
        _ => luma_percent,
    };
    if percent >= 100.0 {
        5000.0 / percent
    } else {
        (200.0 - percent) / 2.0
    }
}

/// Of a lossy WebP, by the mean index of its quantisers, 0 to 127: the inverse of libwebp's `QualityToCompression`.
pub(crate) fn of_webp(index: f64) -> f64 {
    let linear = (1.0 - index / 127.0).clamp(0.0, 1.0).powi(3);
    let quality = if linear < 0.5 {
        linear * 1.5
    } else {
        f64::midpoint(linear, 1.0)
    };
    converted((quality * 100.0).clamp(1.0, 100.0), 1, 0)
}

/// `jpeg_quality_scaling` of libjpeg.
fn percent(quality: f64) -> f64 {
    if quality < 50.0 {
        5000.0 / quality.max(1.0)
    } else {
        200.0 - 2.0 * quality
    }
}

/// The quality at which a standard table is most like another.
fn nearest(table: &[u16; 64], standard: &[u8; 64]) -> f64 {
    let logarithms = |steps: &mut dyn Iterator<Item = f64>| -> f64 {
        steps.map(|step| step.clamp(1.0, 255.0).ln()).sum()
    };
    let wanted = logarithms(&mut table.iter().map(|&step| f64::from(step)));
    let distance = |quality: u32| {
        let percent = percent(f64::from(quality)).trunc();
        let scaled = |&step: &u8| ((f64::from(step) * percent + 50.0) / 100.0).trunc();
        (logarithms(&mut standard.iter().map(scaled)) - wanted).abs()
    };
    let best = (1..=100).min_by(|&a, &b| distance(a).total_cmp(&distance(b)));
    best.map_or(100.0, f64::from)
}

const fn column(format: Format) -> usize {
    match format {
        Format::Jpeg | Format::Png | Format::Gif => 0,
        Format::WebP => 1,
        Format::Avif => 2,
    }
}

/// Between the columns of [`ALIKE`].
fn converted(quality: f64, from: usize, to: usize) -> f64 {
    let at = |row: &[f64; 3], column: usize| row.get(column).copied().unwrap_or_default();
    for [below, above] in ALIKE.array_windows() {
        let (low, high) = (at(below, from), at(above, from));
        if quality <= high {
            let part = ((quality - low) / (high - low)).max(0.0);
            return at(below, to) + part * (at(above, to) - at(below, to));
        }
    }
    100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(standard: &[u8; 64], quality: u32) -> [u16; 64] {
        let percent = if quality < 50 {
            5000 / quality
        } else {
            200 - 2 * quality
        };
        standard.map(|step| ((u32::from(step) * percent + 50) / 100).clamp(1, 255) as u16)
    }

    #[test]
    fn the_tables_of_libjpeg_are_found_exactly() {
        for quality in 5..=100 {
            let (luma, chroma) = (table(&LUMA, quality), table(&CHROMA, quality));
            let found = of_jpeg(&luma, Some(&chroma));
            assert!(
                (found - f64::from(quality)).abs() < 0.3,
                "{quality} {found}"
            );
        }
    }

    #[test]
    fn other_tables_are_placed_among_them() {
        // One step for all, as some cameras have it: finer than K.1 where that is coarse.
        let flat = of_jpeg(&[16; 64], None);
        assert!((75.0..90.0).contains(&flat), "{flat}");
        // Colour twice as coarse is a little worse.
        let mixed = of_jpeg(&table(&LUMA, 80), Some(&table(&CHROMA, 60)));
        assert!((70.0..78.0).contains(&mixed), "{mixed}");
        assert!(of_jpeg(&[65_535; 64], Some(&[9; 64])) >= 1.0);
        assert!(of_jpeg(&[0; 64], None) <= 100.0);
    }

    #[test]
    fn a_smaller_result_is_worth_more_quality() {
        let size = |width| Size { width, height: 100 };
        let of = |quality, width| {
            let chroma = Chroma::Full;
            Written { quality, chroma }.quality_for(size(800), size(width), Format::Jpeg)
        };
        assert_eq!(of(100.0, 800), 100);
        assert_eq!(of(100.0, 8), 100);
        for quality in [10.0, 50.0, 90.0] {
            let whole = of(quality, 799);
            assert!((quality..quality + 10.0).contains(&f64::from(whole)));
            assert!(whole < of(quality, 400) && of(quality, 400) < of(quality, 100));
            // Enlarging adds nothing.
            assert_eq!(of(quality, 1600), of(quality, 800));
        }
    }

    #[test]
    fn qualities_come_back_from_other_scales() {
        for quality in 1..=100 {
            for column in [1, 2] {
                let there = converted(f64::from(quality), 0, column);
                assert!((converted(there, column, 0) - f64::from(quality)).abs() < 0.01);
            }
        }
    }
}
