//! The chunks of an APNG (PNG third edition, §11.3.6).

use super::chunks::Chunks;
use super::signals::words;
use super::{Data, Png};
use crate::decode::Dispose;
use crate::geometry::{Area, Size};

/// An animation without a fault in its chunks.
#[derive(Clone, Debug)]
pub(crate) struct Animation<'a> {
    /// Frames that are whole or begun.
    pub(crate) count: u32,
    /// How often it is played; `None` is without end.
    pub(crate) plays: Option<u32>,
    pub(crate) frames: FrameChunks<'a>,
}

impl Animation<'_> {
    /// Whether frames without alpha leave no part of the canvas transparent: the first one fills it, and none is cleared.
    pub(crate) fn fills(&self) -> bool {
        let mut frames = self.frames.clone().take(self.count as usize).flatten();
        let canvas = Area::whole(self.frames.canvas);
        frames.next().is_some_and(|first| {
            first.control.area == canvas && first.control.dispose != Dispose::Clear
        }) && frames.all(|frame| frame.control.dispose != Dispose::Clear)
    }
}

/// What a frame says of itself (`fcTL`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameControl {
    pub(crate) area: Area,
    /// How long it is seen, as a fraction of a second.
    pub(crate) delay: (u16, u16),
    pub(crate) dispose: Dispose,
    /// It is laid over what is seen; else it takes its place.
    pub(crate) blend: bool,
}

impl FrameControl {
    fn read(content: &[u8], canvas: Size) -> Option<Self> {
        let (numbers, rest) = content.split_first_chunk::<20>()?;
        let [_sequence, width, height, left, top] = words(numbers)?;
        let &[n0, n1, d0, d1, dispose, blend] = rest else {
            return None;
        };
        let inside = width > 0
            && height > 0
            && left.checked_add(width)? <= canvas.width
            && top.checked_add(height)? <= canvas.height;
        let area = Area {
            left,
            top,
            width,
            height,
        };
        inside.then_some(Self {
            area,
            delay: (u16::from_be_bytes([n0, n1]), u16::from_be_bytes([d0, d1])),
            dispose: match dispose {
                0 => Dispose::Keep,
                1 => Dispose::Clear,
                2 => Dispose::Restore,
                _ => return None,
            },
            blend: match blend {
                0 => false,
                1 => true,
                _ => return None,
            },
        })
    }
}

/// A frame of an animation.
#[derive(Clone, Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) control: FrameControl,
    pub(crate) data: Data<'a>,
}

/// The frames of an animation in the order of the file.
#[derive(Clone, Debug)]
pub(crate) struct FrameChunks<'a> {
    chunks: Chunks<'a>,
    canvas: Size,
    /// The `fcTL` whose data are still to come.
    pending: Option<&'a [u8]>,
    /// The number that the next `fcTL` or `fdAT` must have.
    sequence: u32,
    /// Whether the file ends before its `IEND` chunk, once there are no more frames.
    pub(crate) cut: bool,
    ended: bool,
    first: bool,
}

/// A fault in an animation's chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault;

impl<'a> FrameChunks<'a> {
    pub(super) fn new(png: &Png<'a>) -> Self {
        Self {
            chunks: png.chunks.clone(),
            canvas: png.image.size,
            pending: png.control,
            sequence: u32::from(png.control.is_some()),
            cut: false,
            ended: false,
            first: true,
        }
    }

    fn numbered(&mut self, content: &[u8]) -> Result<(), Fault> {
        let number = content
            .first_chunk()
            .map(|number| u32::from_be_bytes(*number));
        if number != Some(self.sequence) {
            return Err(Fault);
        }
        self.sequence += 1;
        Ok(())
    }

    /// The frame whose data begin with the next chunk.
    fn frame(&mut self, control: &[u8], default: bool) -> Result<Frame<'a>, Fault> {
        let control = FrameControl::read(control, self.canvas).ok_or(Fault)?;
        // The default image is as large as the canvas, and so is its frame.
        if default && control.area != Area::whole(self.canvas) {
            return Err(Fault);
        }
        let first = std::mem::take(&mut self.first);
        Ok(Frame {
            control: FrameControl {
                // There is nothing to go back to.
                dispose: if first && control.dispose == Dispose::Restore {
                    Dispose::Clear
                } else {
                    control.dispose
                },
                ..control
            },
            data: Data {
                chunks: self.chunks.clone(),
                frame: !default,
                damaged: false,
                ended: false,
            },
        })
    }

    fn step(&mut self) -> Result<Option<Frame<'a>>, Fault> {
        loop {
            let Some((chunk, behind)) = self.chunks.split_first() else {
                self.ended = true;
                self.cut = true;
                return Ok(None);
            };
            match &chunk.name {
                b"IEND" => {
                    self.ended = true;
                    self.cut = !chunk.is_intact();
                    // A frame without data is a fault, unless the data are only cut off.
                    return self.pending.map_or(Ok(None), |_| Err(Fault));
                }
                // Cut short in the middle of its own numbers.
                b"fcTL" | b"fdAT" if chunk.checksum.is_none() && chunk.content.len() < 4 => {
                    self.chunks = behind;
                    continue;
                }
                b"fcTL" if chunk.checksum.is_none() => {
                    self.chunks = behind;
                    continue;
                }
                b"fcTL" if self.pending.is_some() => return Err(Fault),
                b"fcTL" if chunk.is_intact() => {
                    self.numbered(chunk.content)?;
                    self.pending = Some(chunk.content);
                }
                b"fdAT" => {
                    let pending = self.pending.take();
                    // Further pieces of a frame have no `fcTL` before them.
                    if pending.is_none() && self.first {
                        return Err(Fault);
                    }
                    self.numbered(chunk.content)?;
                    if let Some(control) = pending {
                        let frame = self.frame(control, false)?;
                        self.chunks = behind;
                        return Ok(Some(frame));
                    }
                }
                b"IDAT" if self.sequence <= 1 => {
                    if let Some(control) = self.pending.take() {
                        let frame = self.frame(control, true)?;
                        self.chunks = behind;
                        return Ok(Some(frame));
                    }
                }
                _ => {}
            }
            self.chunks = behind;
        }
    }
}

impl<'a> Iterator for FrameChunks<'a> {
    type Item = Result<Frame<'a>, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let step = self.step();
        self.ended |= step.is_err();
        step.transpose()
    }
}
