//! The frames of an APNG, composed as its `fcTL` chunks say (PNG third edition, §11.3.6).

use super::samples::Samples;
use super::{Decoded, draw};
use crate::colour;
use crate::container::png::{Animation, Frame, FrameChunks, FrameControl, ImageHeader, Png};
use crate::decode::Frames;
use crate::decode::canvas::Canvas;
use crate::error::Error;
use crate::pixels::{Layout, Pixels};
use crate::probe::Header;
use crate::shrink::Shrink;
use std::time::Duration;

/// The frames of a file.
// Facts, none of which depends on another.
#[allow(clippy::struct_excessive_bools)]
pub(crate) struct PngFrames<'a> {
    image: ImageHeader,
    samples: Samples,
    profile: Option<Vec<u8>>,
    frames: FrameChunks<'a>,
    /// How many are still to come.
    left: u32,
    plays: Option<u32>,
    /// Nothing is transparent in any frame.
    opaque: bool,
    canvas: Canvas,
    first: bool,
    truncated: bool,
    ended: bool,
}

impl<'a> PngFrames<'a> {
    pub(crate) fn new(original: &'a [u8], header: &Header) -> Result<Self, Error> {
        let png = Png::read(original)?;
        let animation = png
            .animation()
            .filter(|animation| animation.count == header.frames)
            .ok_or_else(|| Error::Corrupt("it has no frame".to_owned()))?;
        Self::of(&png, animation)
    }

    pub(super) fn of(png: &Png<'a>, animation: Animation<'a>) -> Result<Self, Error> {
        let (samples, profile) = Samples::new(png, colour::space(&png.signals))?;
        Ok(Self {
            opaque: !samples.layout().has_alpha() && animation.fills(),
            image: png.image,
            samples,
            profile,
            frames: animation.frames,
            left: animation.count,
            plays: animation.plays,
            canvas: Canvas::new(png.image.size)?,
            first: true,
            truncated: png.damaged,
            ended: false,
        })
    }

    /// The first frame as a still; `None` where pixels of it are missing.
    pub(super) fn first(mut self) -> Result<Option<Decoded>, Error> {
        if self.next()?.is_none() || self.ended {
            return Ok(None);
        }
        self.end();
        Ok(Some(Decoded {
            truncated: self.truncated,
            profile: self.profile,
            pixels: self.canvas.into_pixels().without_idle_alpha(),
            shrink: Shrink::Full,
        }))
    }

    /// Looks for the end of the file.
    fn end(&mut self) {
        self.frames.by_ref().for_each(drop);
        self.truncated |= self.frames.cut;
        self.ended = true;
    }

    fn draw(&mut self, control: &FrameControl, pixels: &Pixels) -> Result<(), Error> {
        let Some(seen) = self.canvas.begin(control.area, control.dispose)? else {
            return Ok(());
        };
        // On a canvas that shows nothing both are the same.
        let blend = control.blend && !self.first;
        for (row, source) in self.canvas.rows_mut(seen).zip(pixels.rows()) {
            let row = row.as_chunks_mut::<4>().0.iter_mut();
            let put = |(below, source): (&mut [u8; 4], [u8; 4])| {
                *below = if blend { over(source, *below) } else { source };
            };
            match pixels.layout() {
                Layout::Grey => row
                    .zip(source.iter().map(|&g| [g, g, g, 255]))
                    .for_each(put),
                Layout::GreyAlpha => {
                    let source = source.as_chunks::<2>().0.iter();
                    row.zip(source.map(|&[g, a]| [g, g, g, a])).for_each(put);
                }
                Layout::Rgb => {
                    let source = source.as_chunks::<3>().0.iter();
                    row.zip(source.map(|&[r, g, b]| [r, g, b, 255]))
                        .for_each(put);
                }
                Layout::Rgba | Layout::Cmyk => {
                    let source = source.as_chunks::<4>().0.iter();
                    row.zip(source.copied()).for_each(put);
                }
            }
        }
        Ok(())
    }
}

