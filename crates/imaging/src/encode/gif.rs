//! GIF, still and animated. Each frame has a palette of its own and holds only what changed.

use super::palette::{self, Indexed};
use crate::error::Error;
use crate::geometry::Area;
use crate::pixels::{Layout, Pixels};
use gif::{DisposalMethod, Encoder, Frame, Repeat};
use std::borrow::Cow;
use std::time::Duration;

pub(super) fn encode(pixels: &Pixels, colours: u16) -> Result<Vec<u8>, Error> {
    let (width, height) = sides(pixels)?;
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, width, height, &[]).map_err(Error::encode)?;
    let indexed = indexed(pixels, colours)?;
    encoder
        .write_frame(&frame(&indexed, width, height))
        .map_err(Error::encode)?;
    drop(encoder);
    Ok(bytes)
}

/// Writes an animation, one whole canvas after another.
pub(crate) struct GifAnimation {
    encoder: Encoder<Vec<u8>>,
    /// What is seen before `pending` is laid on it; `None` is nothing yet.
    base: Option<Pixels>,
    /// Held back, since how it is disposed of depends on the one after it.
    pending: Option<(Pixels, Duration)>,
}

impl GifAnimation {
    /// `first` only gives the size.
    pub(crate) fn new(first: &Pixels, plays: Option<u32>) -> Result<Self, Error> {
        let (width, height) = sides(first)?;
        let mut encoder = Encoder::new(Vec::new(), width, height, &[]).map_err(Error::encode)?;
        match plays {
            None => encoder.set_repeat(Repeat::Infinite),
            // Once is what a file without the extension says.
            Some(0 | 1) => Ok(()),
            Some(plays) => {
                encoder.set_repeat(Repeat::Finite(u16::try_from(plays - 1).unwrap_or(u16::MAX)))
            }
        }
        .map_err(Error::encode)?;
        Ok(Self {
            encoder,
            base: None,
            pending: None,
        })
    }

    pub(crate) fn push(&mut self, canvas: Pixels, delay: Duration) -> Result<(), Error> {
        let mut canvas = canvas.into_rgba();
        for pixel in canvas.bytes_mut().as_chunks_mut::<4>().0 {
            *pixel = if pixel[3] < 128 {
                [0; 4]
            } else {
                [pixel[0], pixel[1], pixel[2], 255]
            };
        }
        if let Some((pending, pending_delay)) = self.pending.take() {
            let clears = pixels(&pending)
                .iter()
                .zip(pixels(&canvas))
                .any(|(before, after)| before[3] > after[3]);
            self.write(&pending, pending_delay, clears)?;
            self.base = (!clears).then_some(pending);
        }
        self.pending = Some((canvas, delay));
        Ok(())
    }

    pub(crate) fn finish(mut self) -> Result<Vec<u8>, Error> {
        if let Some((pending, delay)) = self.pending.take() {
            self.write(&pending, delay, false)?;
        }
        self.encoder.into_inner().map_err(Error::encode)
    }

    /// Lays a canvas on the base. Where something opaque becomes transparent afterwards, a frame must clear all of it.
    fn write(&mut self, canvas: &Pixels, delay: Duration, clears: bool) -> Result<(), Error> {
        let place = match &self.base {
            Some(base) if !clears => changed(base, canvas),
            _ => Area {
                left: 0,
                top: 0,
                width: canvas.width(),
                height: canvas.height(),
            },
        };
        let mut part = canvas.cut(place.left, place.top, place.width, place.height)?;
        if let Some(base) = &self.base {
            let base = base.cut(place.left, place.top, place.width, place.height)?;
            let rows = part.bytes_mut().as_chunks_mut::<4>().0.iter_mut();
            for (pixel, below) in rows.zip(pixels(&base)) {
                if pixel == below {
                    *pixel = [0; 4];
                }
            }
        }
        let indexed = indexed(&part, 256)?;
        let (width, height) = sides(&part)?;
        let mut frame = frame(&indexed, width, height);
        // A frame lies within the sides of its file.
        (frame.left, frame.top) = (place.left as u16, place.top as u16);
        frame.delay = u16::try_from((delay.as_millis() + 5) / 10).unwrap_or(u16::MAX);
        frame.dispose = if clears {
            DisposalMethod::Background
        } else {
            DisposalMethod::Keep
        };
        self.encoder.write_frame(&frame).map_err(Error::encode)
    }
}

