//! The samples of one component, as many lines at a time as are needed.

/// A strip of lines of a component, with the last line of the strip above it.
///
/// A picture that is decoded from top to bottom has strips of one MCU row; a sequential one whose components come one
/// after the other has one strip, the whole.
#[derive(Debug)]
pub(crate) struct Plane {
    /// Line `start - 1`, then the lines of the strip.
    samples: Vec<u8>,
    stride: usize,
    start: usize,
    strip: usize,
    /// Samples and lines that belong to the picture.
    pub width: usize,
    pub height: usize,
}

/// What a sample is that has not arrived.
pub(crate) const GREY: u8 = 128;

impl Plane {
    /// `stride` samples a line, of which `width` count; `strip` lines a strip; `height` lines count in all.
    pub(crate) fn new(stride: usize, strip: usize, width: usize, height: usize) -> Self {
        Self {
            samples: vec![GREY; stride * (strip + 1)],
            stride,
            start: 0,
            strip,
            width,
            height,
        }
    }

    pub(crate) fn stride(&self) -> usize {
        self.stride
    }

    /// The samples from column `x` of line `y` on, through the end of the strip.
    #[inline(always)]
    pub(crate) fn from(&mut self, x: usize, y: usize) -> &mut [u8] {
        let at = (y + 1)
            .wrapping_sub(self.start)
            .wrapping_mul(self.stride)
            .wrapping_add(x);
        self.samples.get_mut(at..).unwrap_or_default()
    }

    /// Line `y` of the strip, or the one above it. Lines beyond the picture are its last.
    pub(crate) fn line(&self, y: usize) -> &[u8] {
        let y = y.min(self.height.saturating_sub(1));
        let at = (y + 1).saturating_sub(self.start) * self.stride;
        self.samples.get(at..at + self.width).unwrap_or_default()
    }

    /// Goes on to the next strip.
    pub(crate) fn advance(&mut self) {
        let last = self.strip * self.stride;
        self.samples.copy_within(last..last + self.stride, 0);
        self.start += self.strip;
    }
}
