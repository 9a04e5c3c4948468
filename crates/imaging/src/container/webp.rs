//! The chunks of a WebP (RFC 9649 §2). Those without a meaning here are passed over wherever they are, and the flags of
//! `VP8X` are hints only, as are the reserved bits.

use super::Cursor;
use crate::error::Error;
use crate::geometry::{Area, Size};

/// A chunk, as far as the file goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chunk<'a> {
    pub(crate) name: [u8; 4],
    pub(crate) content: &'a [u8],
    /// Whether the file ends within it.
    pub(crate) cut: bool,
}

/// Chunks one after another.
#[derive(Clone, Debug)]
pub(crate) struct Chunks<'a> {
    cursor: Cursor<'a>,
}

impl<'a> Chunks<'a> {
    /// The chunks of a file: those that begin within its RIFF chunk. What follows that belongs to others.
    pub(crate) fn of_file(bytes: &'a [u8]) -> Self {
        let end = match riff_length(bytes) {
            // A length that holds no chunk was not known to its writer.
            ..20 => bytes.len(),
            length => length.min(bytes.len()),
        };
        Self::within(bytes.get(12..end).unwrap_or_default())
    }

    pub(crate) fn within(rest: &'a [u8]) -> Self {
        Self {
            cursor: Cursor { rest },
        }
    }
}

impl<'a> Iterator for Chunks<'a> {
    type Item = Chunk<'a>;

    fn next(&mut self) -> Option<Chunk<'a>> {
        let name = self.cursor.array()?;
        let length = u32::from_le_bytes(self.cursor.array()?) as usize;
        let cut = length > self.cursor.rest.len();
        let content = self.cursor.take(length.min(self.cursor.rest.len()))?;
        if length % 2 == 1 {
            // Missing at the end of many files.
            let _padding = self.cursor.byte();
        }
        Some(Chunk { name, content, cut })
    }
}

/// The length of a file as its header has it.
fn riff_length(bytes: &[u8]) -> usize {
    match bytes {
        &[_, _, _, _, l0, l1, l2, l3, ..] => {
            (u32::from_le_bytes([l0, l1, l2, l3]) as usize).saturating_add(8)
        }
        _ => 0,
    }
}

/// One picture: that of a still, or of a frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Image<'a> {
    pub(crate) size: Size,
    pub(crate) bits: Bits<'a>,
    /// Whether the file ends within its bits.
    pub(crate) cut: bool,
}

/// What a picture is coded with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bits<'a> {
    /// A VP8 frame, with the content of the `ALPH` chunk before it.
    Lossy {
        frame: &'a [u8],
        alpha: Option<&'a [u8]>,
    },
    /// A VP8L stream.
    Lossless {
        stream: &'a [u8],
        /// Whether it says that it has transparent pixels.
        alpha: bool,
    },
}

impl<'a> Image<'a> {
    /// The first picture among chunks. `None` where there is none, or no more of it than its name.
    fn among(chunks: Chunks<'a>) -> Result<Option<Self>, Error> {
        let mut alpha = None;
        for chunk in chunks {
            match &chunk.name {
                b"ALPH" => {
                    alpha.get_or_insert(chunk.content);
                }
                b"VP8 " | b"VP8L" => return Self::of(chunk, alpha),
                _ => {}
            }
        }
        Ok(None)
    }

    fn of(chunk: Chunk<'a>, alpha: Option<&'a [u8]>) -> Result<Option<Self>, Error> {
        let content = chunk.content;
        let read = if chunk.name == *b"VP8L" {
            lossless(content).map(|(size, alpha)| {
                let stream = content;
                (size, Bits::Lossless { stream, alpha })
            })
        } else {
            lossy(content).map(|size| {
                let frame = content;
                (size, Bits::Lossy { frame, alpha })
            })
        };
        match read {
            Some((size, bits)) => Ok(Some(Self {
                size,
                bits,
                cut: chunk.cut,
            })),
            None if chunk.cut => Ok(None),
            None => Err(Error::Corrupt("a picture without a header".to_owned())),
        }
    }

    pub(crate) const fn has_alpha(&self) -> bool {
        match self.bits {
            Bits::Lossy { alpha, .. } => alpha.is_some(),
            Bits::Lossless { alpha, .. } => alpha,
        }
    }
}

/// RFC 6386 §9.1.
fn lossy(frame: &[u8]) -> Option<Size> {
    let &[_, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1, ..] = frame else {
        return None;
    };
    let side = |bytes| u32::from(u16::from_le_bytes(bytes) & 0x3fff);
    Some(Size {
        width: side([w0, w1]),
        height: side([h0, h1]),
    })
}

/// RFC 9649 §3.4.
fn lossless(stream: &[u8]) -> Option<(Size, bool)> {
    let &[0x2f, b0, b1, b2, b3, ..] = stream else {
        return None;
    };
    let bits = u32::from_le_bytes([b0, b1, b2, b3]);
    let size = Size {
        width: (bits & 0x3fff) + 1,
        height: (bits >> 14 & 0x3fff) + 1,
    };
    Some((size, bits >> 28 & 1 == 1))
}

/// A frame of an animation (RFC 9649 §2.7.1.1).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame<'a> {
    /// Its place, which is on the canvas.
    pub(crate) area: Area,
    /// How long it is shown, in milliseconds.
    pub(crate) duration: u32,
    /// Whether it is laid over what is below it; else it replaces it.
    pub(crate) blend: bool,
    /// Whether its place becomes transparent before the next frame.
    pub(crate) clear: bool,
    pub(crate) image: Image<'a>,
}

