//! The CPU time to expect of a job.
//!
//! Nanoseconds a pixel, measured with photographs and noise on one core of a server of 2024, in release. Another machine
//! is faster or slower throughout, which whoever admits jobs can measure; content may halve a figure or double it.

use crate::encode::{TRIES, Target, is_large_webp};
use crate::geometry::Size;
use crate::probe::Header;
use crate::shrink::Shrink;
use image_url::Format;
use std::time::Duration;

/// What a job consists of.
pub(super) struct Work<'a> {
    pub(super) header: &'a Header,
    pub(super) shrink: Shrink,
    /// What the decoder gives.
    pub(super) decoded: Size,
    /// Pixels of the result.
    pub(super) target: u64,
    pub(super) written: &'a Target,
    pub(super) animated: bool,
}

/// Opening, planning, allocating.
const FIXED: Duration = Duration::from_micros(200);

/// Both directions of a resize, for each pixel read and for each written.
const RESIZE_READ: u64 = 2;
const RESIZE_WRITTEN: u64 = 12;

/// CPU times of a job.
pub(super) struct Times {
    /// The time to expect.
    pub(super) expected: Duration,
    /// The shortest that content can make it.
    pub(super) least: Duration,
    /// The longest step between two checks for cancellation.
    pub(super) longest_step: Duration,
}

pub(super) fn of(work: &Work<'_>) -> Times {
    let decode = decoding(work.header, work.shrink);
    let read = u64::from(work.decoded.width) * u64::from(work.decoded.height);
    let resize = nanos(read * RESIZE_READ + work.target * RESIZE_WRITTEN);
    let encode = nanos(work.target * encoding(work.written, work.target));
    if work.animated {
        // Cancellation is checked before each frame. A frame may change a few pixels only, but the canvas is resized.
        let (frame, frames) = (decode + resize + encode, work.header.frames);
        return Times {
            expected: FIXED + frame.saturating_mul(frames),
            least: resize.saturating_mul(frames) / 2,
            longest_step: frame,
        };
    }
    let tries = if work.written.max_bytes.is_some() && !work.written.lossless {
        TRIES
    } else {
        1
    };
    Times {
        expected: FIXED + decode + resize + encode.saturating_mul(tries),
        // The first try may be within the budget of bytes.
        least: (decode + resize + encode) / 2,
        longest_step: decode.max(resize).max(encode),
    }
}

/// One frame of an original.
pub(super) fn decoding(header: &Header, shrink: Shrink) -> Duration {
    let pixels = u64::from(header.stored.width) * u64::from(header.stored.height);
    let each = match (header.format, shrink) {
        (Format::Jpeg, Shrink::Full) => 8,
        (Format::Jpeg, Shrink::Half) => 5,
        (Format::Jpeg, Shrink::Quarter) => 3,
        (Format::Jpeg, Shrink::Eighth) => 2,
        (Format::Png, _) if header.wide => 40,
        (Format::WebP, Shrink::Half | Shrink::Quarter | Shrink::Eighth) | (Format::Gif, _) => 12,
        (Format::Png | Format::WebP | Format::Avif, _) => 20,
    };
    let progressive = if header.progressive { 2 } else { 1 };
    nanos(pixels * each * progressive)
}

/// One try, a pixel.
fn encoding(target: &Target, pixels: u64) -> u64 {
    match target.format {
        Format::Jpeg if target.progressive => 30,
        Format::Jpeg => 15,
        Format::Png if target.palette || target.max_bytes.is_some() => 300,
        Format::Png => 90,
        Format::Gif => 300,
        Format::WebP if target.lossless && is_large_webp(pixels) => 160,
        Format::WebP if target.lossless => 650,
        Format::WebP if target.quality >= 95 => 220,
        Format::WebP => 120,
        Format::Avif if target.quality >= avif::FULL_CHROMA_QUALITY => 1800,
        Format::Avif => 800,
    }
}

fn nanos(nanos: u64) -> Duration {
    Duration::from_nanos(nanos)
}
