//! LZW as GIF has it (`GIF89a` appendix F), as far as the data go.
//!
//! Every string of the code table is the string before it and one byte more, and was put out in full at that time. So
//! the table holds places in the output instead of strings, and the output is all the memory that is needed.

use crate::container::gif::SubBlocks;

/// Codes of 12 bits at most.
const CODES: usize = 4096;

/// How a frame's data ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// With the end code, or all that was wanted was there.
    Well,
    /// Without more data.
    Early,
    /// With a code that has no meaning.
    Broken,
}

/// Decodes until the output is full. Returns how much of it is filled, and how the data ended.
///
/// `code_size` is the one that is stored, 0 to 11: literal codes have so many bits. Above 8, which Firefox and Pillow read
/// and Chromium does not, those beyond 255 are broken.
pub(super) fn decode(code_size: u8, data: SubBlocks<'_>, out: &mut [u8]) -> (usize, Ended) {
    if code_size > 11 {
        return (0, Ended::Broken);
    }
    let clear = 1_usize << code_size;
    let end = clear + 1;
    let mut bits = Bits::new(data);
    let mut table = vec![(0_u32, 0_u32); CODES];
    let mut next = end + 1;
    let mut width = u32::from(code_size) + 1;
    // Where the string before this one is, and how long it is.
    let mut before: Option<(usize, usize)> = None;
    let mut at = 0;
    while at < out.len() {
        let Some(code) = bits.take(width) else {
            return (at, Ended::Early);
        };
        if code == clear {
            next = end + 1;
            width = u32::from(code_size) + 1;
            before = None;
            continue;
        }
        if code == end {
            return (at, Ended::Well);
        }
        let string = if code < clear {
            None
        } else if code < next {
            table
                .get(code)
                .map(|&(start, length)| (start as usize, length as usize))
        } else {
            match before {
                // The string before this one, with its own first byte behind it, which is there once it is copied.
                Some((start, length)) if code == next => Some((start, length + 1)),
                _ => return (at, Ended::Broken),
            }
        };
        let start = at;
        match string {
            None => {
                let Ok(literal) = u8::try_from(code) else {
                    return (at, Ended::Broken);
                };
                if let Some(pixel) = out.get_mut(at) {
                    *pixel = literal;
                }
                at += 1;
            }
            Some((from, length)) => at += copy(out, from, at, length),
        }
        if let Some((start, length)) = before
            && let Some(entry) = table.get_mut(next)
        {
            *entry = (start as u32, length as u32 + 1);
            next += 1;
        }
        // Codes stay at 12 bits when the table is full, until it is cleared.
        if next == 1 << width && width < 12 {
            width += 1;
        }
        before = Some((start, at - start));
    }
    (at, Ended::Well)
}

/// Copies a string to the end of what is there, which it may reach into by a byte. Returns how much there was room for.
fn copy(out: &mut [u8], from: usize, to: usize, length: usize) -> usize {
    let length = length.min(out.len() - to);
    if from + length <= to {
        out.copy_within(from..from + length, to);
    } else {
        for place in 0..length {
            if let Some(&byte) = out.get(from + place)
                && let Some(pixel) = out.get_mut(to + place)
            {
                *pixel = byte;
            }
        }
    }
    length
}

/// Bits, the lowest of a byte first.
struct Bits<'a> {
    data: SubBlocks<'a>,
    piece: &'a [u8],
    held: u64,
    count: u32,
}

impl<'a> Bits<'a> {
    fn new(data: SubBlocks<'a>) -> Self {
        Self {
            data,
            piece: &[],
            held: 0,
            count: 0,
        }
    }

    fn take(&mut self, width: u32) -> Option<usize> {
        while self.count < width {
            if let Some((four, rest)) = self.piece.split_first_chunk::<4>() {
                self.held |= u64::from(u32::from_le_bytes(*four)) << self.count;
                self.count += 32;
                self.piece = rest;
            } else if let Some((&byte, rest)) = self.piece.split_first() {
                self.held |= u64::from(byte) << self.count;
                self.count += 8;
                self.piece = rest;
            } else {
                self.piece = self.data.next()?;
            }
        }
        let code = self.held & ((1 << width) - 1);
        self.held >>= width;
        self.count -= width;
        Some(code as usize)
    }
}
