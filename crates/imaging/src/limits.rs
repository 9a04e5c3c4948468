//! What is refused before a pixel is allocated.

use crate::error::Error;

/// Bounds of an original, checked on its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Width times height at most.
    pub max_pixels: u64,
    /// Longest side, in pixels; 1x500,000,000 has few pixels and is an attack all the same.
    pub max_side: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_pixels: 100_000_000,
            max_side: 65_535,
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

    /// The same bounds for the decoders themselves, with room for 16-bit RGBA and a decoder's own buffers.
    pub(crate) fn for_decoder(&self) -> image::Limits {
        let mut limits = image::Limits::default();
        limits.max_image_width = Some(self.max_side);
        limits.max_image_height = Some(self.max_side);
        limits.max_alloc = Some(self.max_pixels.saturating_mul(16));
        limits
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
}
