//! What can be wrong with a request to encode.

use thiserror::Error;

/// Why no file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// A side is 0 or above 65,535, where JPEG ends.
    #[error("{width}x{height}: the sides of a JPEG are 1 to 65,535")]
    Size {
        /// Width as asked for.
        width: u32,
        /// Height as asked for.
        height: u32,
    },
    /// The pixels are not as many as the sides say.
    #[error("{actual} bytes of pixels instead of {expected}")]
    Length {
        /// What width, height and channels multiply to.
        expected: u64,
        /// What was given.
        actual: usize,
    },
    /// A quality outside of 1 to 100.
    #[error("quality {0} is not 1 to 100")]
    Quality(u8),
}
