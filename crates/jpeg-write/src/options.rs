//! What a caller gives: pixels, and how they are to be written.

/// The pixels of a picture, line after line without gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pixels<'a> {
    /// One byte a pixel; the file has one component.
    Grey(&'a [u8]),
    /// Three bytes a pixel; the file has `YCbCr`.
    Rgb(&'a [u8]),
}

impl<'a> Pixels<'a> {
    /// The bytes and how many of them make a pixel.
    pub(crate) fn parts(self) -> (&'a [u8], usize) {
        match self {
            Self::Grey(bytes) => (bytes, 1),
            Self::Rgb(bytes) => (bytes, 3),
        }
    }
}

/// The resolution of colour beside that of brightness. Grey pictures have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subsampling {
    /// As fine, 4:4:4.
    Full,
    /// Half as wide and half as high, 4:2:0.
    Halved,
}

impl Subsampling {
    /// Samples of brightness for one of colour, along each axis.
    pub(crate) fn factor(self) -> usize {
        match self {
            Self::Full => 1,
            Self::Halved => 2,
        }
    }
}

/// How a picture is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// 1 to 100, on libjpeg's scale.
    pub quality: u8,
    /// Several scans from coarse to fine instead of one from top to bottom. Both show the same pixels in the end.
    pub progressive: bool,
    /// The resolution of colour.
    pub subsampling: Subsampling,
}
