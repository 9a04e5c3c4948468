//! Why an original gave no picture.

use image::ImageError;
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
    /// The result cannot be written in the format asked for.
    #[error("cannot encode: {0}")]
    Encode(String),
}

impl From<ImageError> for Error {
    fn from(error: ImageError) -> Self {
        match error {
            ImageError::Unsupported(kind) => Self::UnsupportedKind(kind.to_string()),
            ImageError::Limits(limit) => {
                Self::Corrupt(format!("it asks for more memory than its size: {limit}"))
            }
            other => Self::Corrupt(other.to_string()),
        }
    }
}
