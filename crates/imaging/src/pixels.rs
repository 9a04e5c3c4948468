//! Decoded pixels, 8 bits a channel, in rows without padding. What they mean is their layout.

use crate::error::Error;

/// The channels of a pixel, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    Grey,
    GreyAlpha,
    Rgb,
    Rgba,
    /// 255 is no ink, as Adobe stores it in JPEG.
    Cmyk,
}

impl Layout {
    pub(crate) const fn channels(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::GreyAlpha => 2,
            Self::Rgb => 3,
            Self::Rgba | Self::Cmyk => 4,
        }
    }

    pub(crate) const fn has_alpha(self) -> bool {
        matches!(self, Self::GreyAlpha | Self::Rgba)
    }
}

/// A picture. The buffer always has `width * height * channels` bytes, and no side is 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pixels {
    width: u32,
    height: u32,
    layout: Layout,
    bytes: Vec<u8>,
}

impl Pixels {
    /// # Errors
    /// When the buffer is not that of such a picture.
    pub(crate) fn new(
        width: u32,
        height: u32,
        layout: Layout,
        bytes: Vec<u8>,
    ) -> Result<Self, Error> {
        let wanted = length(width, height, layout);
        if width == 0 || height == 0 || wanted != Some(bytes.len()) {
            return Err(Error::Corrupt(format!(
                "{} bytes are no picture of {width}x{height}",
                bytes.len()
            )));
        }
        Ok(Self {
            width,
            height,
            layout,
            bytes,
        })
    }

    /// A picture of one colour; `pixel` has as many bytes as the layout channels.
    pub(crate) fn filled(
        width: u32,
        height: u32,
        layout: Layout,
        pixel: &[u8],
    ) -> Result<Self, Error> {
        let pixels = width as usize * height as usize;
        Self::new(width, height, layout, pixel.repeat(pixels))
    }

    pub(crate) fn width(&self) -> u32 {
        self.width
    }

    pub(crate) fn height(&self) -> u32 {
        self.height
    }

    pub(crate) fn layout(&self) -> Layout {
        self.layout
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Bytes of a row.
    pub(crate) fn stride(&self) -> usize {
        self.width as usize * self.layout.channels()
    }

    pub(crate) fn rows(&self) -> impl DoubleEndedIterator<Item = &[u8]> + ExactSizeIterator {
        self.bytes.chunks_exact(self.stride())
    }

    /// Without the alpha channel where nothing is transparent.
    pub(crate) fn without_idle_alpha(self) -> Self {
        let opaque = match self.layout {
            Layout::GreyAlpha => self.bytes.as_chunks::<2>().0.iter().all(|p| p[1] == 255),
            Layout::Rgba => self.bytes.as_chunks::<4>().0.iter().all(|p| p[3] == 255),
            Layout::Grey | Layout::Rgb | Layout::Cmyk => false,
        };
        if opaque { self.without_alpha() } else { self }
    }

    /// Drops the alpha channel, whatever it says.
    pub(crate) fn without_alpha(mut self) -> Self {
        let (layout, from) = match self.layout {
            Layout::GreyAlpha => (Layout::Grey, 2),
            Layout::Rgba => (Layout::Rgb, 4),
            Layout::Grey | Layout::Rgb | Layout::Cmyk => return self,
        };
        // In place: a picture of 100 MP is not held twice.
        let (pixels, to) = (self.bytes.len() / from, layout.channels());
        for pixel in 1..pixels {
            let start = pixel * from;
            self.bytes.copy_within(start..start + to, pixel * to);
        }
        self.bytes.truncate(pixels * to);
        self.layout = layout;
        self
    }

    /// The same picture as RGB, or RGBA where it has an alpha channel. Inks stay inks.
    pub(crate) fn into_colour(self) -> Self {
        let (width, height) = (self.width, self.height);
        let (layout, bytes) = match self.layout {
            Layout::Grey => (
                Layout::Rgb,
                self.bytes.iter().flat_map(|&grey| [grey; 3]).collect(),
            ),
            Layout::GreyAlpha => (
                Layout::Rgba,
                self.bytes
                    .as_chunks::<2>()
                    .0
                    .iter()
                    .flat_map(|&[grey, alpha]| [grey, grey, grey, alpha])
                    .collect(),
            ),
            Layout::Rgb | Layout::Rgba | Layout::Cmyk => return self,
        };
        Self {
            width,
            height,
            layout,
            bytes,
        }
    }

    /// The same picture as RGBA. Inks stay inks.
    pub(crate) fn into_rgba(self) -> Self {
        let colour = self.into_colour();
        if colour.layout != Layout::Rgb {
            return colour;
        }
        let bytes = colour
            .bytes
            .as_chunks::<3>()
            .0
            .iter()
            .flat_map(|&[red, green, blue]| [red, green, blue, 255])
            .collect();
        Self {
            layout: Layout::Rgba,
            bytes,
            ..colour
        }
    }

    /// A part of the picture. The part lies within it.
    pub(crate) fn cut(&self, left: u32, top: u32, width: u32, height: u32) -> Result<Self, Error> {
        let channels = self.layout.channels();
        let (start, length) = (left as usize * channels, width as usize * channels);
        let mut bytes = Vec::with_capacity(length * height as usize);
        for row in self.rows().skip(top as usize).take(height as usize) {
            bytes.extend_from_slice(row.get(start..start + length).unwrap_or_default());
        }
        Self::new(width, height, self.layout, bytes)
    }
}

/// Bytes of such a picture, unless they are more than an address space.
pub(crate) fn length(width: u32, height: u32, layout: Layout) -> Option<usize> {
    (width as usize)
        .checked_mul(height as usize)?
        .checked_mul(layout.channels())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alpha_channel_goes_only_where_nothing_is_transparent() {
        let opaque = Pixels::new(2, 1, Layout::Rgba, vec![1, 2, 3, 255, 4, 5, 6, 255]).unwrap();
        let rgb = opaque.without_idle_alpha();
        assert_eq!(
            (rgb.layout(), rgb.bytes()),
            (Layout::Rgb, &[1, 2, 3, 4, 5, 6][..])
        );
        let half = Pixels::new(2, 1, Layout::GreyAlpha, vec![1, 255, 4, 254]).unwrap();
        assert_eq!(half.clone().without_idle_alpha(), half);
    }

    #[test]
    fn a_buffer_of_another_size_is_no_picture() {
        assert!(Pixels::new(2, 2, Layout::Rgb, vec![0; 11]).is_err());
        assert!(Pixels::new(0, 2, Layout::Rgb, vec![]).is_err());
    }

    #[test]
    fn a_cut_has_the_pixels_of_its_place() {
        let picture = Pixels::new(3, 3, Layout::Grey, (0..9).collect()).unwrap();
        assert_eq!(picture.cut(1, 1, 2, 2).unwrap().bytes(), [4, 5, 7, 8]);
    }
}
