//! What a URL asks to be done with an original. Plain values: no text is read or written here.

use std::num::NonZeroU16;

/// A side in pixels, 1 to 65,535. nginx takes any unsigned number; a picture cannot be larger than this in JPEG.
pub type Side = NonZeroU16;

/// The first path segment and its geometry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// `/resize/…`: fit inside the bounds, keep the ratio, never enlarge (nginx: `image_filter resize`).
    Resize(Bounds),
    /// `/crop/{W}x{H}/`: cover the box, cut its centre, never enlarge (nginx: `image_filter crop`).
    Crop {
        /// Width of the box.
        width: Side,
        /// Height of the box.
        height: Side,
    },
    /// `/rotate/{90|180|270}/`: anticlockwise (nginx: `image_filter rotate`).
    Rotate(Rotation),
    /// `/size/`: the dimensions as JSON (nginx: `image_filter size`).
    Size,
    /// `/original/`: the bytes as stored.
    Original,
}

/// The bounds of a resize; at least one side is given, so the two-sided and one-sided forms cannot be confused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bounds {
    /// `{W}x{H}`
    Both(Side, Side),
    /// `{W}`
    Width(Side),
    /// `x{H}`
    Height(Side),
}

/// A turn anticlockwise, as nginx turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rotation {
    /// 90 degrees.
    Quarter,
    /// 180 degrees.
    Half,
    /// 270 degrees.
    ThreeQuarters,
}

/// What follows the geometry, comma-separated: `/resize/300x200,q=80,f=webp/…`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Options {
    /// `q=1` to `q=100`: quality of a lossy encoder; the resizer's default when absent.
    pub quality: Option<u8>,
    /// `f=jpeg|png|gif|webp`: output format; the original's when absent.
    pub format: Option<Format>,
}

/// The picture formats that Tandem reads and writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// `image/jpeg`
    Jpeg,
    /// `image/png`
    Png,
    /// `image/gif`
    Gif,
    /// `image/webp`
    WebP,
}

impl Format {
    /// The name used in URLs (`f=`) and in the answer of `/size/`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "jpeg",
            Self::Png => "png",
            Self::Gif => "gif",
            Self::WebP => "webp",
        }
    }

    /// The media type of RFC 9110 §8.3.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Gif => "image/gif",
            Self::WebP => "image/webp",
        }
    }
}
