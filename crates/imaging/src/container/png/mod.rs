//! The chunks of a PNG (PNG third edition, §5 and §11). A critical chunk with a wrong checksum ends what can be read, any
//! other is passed over, as in libpng.

mod animation;
mod chunks;
mod signals;

use crate::error::Error;
use crate::geometry::Size;
use signals::words;

pub(crate) use animation::{Animation, Frame, FrameChunks, FrameControl};
pub(crate) use chunks::{Chunk, Chunks, SIGNATURE, write_chunk};
pub(crate) use signals::Signals;

/// How samples are stored (§11.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ImageHeader {
    pub(crate) size: Size,
    /// Bits a sample: 1, 2, 4, 8 or 16.
    pub(crate) depth: u8,
    pub(crate) colour: Colour,
    pub(crate) interlaced: bool,
}

/// The colour type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colour {
    Grey,
    Rgb,
    Palette,
    GreyAlpha,
    Rgba,
}

impl ImageHeader {
    fn read(content: &[u8]) -> Result<Self, Error> {
        let &[
            w0,
            w1,
            w2,
            w3,
            h0,
            h1,
            h2,
            h3,
            depth,
            colour,
            compression,
            filter,
            interlace,
        ] = content
        else {
            return Err(Error::Corrupt("an IHDR chunk of another length".to_owned()));
        };
        let colour = match (colour, depth) {
            (0, 1 | 2 | 4 | 8 | 16) => Colour::Grey,
            (2, 8 | 16) => Colour::Rgb,
            (3, 1 | 2 | 4 | 8) => Colour::Palette,
            (4, 8 | 16) => Colour::GreyAlpha,
            (6, 8 | 16) => Colour::Rgba,
            _ => {
                let kind = format!("colour type {colour} with {depth} bits");
                return Err(Error::Corrupt(kind));
            }
        };
        if (compression, filter) != (0, 0) || interlace > 1 {
            return Err(Error::Corrupt("methods that PNG does not have".to_owned()));
        }
        Ok(Self {
            size: Size {
                width: u32::from_be_bytes([w0, w1, w2, w3]),
                height: u32::from_be_bytes([h0, h1, h2, h3]),
            },
            depth,
            colour,
            interlaced: interlace == 1,
        })
    }

    /// Samples of a pixel, as they are stored.
    pub(crate) const fn samples(&self) -> usize {
        match self.colour {
            Colour::Grey | Colour::Palette => 1,
            Colour::GreyAlpha => 2,
            Colour::Rgb => 3,
            Colour::Rgba => 4,
        }
    }

    /// Bytes of a row of so many pixels, without its filter.
    pub(crate) const fn row(&self, width: u32) -> usize {
        (width as usize * self.samples() * self.depth as usize).div_ceil(8)
    }
}

/// A PNG up to its first pixels.
#[derive(Clone, Debug)]
pub(crate) struct Png<'a> {
    pub(crate) image: ImageHeader,
    /// Three bytes a colour.
    pub(crate) palette: &'a [u8],
    /// The alphas of a palette, or the samples of the colour that is transparent (`tRNS`).
    pub(crate) transparency: Option<&'a [u8]>,
    pub(crate) signals: Signals<'a>,
    pub(crate) exif: Option<&'a [u8]>,
    /// A chunk was passed over, since it is damaged.
    pub(crate) damaged: bool,
    /// `acTL`, and the `fcTL` that makes the default image a frame.
    animation: Option<AnimationControl>,
    control: Option<&'a [u8]>,
    /// Something of the animation is twice there.
    faulty: bool,
    /// From the first `IDAT` on.
    chunks: Chunks<'a>,
}

#[derive(Clone, Copy, Debug)]
struct AnimationControl {
    frames: u32,
    /// 0 is without end.
    plays: u32,
}

