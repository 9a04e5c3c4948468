//! Lossless pictures (RFC 9649 §3) with image-webp, which reads files only: a stream is given the header of one.

use crate::error::Error;
use crate::geometry::Size;
use crate::pixels::{Layout, Pixels, length};
use image_webp::WebPDecoder;
use std::io::{BufRead, Read, Seek, SeekFrom};

/// A stream with its header.
pub(super) fn decode(stream: &[u8], size: Size, alpha: bool) -> Result<(Pixels, bool), Error> {
    let layout = if alpha { Layout::Rgba } else { Layout::Rgb };
    let bytes = pixels(&[], stream, size, layout)?;
    Ok((Pixels::new(size.width, size.height, layout, bytes)?, false))
}

/// The green channel of a stream without a header, which is where an alpha channel is stored.
pub(super) fn decode_green(stream: &[u8], size: Size) -> Result<Vec<u8>, Error> {
    // §3.4: the signature, 14 bits for each side less one, whether there is alpha, three bits of version. It is said to
    // have alpha, because the decoder then needs no second buffer.
    let bits = (size.width - 1) & 0x3fff | ((size.height - 1) & 0x3fff) << 14 | 1 << 28;
    let [b0, b1, b2, b3] = bits.to_le_bytes();
    let mut bytes = pixels(&[0x2f, b0, b1, b2, b3], stream, size, Layout::Rgba)?;
    let count = bytes.len() / 4;
    for pixel in 0..count {
        if let Some(&green) = bytes.get(pixel * 4 + 1)
            && let Some(to) = bytes.get_mut(pixel)
        {
            *to = green;
        }
    }
    bytes.truncate(count);
    bytes.shrink_to_fit();
    Ok(bytes)
}

fn pixels(header: &[u8], stream: &[u8], size: Size, layout: Layout) -> Result<Vec<u8>, Error> {
    let mut decoder = WebPDecoder::new(File::new(header, stream)).map_err(Error::corrupt)?;
    let wanted = length(size.width, size.height, layout);
    if decoder.dimensions() != (size.width, size.height) || decoder.output_buffer_size() != wanted {
        return Err(Error::Corrupt("two sizes".to_owned()));
    }
    let mut bytes = vec![0; wanted.unwrap_or_default()];
    decoder.read_image(&mut bytes).map_err(Error::corrupt)?;
    Ok(bytes)
}

/// A WebP file of one lossless stream, which is not copied.
struct File<'a> {
    /// The file's header, the chunk's and the stream's.
    header: [u8; 25],
    header_length: u64,
    stream: &'a [u8],
    at: u64,
}

impl<'a> File<'a> {
    /// `start` is at most five bytes long.
    fn new(start: &[u8], stream: &'a [u8]) -> Self {
        let length = (start.len() + stream.len()) as u32;
        let [l0, l1, l2, l3] = length.to_le_bytes();
        let [f0, f1, f2, f3] = (length + length % 2).saturating_add(12).to_le_bytes();
        let start: [u8; 5] = std::array::from_fn(|at| start.get(at).copied().unwrap_or_default());
        let [s0, s1, s2, s3, s4] = start;
        Self {
            header: [
                b'R', b'I', b'F', b'F', f0, f1, f2, f3, b'W', b'E', b'B', b'P', b'V', b'P', b'8',
                b'L', l0, l1, l2, l3, s0, s1, s2, s3, s4,
            ],
            header_length: 20
                + if length as usize == stream.len() {
                    0
                } else {
                    5
                },
            stream,
            at: 0,
        }
    }

    fn length(&self) -> u64 {
        self.header_length + self.stream.len() as u64
    }
}

impl BufRead for File<'_> {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        let rest = if self.at < self.header_length {
            self.header
                .get(self.at as usize..self.header_length as usize)
        } else {
            self.stream.get((self.at - self.header_length) as usize..)
        };
        Ok(rest.unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        self.at += amount as u64;
    }
}

impl Read for File<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let read = self.fill_buf()?.read(out)?;
        self.consume(read);
        Ok(read)
    }
}

impl Seek for File<'_> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        let to = match to {
            SeekFrom::Start(to) => Some(to),
            SeekFrom::End(by) => self.length().checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = to.ok_or(std::io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
