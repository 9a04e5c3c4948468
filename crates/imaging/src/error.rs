//! Why an original gave no picture.

use thiserror::Error;

/// The causes; the resizer maps each to a status.
#[derive(Debug, Error)]
pub enum Error {
    /// The first bytes are those of no format that is read.
    #[error("not a JPEG, PNG, GIF or WebP image")]
    NotAnImage,
    /// A format that is read, of a kind that is not: arithmetic coding, 12 bit, lossless JPEG.
    #[error("an image of an unsupported kind: {0}")]
    UnsupportedKind(String),
    /// Damaged beyond use.
    #[error("the image is damaged: {0}")]
    Corrupt(String),
    /// Width times height exceeds the limit.
    #[error("{pixels} pixels, more than {limit}")]
    TooManyPixels {
        /// What the header says.
        pixels: u64,
        /// What is allowed.
        limit: u64,
    },
    /// One side exceeds the limit.
    #[error("a side of {side} pixels, longer than {limit}")]
    SideTooLong {
        /// What the header says.
        side: u32,
        /// What is allowed.
        limit: u32,
    },
    /// The result would be larger than its format, or the limit on results, allows. The URL is at fault: a 400.
    #[error("a result of {width}x{height} pixels is too large: {reason}")]
    ResultTooLarge {
        /// Width of the result.
        width: u32,
        /// Height of the result.
        height: u32,
        /// Which bound it is.
        reason: &'static str,
    },
    /// The result cannot be written in the format asked for.
    #[error("cannot encode: {0}")]
    Encode(String),
    /// Whoever wanted the picture has gone; see [`Check`](crate::Check).
    #[error("cancelled")]
    Cancelled,
    /// The time for the picture is over; see [`Check`](crate::Check).
    #[error("took longer than allowed")]
    DeadlineExceeded,
}

impl Error {
    pub(crate) fn corrupt(error: impl std::fmt::Display) -> Self {
        Self::Corrupt(error.to_string())
    }

    pub(crate) fn encode(error: impl std::fmt::Display) -> Self {
        Self::Encode(error.to_string())
    }
}