impl<'a> Frame<'a> {
    /// The frame of an `ANMF` chunk. `None` where the file ends before its picture begins.
    fn read(chunk: &Chunk<'a>, canvas: Size) -> Result<Option<Self>, Error> {
        let Some((header, rest)) = chunk.content.split_first_chunk::<16>() else {
            return if chunk.cut {
                Ok(None)
            } else {
                Err(Error::Corrupt("a frame without a header".to_owned()))
            };
        };
        let three = |bytes: [u8; 3]| {
            let [a, b, c] = bytes;
            u32::from_le_bytes([a, b, c, 0])
        };
        let [
            x0,
            x1,
            x2,
            y0,
            y1,
            y2,
            w0,
            w1,
            w2,
            h0,
            h1,
            h2,
            d0,
            d1,
            d2,
            flags,
        ] = *header;
        let area = Area {
            left: three([x0, x1, x2]) * 2,
            top: three([y0, y1, y2]) * 2,
            width: three([w0, w1, w2]) + 1,
            height: three([h0, h1, h2]) + 1,
        };
        if area.within(canvas.width, canvas.height) != Some(area) {
            return Err(Error::Corrupt("a frame beyond its canvas".to_owned()));
        }
        let Some(image) = Image::among(Chunks::within(rest))? else {
            return if chunk.cut {
                Ok(None)
            } else {
                Err(Error::Corrupt("a frame without a picture".to_owned()))
            };
        };
        if image.size != area.size() {
            return Err(Error::Corrupt("a frame of two sizes".to_owned()));
        }
        Ok(Some(Self {
            area,
            duration: three([d0, d1, d2]),
            blend: flags & 2 == 0,
            clear: flags & 1 != 0,
            image,
        }))
    }
}

/// The frames of a file, in their order.
#[derive(Clone, Debug)]
pub(crate) struct FrameChunks<'a> {
    chunks: Chunks<'a>,
    canvas: Size,
    cut: bool,
}

impl<'a> FrameChunks<'a> {
    pub(crate) fn of_file(bytes: &'a [u8], canvas: Size) -> Self {
        Self {
            chunks: Chunks::of_file(bytes),
            canvas,
            cut: riff_length(bytes) > bytes.len(),
        }
    }

    /// Whether the file ends early, as far as it has been read.
    pub(crate) fn cut(&self) -> bool {
        self.cut
    }
}

impl<'a> Iterator for FrameChunks<'a> {
    type Item = Result<Frame<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let (canvas, cut) = (self.canvas, &mut self.cut);
        self.chunks
            .by_ref()
            .inspect(|chunk| *cut |= chunk.cut)
            .filter(|chunk| chunk.name == *b"ANMF")
            .find_map(|chunk| Frame::read(&chunk, canvas).transpose())
    }
}

/// What the chunks of a file say, without any pixel.
#[derive(Debug)]
pub(crate) struct Summary<'a> {
    /// The size of the canvas, which is that of a still.
    pub(crate) size: Size,
    pub(crate) content: Content<'a>,
    pub(crate) profile: Option<&'a [u8]>,
    pub(crate) exif: Option<&'a [u8]>,
}

#[derive(Debug)]
pub(crate) enum Content<'a> {
    Still(Image<'a>),
    Animation {
        /// Frames of whose picture something is there.
        frames: u32,
        /// How often it is played; `None` is without end.
        plays: Option<u32>,
    },
}

impl<'a> Summary<'a> {
    /// # Errors
    /// When there is no picture, or one that is not of the size, or not in the place, that the file says.
    pub(crate) fn of_file(bytes: &'a [u8]) -> Result<Self, Error> {
        let mut canvas = None;
        let (mut says_animated, mut plays) = (false, None);
        let (mut profile, mut exif) = (None, None);
        let (mut still, mut has_frames) = (None, false);
        let mut alpha = None;
        for chunk in Chunks::of_file(bytes) {
            match (&chunk.name, chunk.content) {
                (b"VP8X", &[flags, _, _, _, w0, w1, w2, h0, h1, h2, ..]) if canvas.is_none() => {
                    says_animated = flags & ANIMATED != 0;
                    canvas = Some(Size {
                        width: u32::from_le_bytes([w0, w1, w2, 0]) + 1,
                        height: u32::from_le_bytes([h0, h1, h2, 0]) + 1,
                    });
                }
                // The background colour before it is ignored, as browsers do.
                (b"ANIM", &[_, _, _, _, n0, n1, ..]) => {
                    let times = u16::from_le_bytes([n0, n1]);
                    plays = (times > 0).then_some(u32::from(times));
                }
                (b"ANMF", _) => has_frames = true,
                (b"ALPH", content) => {
                    alpha.get_or_insert(content);
                }
                (b"VP8 " | b"VP8L", _) if still.is_none() => still = Image::of(chunk, alpha)?,
                (b"ICCP", content) if !chunk.cut => profile = profile.or(Some(content)),
                (b"EXIF", content) => exif = exif.or(Some(content)),
                _ => {}
            }
        }
        let (size, content) = match (canvas, still) {
            (Some(size), still) if has_frames && (says_animated || still.is_none()) => {
                let mut frames = 0;
                for frame in FrameChunks::of_file(bytes, size) {
                    frame?;
                    frames += 1;
                }
                if frames == 0 {
                    return Err(ended());
                }
                (size, Content::Animation { frames, plays })
            }
            (Some(size), Some(image)) if image.size != size => {
                return Err(Error::Corrupt("two sizes".to_owned()));
            }
            (_, Some(image)) => (image.size, Content::Still(image)),
            (_, None) => return Err(ended()),
        };
        Ok(Self {
            size,
            content,
            profile,
            exif,
        })
    }
}

const ANIMATED: u8 = 0x02;

fn ended() -> Error {
    Error::Corrupt("no picture in it".to_owned())
}
