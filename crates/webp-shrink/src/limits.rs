//! What one frame may cost. All bounds hold before anything is allocated.

use crate::Error;

/// Bounds on what a frame may declare. Time and memory are bounded by its size: each macroblock is visited once,
/// whatever the data say (see [`crate::memory`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Width times height of the whole picture, before it is shrunk.
    pub max_pixels: u64,
    /// The longer side of the whole picture, in pixels. A frame cannot say more than 16,383.
    pub max_side: u32,
}

impl Default for Limits {
    /// 100 million pixels, any side.
    fn default() -> Self {
        Self {
            max_pixels: 100_000_000,
            max_side: 16_383,
        }
    }
}

impl Limits {
    pub(crate) fn check_size(&self, width: u32, height: u32) -> Result<(), Error> {
        let pixels = u64::from(width) * u64::from(height);
        if pixels == 0 || width.max(height) > self.max_side || pixels > self.max_pixels {
            return Err(Error::Size { width, height });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_themselves_are_allowed() {
        let limits = Limits {
            max_pixels: 200,
            max_side: 20,
        };
        assert_eq!(limits.check_size(20, 10), Ok(()));
        assert!(limits.check_size(21, 1).is_err());
        assert!(limits.check_size(15, 14).is_err());
        assert!(limits.check_size(0, 14).is_err());
    }
}
