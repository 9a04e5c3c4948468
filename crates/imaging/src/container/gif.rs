//! The blocks of a GIF (`GIF89a` §17 to §27), read as browsers read them.

use super::Cursor;
use crate::decode::Dispose;
use crate::geometry::{Area, Size};

const IMAGE: u8 = 0x2c;
const EXTENSION: u8 = 0x21;
const CONTROL: u8 = 0xf9;
const APPLICATION: u8 = 0xff;

/// A GIF behind its header.
#[derive(Clone, Debug)]
pub(crate) struct Gif<'a> {
    /// The size of the logical screen, as it is stored: a side may be 0.
    pub(crate) screen: Size,
    /// The global colour table, three bytes a colour.
    pub(crate) palette: &'a [u8],
    cursor: Cursor<'a>,
    control: Control,
    /// Why there are no more blocks.
    end: Option<End>,
}

/// What ended the blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The trailer, or bytes that are no block: browsers take them for the end as well.
    Trailer,
    /// The end of the file.
    Cut,
}

/// A block with a meaning.
#[derive(Debug)]
pub(crate) enum Block<'a> {
    Image(Image<'a>),
    /// How often the animation is repeated after its first play; 0 is without end (`NETSCAPE2.0`, `ANIMEXTS1.0`).
    Repeats(u16),
    /// An ICC profile in sub-blocks (`ICCRGBG1012`).
    Profile(SubBlocks<'a>),
}

/// A frame.
#[derive(Debug)]
pub(crate) struct Image<'a> {
    /// Its place; it may lie outside of the screen, and may be empty.
    pub(crate) area: Area,
    pub(crate) interlaced: bool,
    /// The local colour table, or the global one. Where there is neither it is empty.
    pub(crate) palette: &'a [u8],
    pub(crate) control: Control,
    /// Bits of the first codes, less one, as it is stored.
    pub(crate) code_size: u8,
    pub(crate) data: SubBlocks<'a>,
}

/// The graphic control extension (§23), which holds for the image that follows it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Control {
    pub(crate) dispose: Dispose,
    /// Hundredths of a second.
    pub(crate) delay: u16,
    /// The index of the palette that is not drawn.
    pub(crate) transparent: Option<u8>,
}

/// Data in pieces of up to 255 bytes (§15).
#[derive(Clone, Debug)]
pub(crate) struct SubBlocks<'a> {
    cursor: Cursor<'a>,
    /// Whether the file ends before they do.
    pub(crate) cut: bool,
}

impl<'a> SubBlocks<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Self {
        let start = *cursor;
        let mut walk = || {
            loop {
                let length = cursor.byte()?;
                if length == 0 {
                    return Some(());
                }
                cursor.take(length.into())?;
            }
        };
        let cut = walk().is_none();
        if cut {
            cursor.rest = &[];
        }
        Self { cursor: start, cut }
    }
}

impl<'a> Iterator for SubBlocks<'a> {
    type Item = &'a [u8];

    /// The next piece; one that is cut short is given as far as it goes.
    fn next(&mut self) -> Option<&'a [u8]> {
        let length = usize::from(self.cursor.byte()?);
        if length == 0 {
            self.cursor.rest = &[];
            return None;
        }
        self.cursor.take(length.min(self.cursor.rest.len()))
    }
}

