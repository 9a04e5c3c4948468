//! Animated PNG (PNG third edition, §11.3.6), written frame by frame, so that no more than one frame is held as pixels.

use super::gif::changed;
use super::png::deflated;
use crate::container::png::{SIGNATURE, write_chunk};
use crate::error::Error;
use crate::geometry::{Area, Size};
use crate::pixels::{Layout, Pixels};
use std::time::Duration;

/// Writes an animation, one whole canvas after another. All of it is RGBA, unless it is known that nothing will be
/// transparent: a file has one kind of pixels, and what later frames need is not known when the first is written.
pub(crate) struct PngAnimation {
    plays: Option<u32>,
    opaque: bool,
    before: Option<Pixels>,
    frames: u32,
    sequence: u32,
    /// The frames' chunks so far.
    chunks: Vec<u8>,
}

/// A pixel over what is there, else in its place.
const OVER: u8 = 1;

impl PngAnimation {
    /// `opaque` drops all alpha.
    pub(crate) fn new(plays: Option<u32>, opaque: bool) -> Self {
        Self {
            plays,
            opaque,
            before: None,
            frames: 0,
            sequence: 0,
            chunks: Vec::new(),
        }
    }

    /// Writes what has changed. Nothing ever has to be disposed of, since a frame may replace what was in its place by
    /// transparent pixels.
    pub(crate) fn push(&mut self, canvas: Pixels, delay: Duration) -> Result<(), Error> {
        let canvas = if self.opaque {
            canvas.into_colour().without_alpha()
        } else {
            canvas.into_rgba()
        };
        let (area, part, blend) = match &self.before {
            None => {
                let size = Size {
                    width: canvas.width(),
                    height: canvas.height(),
                };
                (Area::whole(size), canvas.clone(), 0)
            }
            Some(before) => {
                let area = changed(before, &canvas);
                let cut = |of: &Pixels| of.cut(area.left, area.top, area.width, area.height);
                let part = cut(&canvas)?;
                let over = if self.opaque {
                    None
                } else {
                    laid_over(&part, &cut(before)?)?
                };
                match over {
                    Some(over) => (area, over, OVER),
                    None => (area, part, 0),
                }
            }
        };
        self.control(area, delay, blend);
        let data = deflated(&part)?;
        if self.before.is_none() {
            write_chunk(&mut self.chunks, *b"IDAT", &data);
        } else {
            let mut numbered = self.number().to_vec();
            numbered.extend(data);
            write_chunk(&mut self.chunks, *b"fdAT", &numbered);
        }
        self.before = Some(canvas);
        self.frames += 1;
        Ok(())
    }

    fn number(&mut self) -> [u8; 4] {
        self.sequence += 1;
        (self.sequence - 1).to_be_bytes()
    }

    fn control(&mut self, area: Area, delay: Duration, blend: u8) {
        let mut control = self.number().to_vec();
        for side in [area.width, area.height, area.left, area.top] {
            control.extend(side.to_be_bytes());
        }
        let (numerator, denominator) = fraction(delay);
        control.extend(numerator.to_be_bytes());
        control.extend(denominator.to_be_bytes());
        // Left as it is, and blended as wanted.
        control.extend([0, blend]);
        write_chunk(&mut self.chunks, *b"fcTL", &control);
    }

    pub(crate) fn finish(self) -> Result<Vec<u8>, Error> {
        let Some(canvas) = self.before else {
            return Err(Error::Encode("an animation without a frame".to_owned()));
        };
        let mut file = SIGNATURE.to_vec();
        let mut header = Vec::with_capacity(13);
        header.extend(canvas.width().to_be_bytes());
        header.extend(canvas.height().to_be_bytes());
        // 8 bits, RGB or RGBA, the only methods, not interlaced.
        header.extend([8, if self.opaque { 2 } else { 6 }, 0, 0, 0]);
        write_chunk(&mut file, *b"IHDR", &header);
        let mut animation = self.frames.to_be_bytes().to_vec();
        animation.extend(self.plays.unwrap_or(0).to_be_bytes());
        write_chunk(&mut file, *b"acTL", &animation);
        file.extend(self.chunks);
        write_chunk(&mut file, *b"IEND", &[]);
        Ok(file)
    }
}

/// The part with what has not changed left out, if laying it over what is below shows the part: whatever has changed must
/// be opaque.
fn laid_over(part: &Pixels, below: &Pixels) -> Result<Option<Pixels>, Error> {
    let mut over = Vec::with_capacity(part.bytes().len());
    let (new, old) = (part.bytes().as_chunks().0, below.bytes().as_chunks().0);
    for (new, old) in new.iter().zip(old) {
        let pixel: [u8; 4] = if new == old {
            [0; 4]
        } else if new[3] == 255 {
            *new
        } else {
            return Ok(None);
        };
        over.extend(pixel);
    }
    Pixels::new(part.width(), part.height(), Layout::Rgba, over).map(Some)
}

/// The fraction of a second nearest to a delay, of two numbers of 16 bits: the simplest within a microsecond, by the
/// continued fraction, so that 1/30 comes back as it was.
fn fraction(delay: Duration) -> (u16, u16) {
    let nanos = delay.as_nanos();
    if nanos >= 65_535 * 1_000_000_000 {
        return (u16::MAX, 1);
    }
    let (mut rest, mut of) = (nanos, 1_000_000_000_u128);
    let (mut before, mut now) = ((0_u128, 1_u128), (1_u128, 0_u128));
    while of > 0 {
        let whole = rest / of;
        let next = (whole * now.0 + before.0, whole * now.1 + before.1);
        if next.0 > 65_535 || next.1 > 65_535 {
            break;
        }
        (before, now) = (now, next);
        (rest, of) = (of, rest % of);
        if (now.0 * 1_000_000_000).abs_diff(nanos * now.1) < 1000 * now.1 {
            break;
        }
    }
    (now.0 as u16, now.1 as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_come_back_as_they_were() {
        for (numerator, denominator) in [
            (0, 1),
            (1, 10),
            (1, 30),
            (1, 60),
            (1001, 24_000),
            (33, 1000),
            (2, 25),
            (65_000, 1000),
            (3, 1),
            (1, 65_535),
        ] {
            let delay = Duration::from_secs(numerator) / denominator;
            let (n, d) = fraction(delay);
            let back = Duration::from_secs(n.into()) / u32::from(d);
            assert!(back.abs_diff(delay) < Duration::from_micros(1), "{n}/{d}");
        }
        assert_eq!(fraction(Duration::from_secs(1) / 30), (1, 30));
        assert_eq!(fraction(Duration::from_millis(70)), (7, 100));
        assert_eq!(fraction(Duration::from_secs(100_000)), (65_535, 1));
    }
}
