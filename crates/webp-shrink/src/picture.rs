//! What a decode gives.

/// How much smaller than the file the picture shall be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scale {
    /// As stored.
    Full,
    /// Half the width and height.
    Half,
    /// A quarter.
    Quarter,
    /// An eighth.
    Eighth,
}

impl Scale {
    /// What width and height are divided by: 1, 2, 4 or 8.
    pub const fn denominator(self) -> u32 {
        match self {
            Self::Full => 1,
            Self::Half => 2,
            Self::Quarter => 4,
            Self::Eighth => 8,
        }
    }

    /// A side of the shrunk picture for one of the whole: divided and rounded up.
    pub const fn shrink(self, side: u32) -> u32 {
        side.div_ceil(self.denominator())
    }
}

/// A decoded picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Width in pixels, the frame's divided by the scale's denominator and rounded up.
    pub width: u32,
    /// Height in pixels, likewise.
    pub height: u32,
    /// Three bytes a pixel, line after line without gaps.
    pub rgb: Vec<u8>,
    /// Whether the frame ends early, so that what comes last is only guessed from what is before it; or begins its
    /// data as no encoder does.
    pub truncated: bool,
}
