//! What one file may cost. All bounds hold before anything is allocated.

use crate::Error;

/// Bounds on what a file may declare and make the decoder do.
///
/// Time is bounded by `bytes + max_passes × blocks`, memory by the size of the output (see [`crate::decode`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Width times height of the whole picture, before it is shrunk.
    pub max_pixels: u64,
    /// The longer side of the whole picture, in pixels. A JPEG cannot say more than 65,535.
    pub max_side: u32,
    /// Scans of one file. Usual progressive files have about ten.
    pub max_scans: u32,
    /// How many times, on the average, the scans may go over each 8x8 block. Usual progressive files need fewer than ten; a file made to burn time repeats a refinement of everything in a few bytes.
    pub max_passes: u32,
}

impl Default for Limits {
    /// 100 million pixels, any side, 256 scans, 64 passes.
    fn default() -> Self {
        Self {
            max_pixels: 100_000_000,
            max_side: 65_535,
            max_scans: 256,
            max_passes: 64,
        }
    }
}

impl Limits {
    pub(crate) fn check_size(&self, width: u32, height: u32) -> Result<(), Error> {
        let pixels = u64::from(width) * u64::from(height);
        if width.max(height) > self.max_side || pixels > self.max_pixels {
            return Err(Error::TooLarge { width, height });
        }
        Ok(())
    }
}

/// What is left of the work that a file of its size may ask for.
#[derive(Debug)]
pub(crate) struct Budget {
    left: u64,
    max_passes: u32,
}

impl Budget {
    /// For a picture of `blocks` 8x8 blocks in all components.
    pub(crate) fn new(limits: &Limits, blocks: u64) -> Self {
        Self {
            left: blocks.saturating_mul(u64::from(limits.max_passes)),
            max_passes: limits.max_passes,
        }
    }

    /// Takes a scan over `blocks` blocks from the budget, before it is decoded.
    pub(crate) fn spend(&mut self, blocks: u64) -> Result<(), Error> {
        self.left = self
            .left
            .checked_sub(blocks)
            .ok_or(Error::TooMuchWork(self.max_passes))?;
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
            ..Limits::default()
        };
        assert_eq!(limits.check_size(20, 10), Ok(()));
        assert!(limits.check_size(21, 1).is_err());
        assert!(limits.check_size(15, 14).is_err());
    }

    #[test]
    fn a_budget_ends_with_an_error_and_not_below_zero() {
        let limits = Limits {
            max_passes: 2,
            ..Limits::default()
        };
        let mut budget = Budget::new(&limits, 10);
        assert_eq!(budget.spend(15), Ok(()));
        assert_eq!(budget.spend(6), Err(Error::TooMuchWork(2)));
        assert_eq!(budget.spend(5), Ok(()));
    }
}