impl Frames for PngFrames<'_> {
    fn next(&mut self) -> Result<Option<(&Pixels, Duration)>, Error> {
        if self.ended {
            return Ok(None);
        }
        if self.left == 0 {
            self.end();
            return Ok(None);
        }
        self.left -= 1;
        let Some(Ok(Frame { control, data })) = self.frames.next() else {
            self.ended = true;
            return Ok(None);
        };
        let mut drawn = match draw(&self.image, data, control.area.size(), &mut self.samples) {
            Ok(drawn) => drawn,
            Err(error) if self.first => return Err(error),
            Err(_) => {
                (self.truncated, self.ended) = (true, true);
                return Ok(None);
            }
        };
        self.truncated |= !drawn.whole || !drawn.data.is_intact();
        if drawn.cut {
            self.ended = true;
            // Of an animation, what is whole is shown; where nothing is, what there is.
            if !self.first {
                return Ok(None);
            }
        }
        self.draw(&control, &drawn.pixels)?;
        self.first = false;
        Ok(Some((self.canvas.pixels(), delay(control.delay))))
    }

    fn profile(&self) -> Option<&[u8]> {
        self.profile.as_deref()
    }

    fn opaque(&self) -> bool {
        self.opaque
    }

    fn plays(&self) -> Option<u32> {
        self.plays
    }

    fn truncated(&self) -> bool {
        self.truncated
    }
}

/// A fraction of a second, in hundredths where the denominator is 0.
fn delay((numerator, denominator): (u16, u16)) -> Duration {
    let denominator = if denominator == 0 { 100 } else { denominator };
    Duration::from_secs(numerator.into()) / denominator.into()
}

/// A pixel over another, neither multiplied by its alpha, rounded to the nearest.
fn over(source: [u8; 4], below: [u8; 4]) -> [u8; 4] {
    let (above, under) = (u32::from(source[3]), u32::from(below[3]));
    if above == 255 || under == 0 {
        return source;
    }
    if above == 0 {
        return below;
    }
    // Times 255 each.
    let (weight, rest) = (above * 255, under * (255 - above));
    let sum = weight + rest;
    let channel = |source: u8, below: u8| {
        let mixed = u32::from(source) * weight + u32::from(below) * rest;
        ((mixed + sum / 2) / sum) as u8
    };
    [
        channel(source[0], below[0]),
        channel(source[1], below[1]),
        channel(source[2], below[2]),
        ((sum + 127) / 255) as u8,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_are_fractions_of_a_second() {
        for (stored, millis) in [
            ((1, 10), 100),
            ((7, 0), 70),
            ((1, 1000), 1),
            ((0, 3), 0),
            ((65_535, 1), 65_535_000),
        ] {
            assert_eq!(delay(stored), Duration::from_millis(millis));
        }
        assert_eq!(delay((1, 30)).as_nanos(), 33_333_333);
    }

    #[test]
    fn blending_is_that_of_the_specification() {
        for (source, below) in [
            ([200, 0, 100, 128], [0, 100, 50, 255]),
            ([200, 10, 255, 1], [0, 100, 50, 255]),
            ([255, 255, 255, 254], [0, 0, 0, 128]),
            ([9, 90, 250, 77], [250, 3, 8, 99]),
        ] {
            let [alpha, under] = [source, below].map(|pixel: [u8; 4]| f64::from(pixel[3]) / 255.0);
            let sum = alpha + under * (1.0 - alpha);
            let mixed = over(source, below);
            for at in 0..3 {
                let (s, b) = (f64::from(source[at]), f64::from(below[at]));
                let expected = (s * alpha + b * under * (1.0 - alpha)) / sum;
                assert!((f64::from(mixed[at]) - expected).abs() <= 0.51);
            }
            assert!((f64::from(mixed[3]) - sum * 255.0).abs() <= 0.51);
        }
        assert_eq!(over([1, 2, 3, 0], [4, 5, 6, 7]), [4, 5, 6, 7]);
        assert_eq!(over([1, 2, 3, 4], [4, 5, 6, 0]), [1, 2, 3, 4]);
    }
}