/// The smallest area outside of which two canvases are the same; one pixel where they do not differ at all.
pub(super) fn changed(before: &Pixels, after: &Pixels) -> Area {
    let channels = before.layout().channels();
    let mut found: Option<(usize, usize, usize, usize)> = None;
    for (y, (old, new)) in before.rows().zip(after.rows()).enumerate() {
        let differs = |(old, new): (&[u8], &[u8])| old != new;
        let mut pairs = old.chunks_exact(channels).zip(new.chunks_exact(channels));
        let Some(first) = pairs.clone().position(differs) else {
            continue;
        };
        let last = pairs.rposition(differs).unwrap_or(first);
        found = Some(match found {
            None => (first, y, last, y),
            Some((left, top, right, _)) => (left.min(first), top, right.max(last), y),
        });
    }
    let (left, top, right, bottom) = found.unwrap_or_default();
    Area {
        left: left as u32,
        top: top as u32,
        width: (right - left + 1) as u32,
        height: (bottom - top + 1) as u32,
    }
}

fn pixels(canvas: &Pixels) -> &[[u8; 4]] {
    canvas.bytes().as_chunks().0
}

/// At most `colours`, with one bit of transparency.
fn indexed(pixels: &Pixels, colours: u16) -> Result<Indexed, Error> {
    let one_bit = |indexed: &Indexed| {
        let translucent = indexed.palette.iter().filter(|colour| colour[3] < 255);
        translucent.clone().count() <= 1 && translucent.clone().all(|colour| colour[3] == 0)
    };
    palette::exact(pixels)
        .filter(|exact| exact.palette.len() <= usize::from(colours) && one_bit(exact))
        .or_else(|| palette::quantised(pixels, colours))
        .ok_or_else(|| Error::Encode("inks as GIF".to_owned()))
}

fn frame(indexed: &Indexed, width: u16, height: u16) -> Frame<'_> {
    let colours = indexed.palette.iter();
    Frame {
        width,
        height,
        palette: Some(colours.flat_map(|[r, g, b, _]| [*r, *g, *b]).collect()),
        // Translucent colours come first, and there is at most one.
        transparent: indexed
            .palette
            .first()
            .filter(|colour| colour[3] == 0)
            .map(|_| 0),
        buffer: Cow::Borrowed(&indexed.indices),
        ..Frame::default()
    }
}

fn sides(pixels: &Pixels) -> Result<(u16, u16), Error> {
    let (width, height) = (pixels.width(), pixels.height());
    match (u16::try_from(width), u16::try_from(height)) {
        (Ok(width), Ok(height)) if pixels.layout() != Layout::Cmyk => Ok((width, height)),
        _ => Err(Error::ResultTooLarge {
            width,
            height,
            reason: "the sides of a GIF end at 65,535",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::frames;
    use crate::limits::Limits;
    use crate::probe::read_header;

    fn canvas(letters: &str) -> Pixels {
        let bytes = letters
            .chars()
            .flat_map(|letter| match letter {
                'r' => [255, 0, 0, 255],
                'g' => [0, 255, 0, 255],
                _ => [0; 4],
            })
            .collect();
        Pixels::new(letters.len() as u32, 1, Layout::Rgba, bytes).unwrap()
    }

    fn written(canvases: &[Pixels], plays: Option<u32>) -> Vec<u8> {
        let mut animation = GifAnimation::new(&canvases[0], plays).unwrap();
        for (turn, canvas) in (1..).zip(canvases) {
            let delay = Duration::from_millis(turn * 50);
            animation.push(canvas.clone(), delay).unwrap();
        }
        animation.finish().unwrap()
    }

    #[test]
    fn an_animation_comes_back_frame_by_frame() {
        let canvases = ["rrrr", "rggr", "rggr", ".g..", "....", "gggg"].map(canvas);
        for plays in [None, Some(1), Some(2), Some(9), Some(65_535), Some(65_536)] {
            let bytes = written(&canvases, plays);
            let header = read_header(&bytes, &Limits::default()).unwrap();
            assert_eq!(header.frames, 6);
            let mut frames = frames(&bytes, &header).unwrap();
            for (turn, expected) in (1..).zip(&canvases) {
                let (seen, delay) = frames.next().unwrap().unwrap();
                assert_eq!((seen, delay), (expected, Duration::from_millis(turn * 50)));
            }
            assert!(frames.next().unwrap().is_none());
            assert_eq!(frames.plays(), plays);
        }
    }

    #[test]
    fn only_what_changed_is_written() {
        let noise: Vec<u8> = (0..100 * 100u32)
            .flat_map(|n| [(n * 7 % 251) as u8, (n * 13 % 241) as u8, 0, 255])
            .collect();
        let first = Pixels::new(100, 100, Layout::Rgba, noise).unwrap();
        let mut second = first.clone();
        second.bytes_mut()[4 * 5050..4 * 5051].copy_from_slice(&[1, 2, 3, 255]);
        let one = written(std::slice::from_ref(&first), None).len();
        let two = written(&[first, second], None).len();
        assert!(two < one + 100, "{one} {two}");
    }
}
