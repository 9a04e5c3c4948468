//! The frames of an animated WebP, composed as libwebp's `WebPAnimDecoder` composes them, to the bit.

use super::picture;
use crate::container::webp::{Frame, FrameChunks};
use crate::decode::Frames;
use crate::decode::canvas::{Canvas, Dispose};
use crate::error::Error;
use crate::geometry::{Area, Size};
use crate::pixels::{Layout, Pixels};
use crate::probe::Header;
use std::time::Duration;

/// The frames of a file.
pub(crate) struct WebPFrames<'a> {
    frames: FrameChunks<'a>,
    canvas: Canvas,
    size: Size,
    plays: Option<u32>,
    profile: Option<Vec<u8>>,
    before: Option<Before>,
    truncated: bool,
}

/// What counts of the frame before, which has been drawn.
#[derive(Clone, Copy)]
struct Before {
    area: Area,
    clear: bool,
    key: bool,
}

impl<'a> WebPFrames<'a> {
    pub(crate) fn new(original: &'a [u8], header: &Header) -> Result<Self, Error> {
        Ok(Self {
            frames: FrameChunks::of_file(original, header.stored),
            canvas: Canvas::new(header.stored)?,
            size: header.stored,
            plays: header.plays,
            profile: header.profile.clone(),
            before: None,
            truncated: false,
        })
    }

    /// The first frame, and whether it is cut short.
    pub(super) fn first(mut self) -> Result<(Pixels, bool), Error> {
        if self.next()?.is_none() {
            return Err(Error::Corrupt("it has no frame".to_owned()));
        }
        Ok((self.canvas.into_pixels(), self.truncated))
    }

    fn draw(&mut self, frame: &Frame<'_>, pixels: &Pixels) -> Result<(), Error> {
        let area = frame.area;
        let dispose = if frame.clear {
            Dispose::Clear
        } else {
            Dispose::Keep
        };
        let seen = self.canvas.begin(area, dispose)?;
        let whole = |area: Area| area.size() == self.size;
        let key = match self.before {
            None => true,
            Some(before) => {
                (!frame.image.has_alpha() || !frame.blend) && whole(area)
                    || before.clear && (whole(before.area) || before.key)
            }
        };
        if key {
            self.canvas.clear();
        }
        // What was just cleared takes a pixel as it is; elsewhere blending it with nothing would round it.
        let cleared = match self.before {
            Some(before) if before.clear => Some(before.area),
            _ => None,
        };
        let blend = frame.blend && !key;
        let rows = seen.map(|seen| self.canvas.rows_mut(seen));
        for ((row, source), y) in rows
            .into_iter()
            .flatten()
            .zip(pixels.rows())
            .zip(area.top..)
        {
            let row = row.as_chunks_mut::<4>().0;
            match pixels.layout() {
                Layout::Rgba => {
                    let source = source.as_chunks::<4>().0;
                    if blend {
                        let (start, end) = untouched(area, cleared, y);
                        lay(row, source, start, end);
                    } else {
                        row.copy_from_slice(source);
                    }
                }
                _ => {
                    for (pixel, &[r, g, b]) in row.iter_mut().zip(source.as_chunks::<3>().0) {
                        *pixel = [r, g, b, 255];
                    }
                }
            }
        }
        self.before = Some(Before {
            area,
            clear: frame.clear,
            key,
        });
        Ok(())
    }
}

impl Frames for WebPFrames<'_> {
    fn next(&mut self) -> Result<Option<(&Pixels, Duration)>, Error> {
        if self.truncated {
            return Ok(None);
        }
        let Some(frame) = self.frames.next().transpose()? else {
            self.truncated |= self.frames.cut();
            return Ok(None);
        };
        // Of an animation, what is whole is shown; where nothing is, what there is.
        let first = self.before.is_none();
        let (pixels, cut) = match picture::decode(&frame.image) {
            Ok((pixels, cut)) => (pixels, cut && frame.image.cut),
            Err(_) if frame.image.cut && !first => {
                self.truncated = true;
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        if cut {
            self.truncated = true;
            if !first {
                return Ok(None);
            }
        }
        self.draw(&frame, &pixels)?;
        let duration = Duration::from_millis(frame.duration.into());
        Ok(Some((self.canvas.pixels(), duration)))
    }

    fn profile(&self) -> Option<&[u8]> {
        self.profile.as_deref()
    }

    fn plays(&self) -> Option<u32> {
        self.plays
    }

    fn truncated(&self) -> bool {
        self.truncated
    }
}

/// The columns of a frame that lie in an area which was cleared, at a row of the canvas.
fn untouched(frame: Area, cleared: Option<Area>, y: u32) -> (usize, usize) {
    let Some(cleared) = cleared else {
        return (0, 0);
    };
    if y < cleared.top || y >= cleared.top + cleared.height {
        return (0, 0);
    }
    let start = cleared.left.saturating_sub(frame.left).min(frame.width);
    let end = (cleared.left + cleared.width)
        .saturating_sub(frame.left)
        .min(frame.width);
    (start as usize, end as usize)
}

/// Lays a row over the canvas. From `start` to `end` it replaces it.
fn lay(row: &mut [[u8; 4]], source: &[[u8; 4]], start: usize, end: usize) {
    for (x, (pixel, source)) in row.iter_mut().zip(source).enumerate() {
        *pixel = if (start..end).contains(&x) {
            *source
        } else {
            over(*source, *pixel)
        };
    }
}

/// A pixel over another, neither multiplied by its alpha, in libwebp's whole numbers.
fn over(source: [u8; 4], below: [u8; 4]) -> [u8; 4] {
    let [.., alpha] = source;
    match alpha {
        255 => return source,
        0 => return below,
        _ => {}
    }
    let alpha = u32::from(alpha);
    let factor = (u32::from(below[3]) * (256 - alpha)) >> 8;
    let sum = alpha + factor;
    let scale = (1 << 24) / sum;
    let channel = |source: u8, below: u8| {
        let unscaled = u32::from(source) * alpha + u32::from(below) * factor;
        // At most 255 times the sum, which the scale brings back to 8 bits.
        ((unscaled * scale) >> 24) as u8
    };
    [
        channel(source[0], below[0]),
        channel(source[1], below[1]),
        channel(source[2], below[2]),
        sum as u8,
    ]
}