impl<'a> Png<'a> {
    /// Reads what comes before the pixels. That may be cut short anywhere behind the size.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, Error> {
        let mut chunks = Chunks::of_file(bytes);
        let first = chunks
            .next()
            .filter(|first| &first.name == b"IHDR" && first.is_intact())
            .ok_or_else(|| Error::Corrupt("no IHDR chunk first".to_owned()))?;
        let mut png = Self {
            image: ImageHeader::read(first.content)?,
            palette: &[],
            transparency: None,
            signals: Signals::default(),
            exif: None,
            damaged: false,
            animation: None,
            control: None,
            faulty: false,
            chunks,
        };
        while let Some((chunk, behind)) = png.chunks.split_first() {
            if matches!(&chunk.name, b"IDAT" | b"IEND") {
                break;
            }
            png.chunks = behind;
            png.take(&chunk)?;
        }
        Ok(png)
    }

    fn take(&mut self, chunk: &Chunk<'a>) -> Result<(), Error> {
        if !chunk.is_intact() {
            // One that the file's end cuts short is no news: the pixels are missing as well.
            let needed = chunk.is_critical()
                && (&chunk.name != b"PLTE" || self.image.colour == Colour::Palette);
            if needed && chunk.checksum.is_some() {
                return Err(Error::Corrupt("a wrong checksum".to_owned()));
            }
            self.damaged = true;
            return Ok(());
        }
        let content = chunk.content;
        match &chunk.name {
            b"PLTE" if self.palette.is_empty() => self.palette = content,
            b"tRNS" if self.transparency.is_none() => {
                let fits = match self.image.colour {
                    Colour::Grey => content.len() == 2,
                    Colour::Rgb => content.len() == 6,
                    // Longer than the palette is as good as cut to it.
                    Colour::Palette => !self.palette.is_empty() && content.len() <= 256,
                    Colour::GreyAlpha | Colour::Rgba => false,
                };
                if fits {
                    self.transparency = Some(content);
                }
            }
            b"eXIf" => self.exif = self.exif.or(Some(content)),
            b"acTL" => {
                // Two of them are a fault, as is a count that is none of 31 bits.
                self.faulty |= self.animation.is_some();
                self.animation = words(content)
                    .filter(|[frames, _]| i32::try_from(*frames).is_ok())
                    .map(|[frames, plays]| AnimationControl { frames, plays });
            }
            b"fcTL" => {
                self.faulty |= self.control.is_some();
                self.control = Some(content);
            }
            b"PLTE" | b"tRNS" => {}
            _ if chunk.is_critical() => {
                let name = String::from_utf8_lossy(&chunk.name).into_owned();
                return Err(Error::UnsupportedKind(format!("PNG with {name} chunks")));
            }
            _ => self.signals.take(chunk),
        }
        Ok(())
    }

    /// The compressed data of the image that is shown where animations are not.
    pub(crate) fn data(&self) -> Data<'a> {
        Data {
            chunks: self.chunks.clone(),
            frame: false,
            damaged: false,
            ended: false,
        }
    }

    /// The frames of an animation, if there is one without a fault. Where there is a fault browsers show the default
    /// image.
    pub(crate) fn animation(&self) -> Option<Animation<'a>> {
        let control = self.animation?;
        let first = self.control.unwrap_or(&[0; 4]);
        if self.faulty || !first.starts_with(&[0; 4]) {
            return None;
        }
        let frames = FrameChunks::new(self);
        let mut count = 0;
        for frame in frames.clone() {
            frame.ok()?;
            count += 1;
        }
        // Frames beyond those that are announced are not part of it.
        let count = control.frames.min(count);
        (count > 0).then_some(Animation {
            count,
            plays: Some(control.plays).filter(|plays| *plays > 0),
            frames,
        })
    }

    /// Whether the default image is a frame of the animation.
    pub(crate) fn shows_default(&self) -> bool {
        self.control.is_some()
    }
}

/// The compressed data of one image, in the pieces of its chunks.
#[derive(Clone, Debug)]
pub(crate) struct Data<'a> {
    chunks: Chunks<'a>,
    /// `fdAT` instead of `IDAT`.
    frame: bool,
    /// A chunk is cut short or has a wrong checksum; there is nothing behind it.
    damaged: bool,
    ended: bool,
}

impl Data<'_> {
    /// Whether no chunk of these data is damaged or cut short.
    pub(crate) fn is_intact(&mut self) -> bool {
        self.by_ref().for_each(drop);
        !self.damaged
    }

    /// Whether that holds of all chunks behind them as well, up to an `IEND` chunk.
    pub(crate) fn ends_well(mut self) -> bool {
        if !self.is_intact() {
            return false;
        }
        for chunk in self.chunks {
            if !chunk.is_intact() {
                return false;
            }
            if &chunk.name == b"IEND" {
                return true;
            }
        }
        false
    }
}

impl<'a> Iterator for Data<'a> {
    type Item = &'a [u8];

    /// The next piece. A chunk with a wrong checksum is the last one: libpng has decoded it when it finds out.
    fn next(&mut self) -> Option<&'a [u8]> {
        while !self.ended {
            let Some((chunk, behind)) = self.chunks.split_first() else {
                self.ended = true;
                self.damaged = true;
                break;
            };
            let wanted = if self.frame { b"fdAT" } else { b"IDAT" };
            if &chunk.name != wanted {
                // Between those of a frame there may be others.
                if self.frame && !matches!(&chunk.name, b"fcTL" | b"IDAT" | b"IEND") {
                    self.chunks = behind;
                    continue;
                }
                self.ended = true;
                break;
            }
            self.chunks = behind;
            if !chunk.is_intact() {
                self.ended = true;
                self.damaged = true;
            }
            return Some(if self.frame {
                // Behind its sequence number.
                chunk.content.get(4..).unwrap_or_default()
            } else {
                chunk.content
            });
        }
        None
    }
}
