//! How much of the detail of a JPEG or a lossy WebP is worth decoding.

use crate::geometry::{Area, Size};
use crate::orient::Orientation;

/// The size at which an original is decoded: its own, or a half, a quarter or an eighth of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Shrink {
    #[default]
    Full,
    Half,
    Quarter,
    Eighth,
}

impl Shrink {
    /// How many pixels of the original one decoded pixel stands for, along a side.
    pub(crate) const fn factor(self) -> u32 {
        match self {
            Self::Full => 1,
            Self::Half => 2,
            Self::Quarter => 4,
            Self::Eighth => 8,
        }
    }

    /// The size of what is decoded.
    pub(crate) const fn size(self, stored: Size) -> Size {
        Size {
            width: stored.width.div_ceil(self.factor()),
            height: stored.height.div_ceil(self.factor()),
        }
    }
}

/// How many decoded pixels there must be for each pixel of the result, along a side, so that the final Lanczos3 step has
/// its own say. Measured by the bench `misses`: from 1.65 on SSIMULACRA2 beside decoding all stays above 90 for every
/// picture; at 1.6 one has 89.
const MARGIN: f64 = 1.65;

/// The largest shrink that leaves the margin.
pub(crate) fn choose(source: Area, scaled: Size, orientation: Orientation) -> Shrink {
    let scaled = orientation.size(scaled);
    let ratio = f64::min(
        f64::from(source.width) / f64::from(scaled.width),
        f64::from(source.height) / f64::from(scaled.height),
    );
    [Shrink::Eighth, Shrink::Quarter, Shrink::Half]
        .into_iter()
        .find(|shrink| ratio >= MARGIN * f64::from(shrink.factor()))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_margin_is_left() {
        let source = Area::whole(Size {
            width: 4000,
            height: 3000,
        });
        for (width, height, expected) in [
            (100, 75, Shrink::Eighth),
            (303, 227, Shrink::Eighth),
            (304, 228, Shrink::Quarter),
            (606, 454, Shrink::Quarter),
            (607, 455, Shrink::Half),
            (1212, 909, Shrink::Half),
            (1213, 909, Shrink::Full),
            (4000, 10, Shrink::Full),
        ] {
            let size = Size { width, height };
            assert_eq!(choose(source, size, Orientation::default()), expected);
            let turned = Orientation::from_exif(6).unwrap();
            let sideways = turned.size(size);
            assert_eq!(choose(source, sideways, turned), expected);
        }
    }
}
