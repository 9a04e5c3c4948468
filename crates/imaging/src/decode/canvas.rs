//! The canvas that the frames of an animation are drawn on. Each frame says how it is disposed of before the next one
//! is drawn.

use crate::error::Error;
use crate::geometry::{Area, Size};
use crate::pixels::{Layout, Pixels};

/// What happens to the area of a frame before the next frame is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Dispose {
    /// It stays as it is.
    #[default]
    Keep,
    /// It becomes transparent, as in browsers: the background that a file names is ignored by all of them.
    Clear,
    /// It shows again what it showed before the frame.
    Restore,
}

/// An RGBA canvas, transparent at first, and the disposal of its newest frame, which is still to be done.
#[derive(Debug)]
pub(crate) struct Canvas {
    pixels: Pixels,
    pending: Pending,
}

#[derive(Debug)]
enum Pending {
    Nothing,
    Clear(Area),
    /// The pixels that were in this place.
    Restore(Area, Pixels),
}

impl Canvas {
    /// It takes four bytes a pixel, and as many for what [`Dispose::Restore`] keeps.
    ///
    /// # Errors
    /// When a side is 0.
    pub(crate) fn new(size: Size) -> Result<Self, Error> {
        Ok(Self {
            pixels: Pixels::filled(size.width, size.height, Layout::Rgba, &[0; 4])?,
            pending: Pending::Nothing,
        })
    }

    /// What is seen now.
    pub(crate) fn pixels(&self) -> &Pixels {
        &self.pixels
    }

    pub(crate) fn into_pixels(self) -> Pixels {
        self.pixels
    }

    /// Begins a frame: disposes of the one before it. Returns the part of the area that lies on the canvas, if any does.
    pub(crate) fn begin(&mut self, area: Area, dispose: Dispose) -> Result<Option<Area>, Error> {
        match std::mem::replace(&mut self.pending, Pending::Nothing) {
            Pending::Nothing => {}
            Pending::Clear(area) => self.rows_mut(area).for_each(|row| row.fill(0)),
            Pending::Restore(area, before) => {
                for (row, before) in self.rows_mut(area).zip(before.rows()) {
                    row.copy_from_slice(before);
                }
            }
        }
        let Some(seen) = area.within(self.pixels.width(), self.pixels.height()) else {
            return Ok(None);
        };
        self.pending = match dispose {
            Dispose::Keep => Pending::Nothing,
            Dispose::Clear => Pending::Clear(seen),
            Dispose::Restore => Pending::Restore(
                seen,
                self.pixels
                    .cut(seen.left, seen.top, seen.width, seen.height)?,
            ),
        };
        Ok(Some(seen))
    }

    /// Makes all of it transparent.
    pub(crate) fn clear(&mut self) {
        self.pixels.bytes_mut().fill(0);
    }

    /// The rows of an area of the canvas, four bytes a pixel, to be drawn on.
    pub(crate) fn rows_mut(&mut self, area: Area) -> impl Iterator<Item = &mut [u8]> {
        let stride = self.pixels.stride();
        let (start, length) = (area.left as usize * 4, area.width as usize * 4);
        self.pixels
            .bytes_mut()
            .chunks_exact_mut(stride)
            .skip(area.top as usize)
            .take(area.height as usize)
            .filter_map(move |row| row.get_mut(start..start + length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(canvas: &mut Canvas, left: u32, width: u32, value: u8, dispose: Dispose) -> Vec<u8> {
        let area = Area {
            left,
            top: 0,
            width,
            height: 1,
        };
        if let Some(seen) = canvas.begin(area, dispose).unwrap() {
            canvas.rows_mut(seen).for_each(|row| row.fill(value));
        }
        let (pixels, _) = canvas.pixels().bytes().as_chunks::<4>();
        pixels.iter().map(|pixel| pixel[3]).collect()
    }

    #[test]
    fn a_frame_is_disposed_of_before_the_next_one() {
        use Dispose::{Clear, Keep, Restore};
        let size = Size {
            width: 4,
            height: 1,
        };
        let mut canvas = Canvas::new(size).unwrap();
        assert_eq!(draw(&mut canvas, 0, 4, 1, Keep), [1, 1, 1, 1]);
        assert_eq!(draw(&mut canvas, 1, 2, 2, Restore), [1, 2, 2, 1]);
        assert_eq!(draw(&mut canvas, 2, 9, 3, Clear), [1, 1, 3, 3]);
        assert_eq!(draw(&mut canvas, 9, 1, 4, Clear), [1, 1, 0, 0]);
        assert_eq!(draw(&mut canvas, 3, 1, 5, Keep), [1, 1, 0, 5]);
    }
}
