//! The chunks of a PNG (PNG third edition, §5 and §11). A critical chunk with a wrong checksum ends what can be read, any
//! other is passed over, as in libpng.

use super::Cursor;
use crate::decode::Dispose;
use crate::error::Error;
use crate::geometry::{Area, Size};

/// The first eight bytes (§5.2).
pub(crate) const SIGNATURE: &[u8; 8] = b"\x89PNG\r\n\x1a\n";

/// A chunk, as far as the file goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chunk<'a> {
    pub(crate) name: [u8; 4],
    pub(crate) content: &'a [u8],
    /// The stored checksum; `None` where the file ends before it.
    checksum: Option<u32>,
}

impl Chunk<'_> {
    /// Whether it is all there, and its checksum is right.
    pub(crate) fn is_intact(&self) -> bool {
        let mut own = crc32fast::Hasher::new();
        own.update(&self.name);
        own.update(self.content);
        self.checksum == Some(own.finalize())
    }

    /// Whether an image cannot be shown without it (§5.4).
    fn is_critical(&self) -> bool {
        self.name[0].is_ascii_uppercase()
    }
}

/// Chunks in the order of the file.
#[derive(Clone, Debug)]
pub(crate) struct Chunks<'a> {
    cursor: Cursor<'a>,
}

impl<'a> Chunks<'a> {
    /// The chunks behind the signature.
    pub(crate) fn of_file(bytes: &'a [u8]) -> Self {
        let mut cursor = Cursor { rest: bytes };
        let _signature = cursor.array::<8>();
        Self { cursor }
    }

    /// The next chunk, and those behind it.
    fn split_first(&self) -> Option<(Chunk<'a>, Self)> {
        let mut behind = self.clone();
        let chunk = behind.next()?;
        Some((chunk, behind))
    }
}

impl<'a> Iterator for Chunks<'a> {
    type Item = Chunk<'a>;

    /// The next chunk. Behind bytes that are no name nothing is looked for.
    fn next(&mut self) -> Option<Chunk<'a>> {
        let length = u32::from_be_bytes(self.cursor.array()?) as usize;
        let name: [u8; 4] = self.cursor.array()?;
        if !name.iter().all(u8::is_ascii_alphabetic) {
            self.cursor.rest = &[];
            return None;
        }
        let whole = length <= self.cursor.rest.len();
        let content = self.cursor.take(length.min(self.cursor.rest.len()))?;
        let checksum = self.cursor.array().map(u32::from_be_bytes);
        if checksum.is_none() {
            self.cursor.rest = &[];
        }
        Some(Chunk {
            name,
            content,
            checksum: checksum.filter(|_| whole),
        })
    }
}

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

/// What is said of the colours (§11.3.2), each as it is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Signals<'a> {
    /// Primaries, transfer function, matrix, full range (`cICP`).
    pub(crate) code_points: Option<[u8; 4]>,
    /// A compressed ICC profile (`iCCP`).
    pub(crate) profile: Option<&'a [u8]>,
    /// The colours are those of sRGB (`sRGB`).
    pub(crate) srgb: bool,
    /// The exponent of the encoding, times 100,000 (`gAMA`).
    pub(crate) gamma: Option<u32>,
    /// x and y of white, red, green and blue, times 100,000 (`cHRM`).
    pub(crate) chromaticities: Option<[u32; 8]>,
    /// The lightest pixel, in units of 0.0001 cd/m² (`cLLI`).
    pub(crate) lightest: Option<u32>,
    /// The most that the mastering display shows, in the same units (`mDCV`).
    pub(crate) mastering: Option<u32>,
}

impl<'a> Signals<'a> {
    /// Takes what a chunk says, if it is one of these. The first of a kind counts.
    fn take(&mut self, chunk: &Chunk<'a>) {
        match &chunk.name {
            b"cICP" => {
                let points = chunk.content.try_into().ok();
                self.code_points = self.code_points.or(points);
            }
            b"iCCP" => self.profile = self.profile.or(Some(chunk.content)),
            b"sRGB" => self.srgb = true,
            b"gAMA" => self.gamma = self.gamma.or(words(chunk.content).map(|[gamma]| gamma)),
            b"cHRM" => self.chromaticities = self.chromaticities.or(words(chunk.content)),
            b"cLLI" => {
                let lightest = words(chunk.content).map(|[lightest, _average]| lightest);
                self.lightest = self.lightest.or(lightest);
            }
            b"mDCV" => {
                // Behind eight chromaticities of two bytes.
                let range = chunk.content.get(16..).and_then(words);
                self.mastering = self.mastering.or(range.map(|[most, _least]| most));
            }
            _ => {}
        }
    }
}

fn words<const N: usize>(content: &[u8]) -> Option<[u32; N]> {
    let (words, rest) = content.as_chunks::<4>();
    let words: [[u8; 4]; N] = words.try_into().ok()?;
    rest.is_empty().then(|| words.map(u32::from_be_bytes))
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
                let words = words(content);
                self.animation = self
                    .animation
                    .or(words.map(|[frames, plays]| AnimationControl { frames, plays }));
            }
            b"fcTL" => self.control = Some(content),
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
        if self
            .control
            .is_some_and(|first| !first.starts_with(&[0; 4]))
        {
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

/// An animation without a fault in its chunks.
#[derive(Clone, Debug)]
pub(crate) struct Animation<'a> {
    /// Frames that are whole or begun.
    pub(crate) count: u32,
    /// How often it is played; `None` is without end.
    pub(crate) plays: Option<u32>,
    pub(crate) frames: FrameChunks<'a>,
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
    fn new(png: &Png<'a>) -> Self {
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

/// Writes a chunk.
pub(crate) fn write_chunk(out: &mut Vec<u8>, name: [u8; 4], content: &[u8]) {
    let mut checksum = crc32fast::Hasher::new();
    checksum.update(&name);
    checksum.update(content);
    out.extend((content.len() as u32).to_be_bytes());
    out.extend(name);
    out.extend_from_slice(content);
    out.extend(checksum.finalize().to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_of_a_file_end_with_it_or_with_what_is_no_name() {
        let mut file = SIGNATURE.to_vec();
        write_chunk(&mut file, *b"tEXt", b"abc");
        write_chunk(&mut file, *b"IEND", b"");
        let names = |bytes: &[u8]| -> Vec<([u8; 4], bool)> {
            Chunks::of_file(bytes)
                .map(|chunk| (chunk.name, chunk.is_intact()))
                .collect()
        };
        assert_eq!(names(&file), [(*b"tEXt", true), (*b"IEND", true)]);
        for end in 0..file.len() {
            assert!(
                names(&file[..end])
                    .iter()
                    .filter(|(_, intact)| *intact)
                    .count()
                    < 2
            );
        }
        file[17] ^= 1;
        assert_eq!(names(&file), [(*b"tEXt", false), (*b"IEND", true)]);
        file[13] = 0;
        assert_eq!(names(&file), []);
    }
}
