//! What is refused before a pixel is allocated.

use crate::error::Error;

/// Bounds of an original, checked on its header, and of what is made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Width times height at most.
    pub max_pixels: u64,
    /// Longest side, in pixels; 1x500,000,000 has few pixels and is an attack all the same.
    pub max_side: u32,
    /// Frames of an animation that stays one. Elsewhere the first frame is all that is decoded.
    pub max_frames: u32,
    /// Width times height times frames of an animation that stays one.
    pub max_frames_pixels: u64,
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
            max_frames: 256,
            max_frames_pixels: 100_000_000,
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

    /// Refuses animations beyond the bounds.
    pub(crate) fn check_frames(&self, width: u32, height: u32, frames: u32) -> Result<(), Error> {
        if frames > self.max_frames {
            return Err(Error::TooManyFrames {
                frames,
                limit: self.max_frames,
            });
        }
        let pixels = u64::from(width) * u64::from(height) * u64::from(frames);
        if pixels > self.max_frames_pixels {
            return Err(Error::TooManyPixels {
                pixels,
                limit: self.max_frames_pixels,
            });
        }
        Ok(())
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
            max_frames: 5,
            max_frames_pixels: 2_000,
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
        assert!(limits.check_frames(20, 20, 5).is_ok());
        assert!(matches!(
            limits.check_frames(1, 1, 6),
            Err(Error::TooManyFrames { frames: 6, .. })
        ));
        assert!(matches!(
            limits.check_frames(30, 20, 5),
            Err(Error::TooManyPixels { pixels: 3_000, .. })
        ));
    }
}
