//! What can be wrong with a file, by cause.

use thiserror::Error;

/// Why a file gives no picture.
///
/// Damage *inside* the picture's data is not an error: what arrived is shown and [`crate::Picture::truncated`] is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes do not begin with a JPEG's start marker.
    #[error("not a JPEG")]
    NotJpeg,
    /// The file ends before its first scan, so that there is nothing to show.
    #[error("the file ends before the picture begins")]
    NoPicture,
    /// A marker segment says what cannot be.
    #[error("corrupt JPEG: {0}")]
    Corrupt(&'static str),
    /// A legal JPEG of a kind which this crate does not decode.
    #[error("unsupported kind of JPEG: {0}")]
    Unsupported(Unsupported),
    /// More pixels, or a longer side, than [`crate::Limits`] allows.
    #[error("{width}x{height} pixels are above the limit")]
    TooLarge {
        /// Width in pixels, as the header says.
        width: u32,
        /// Height in pixels, as the header says.
        height: u32,
    },
    /// More scans than [`crate::Limits::max_scans`].
    #[error("more than {0} scans")]
    TooManyScans(u32),
    /// The scans would visit the blocks more often than [`crate::Limits::max_passes`] allows.
    #[error("the scans go over the picture more than {0} times")]
    TooMuchWork(u32),
}

/// The kinds of JPEG which are recognised, and left to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Unsupported {
    /// Arithmetic instead of Huffman coding (SOF9 to SOF15, DAC).
    #[error("arithmetic coding")]
    Arithmetic,
    /// The lossless process of ITU-T T.81 (SOF3), JPEG-LS (SOF55).
    #[error("lossless")]
    Lossless,
    /// Hierarchical files (SOF5 to SOF7, DHP, EXP).
    #[error("hierarchical")]
    Hierarchical,
    /// Samples of this many bits instead of 8.
    #[error("{0} bits per sample")]
    Precision(u8),
    /// This many components instead of 1, 3 or 4.
    #[error("{0} components")]
    Components(u8),
}