impl<'a> Gif<'a> {
    /// The blocks of a file; `None` where it ends within its header.
    pub(crate) fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut cursor = Cursor { rest: bytes };
        let _signature = cursor.array::<6>()?;
        let [w0, w1, h0, h1, flags, _background, _aspect] = cursor.array()?;
        let palette = palette(&mut cursor, flags).unwrap_or_default();
        Some(Self {
            screen: Size {
                width: u16::from_le_bytes([w0, w1]).into(),
                height: u16::from_le_bytes([h0, h1]).into(),
            },
            palette,
            cursor,
            control: Control::default(),
            end: None,
        })
    }

    /// What ended the blocks, once they have ended.
    pub(crate) fn end(&self) -> Option<End> {
        self.end
    }

    fn block(&mut self) -> Option<Block<'a>> {
        loop {
            match self.cursor.byte()? {
                EXTENSION => {
                    if let Some(block) = self.extension() {
                        return Some(block);
                    }
                }
                IMAGE => return self.image().map(Block::Image),
                // Some writers end their sub-blocks twice.
                0 => {}
                _ => {
                    self.end = Some(End::Trailer);
                    return None;
                }
            }
        }
    }

    /// The block of an extension, if it is one with a meaning.
    fn extension(&mut self) -> Option<Block<'a>> {
        let label = self.cursor.byte()?;
        let mut pieces = SubBlocks::read(&mut self.cursor);
        let cut = pieces.cut;
        let first = pieces.next();
        match (label, first) {
            (CONTROL, Some(&[flags, d0, d1, transparent, ..])) => {
                self.control = Control {
                    dispose: match flags >> 2 & 7 {
                        2 => Dispose::Clear,
                        // The specification has 3, some early writers 4.
                        3 | 4 => Dispose::Restore,
                        _ => Dispose::Keep,
                    },
                    delay: u16::from_le_bytes([d0, d1]),
                    transparent: (flags & 1 != 0).then_some(transparent),
                };
                None
            }
            (APPLICATION, Some(b"NETSCAPE2.0" | b"ANIMEXTS1.0")) => {
                pieces.find_map(|piece| match *piece {
                    // 2 is how much to buffer.
                    [1, n0, n1, ..] => Some(Block::Repeats(u16::from_le_bytes([n0, n1]))),
                    _ => None,
                })
            }
            (APPLICATION, Some(b"ICCRGBG1012")) if !cut => Some(Block::Profile(pieces)),
            _ => None,
        }
    }

    fn image(&mut self) -> Option<Image<'a>> {
        let [x0, x1, y0, y1, w0, w1, h0, h1, flags] = self.cursor.array()?;
        let side = |bytes| u32::from(u16::from_le_bytes(bytes));
        let local = palette(&mut self.cursor, flags)?;
        Some(Image {
            area: Area {
                left: side([x0, x1]),
                top: side([y0, y1]),
                width: side([w0, w1]),
                height: side([h0, h1]),
            },
            interlaced: flags & 0x40 != 0,
            palette: if flags & 0x80 == 0 {
                self.palette
            } else {
                local
            },
            control: std::mem::take(&mut self.control),
            code_size: self.cursor.byte()?,
            data: SubBlocks::read(&mut self.cursor),
        })
    }
}

impl<'a> Iterator for Gif<'a> {
    type Item = Block<'a>;

    fn next(&mut self) -> Option<Block<'a>> {
        if self.end.is_some() {
            return None;
        }
        let block = self.block();
        if block.is_none() {
            self.end.get_or_insert(End::Cut);
        }
        block
    }
}

fn palette<'a>(cursor: &mut Cursor<'a>, flags: u8) -> Option<&'a [u8]> {
    if flags & 0x80 == 0 {
        return Some(&[]);
    }
    let palette = cursor.take(3 << ((flags & 7) + 1));
    if palette.is_none() {
        cursor.rest = &[];
    }
    palette
}

/// What a walk over all blocks shows, without any pixel.
#[derive(Debug)]
pub(crate) struct Summary {
    /// The size of the screen, grown to hold the first frame.
    pub(crate) size: Size,
    /// Frames that are whole or begun.
    pub(crate) frames: u32,
    /// How often it is played; `None` is without end.
    pub(crate) plays: Option<u32>,
    /// The embedded ICC profile.
    pub(crate) profile: Option<Vec<u8>>,
}

impl Summary {
    pub(crate) fn of(gif: Gif<'_>) -> Self {
        let mut summary = Self {
            size: gif.screen,
            frames: 0,
            plays: Some(1),
            profile: None,
        };
        for block in gif {
            match block {
                Block::Image(image) => {
                    if summary.frames == 0 {
                        // Chromium (Wuffs) and Pillow; writers that leave the screen at 0x0 rely on it.
                        let Area {
                            left,
                            top,
                            width,
                            height,
                        } = image.area;
                        summary.size.width = summary.size.width.max(left + width);
                        summary.size.height = summary.size.height.max(top + height);
                    }
                    summary.frames += 1;
                }
                Block::Repeats(0) => summary.plays = None,
                Block::Repeats(again) => summary.plays = Some(u32::from(again) + 1),
                Block::Profile(pieces) => {
                    summary.profile = Some(pieces.collect::<Vec<_>>().concat());
                }
            }
        }
        summary
    }
}
