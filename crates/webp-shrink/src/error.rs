//! What can be wrong with a frame, by cause.

use thiserror::Error;

/// Why a frame gives no picture.
///
/// Data that end early are not an error: what arrived is shown and [`crate::Picture::truncated`] is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes do not begin with the tag and start code of a key frame.
    #[error("not a VP8 key frame")]
    NotKeyFrame,
    /// No WebP file with a still lossy picture.
    #[error("no lossy WebP")]
    NotLossyWebP,
    /// The frame ends before its first macroblock, so that there is nothing to show.
    #[error("the frame ends before the picture begins")]
    NoPicture,
    /// A version of VP8 that is not defined: 0 to 3 are (RFC 6386 §9.1).
    #[error("VP8 version {0}")]
    Version(u8),
    /// A frame that is not to be shown, which a still picture must be.
    #[error("a hidden frame")]
    Hidden,
    /// More pixels, or a longer side, than [`crate::Limits`] allows; or none.
    #[error("{width}x{height} pixels are beyond the limits")]
    Size {
        /// Width in pixels, as the header says.
        width: u32,
        /// Height in pixels, as the header says.
        height: u32,
    },
}
