//! What is refused before a pixel is allocated.

use crate::error::Error;
use crate::geometry::Size;
use serde::{Deserialize, Serialize};

/// Bounds of an original, checked on its header, and of what is made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Width times height at most.
    pub max_pixels: u64,
    /// Longest side, in pixels; 1x500,000,000 has few pixels and is an attack all the same.
    pub max_side: u32,
    /// Frames of an animation that stays one. Of one with more, the first frame is shown as a still.
    pub max_frames: u32,
    /// Width times height times frames of an animation that stays one, of the original as of the result. Of one with
    /// more, the first frame is shown as a still.
    pub max_animation_pixels: u64,
    /// Width times height of a result at most, which `enlarge`, `dpr` and `fit=pad` could drive up without bound.
    pub max_result_pixels: u64,
    /// Width times height of an AVIF, which costs far more to write than the others. `f=auto` takes another format
    /// above it; `f=avif` is refused.
    pub max_avif_pixels: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_pixels: 100_000_000,
            max_side: 65_535,
            max_frames: 2_000,
            max_animation_pixels: 100_000_000,
            max_result_pixels: 50_000_000,
            max_avif_pixels: 2_000_000,
        }
    }
}

impl Limits {
    /// Refuses dimensions beyond the bounds.
    pub(crate) fn check(&self, width: u32, height: u32) -> Result<(), Error> {
        let side = width.max(height);
        if side > self.max_side {
            return Err(Error::SideTooLong {
                side,
                limit: self.max_side,
            });
        }
        let pixels = u64::from(width) * u64::from(height);
        if pixels > self.max_pixels {
            return Err(Error::TooManyPixels {
                pixels,
                limit: self.max_pixels,
            });
        }
        Ok(())
    }

    /// Whether an animation stays one.
    pub(crate) fn allow_frames(&self, size: Size, frames: u32) -> bool {
        let pixels = u64::from(size.width) * u64::from(size.height);
        frames <= self.max_frames
            && pixels.saturating_mul(frames.into()) <= self.max_animation_pixels
    }

    /// Refuses results beyond the bound.
    pub(crate) fn check_result(&self, width: u32, height: u32) -> Result<(), Error> {
        if u64::from(width) * u64::from(height) > self.max_result_pixels {
            return Err(Error::ResultTooLarge {
                width,
                height,
                reason: "more pixels than a result may have",
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_sides_and_many_pixels_are_refused() {
        let limits = Limits {
            max_pixels: 1_000,
            max_side: 100,
            ..Limits::default()
        };
        assert!(limits.check(100, 10).is_ok());
        assert!(matches!(
            limits.check(1, 101),
            Err(Error::SideTooLong { side: 101, .. })
        ));
        assert!(matches!(
            limits.check(100, 11),
            Err(Error::TooManyPixels { pixels: 1_100, .. })
        ));
    }

    #[test]
    fn frames_are_bounded_in_number_and_in_pixels() {
        let limits = Limits {
            max_frames: 5,
            max_animation_pixels: 2_000,
            ..Limits::default()
        };
        let allowed = |width, height, frames| limits.allow_frames(Size { width, height }, frames);
        assert!(allowed(20, 20, 5));
        assert!(!allowed(1, 1, 6));
        assert!(!allowed(30, 20, 5));
        assert!(!allowed(u32::MAX, u32::MAX, u32::MAX));
    }
}
