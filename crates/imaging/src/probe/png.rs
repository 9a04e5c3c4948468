//! The chunks of a PNG up to its first pixels (PNG 3rd edition, §11).

use super::{Cursor, Header, ended};
use crate::error::Error;
use crate::exif;
use crate::pixels::Layout;
use image_url::Format;

pub(super) fn read(bytes: &[u8]) -> Result<Header, Error> {
    let mut cursor = Cursor { rest: bytes };
    let _signature = cursor.array::<8>();
    let (name, chunk) = next_chunk(&mut cursor).ok_or_else(ended)?;
    let (
        b"IHDR",
        &[
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
            _,
            _,
            interlace,
        ],
    ) = (&name, chunk)
    else {
        return Err(Error::Corrupt("no IHDR chunk first".to_owned()));
    };
    let layout = match colour {
        0 => Layout::Grey,
        2 | 3 => Layout::Rgb,
        4 => Layout::GreyAlpha,
        6 => Layout::Rgba,
        _ => return Err(Error::Corrupt(format!("colour type {colour}"))),
    };
    let mut header = Header::new(
        Format::Png,
        u32::from_be_bytes([w0, w1, w2, w3]),
        u32::from_be_bytes([h0, h1, h2, h3]),
        layout,
    );
    header.wide = depth == 16;
    header.progressive = interlace != 0;
    header.palette = colour == 3;
    while let Some((name, chunk)) = next_chunk(&mut cursor) {
        match &name {
            b"IDAT" | b"IEND" => break,
            b"eXIf" => header.orientation = exif::orientation(chunk).unwrap_or_default(),
            b"tRNS" => {
                header.layout = match layout {
                    Layout::Grey => Layout::GreyAlpha,
                    Layout::Rgb => Layout::Rgba,
                    other => other,
                }
            }
            b"acTL" => {
                if let Some(frames) = chunk.first_chunk() {
                    header.frames = u32::from_be_bytes(*frames).max(1);
                }
            }
            _ => {}
        }
    }
    Ok(header)
}

/// A chunk that is cut short is given as far as it goes: the pixels' own chunk is rarely of interest here.
fn next_chunk<'a>(cursor: &mut Cursor<'a>) -> Option<([u8; 4], &'a [u8])> {
    let length = u32::from_be_bytes(cursor.array()?) as usize;
    let name = cursor.array()?;
    let content = cursor.take(length.min(cursor.rest.len()))?;
    let _checksum = cursor.array::<4>();
    Some((name, content))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exif::tests::block;

    fn chunk(name: [u8; 4], content: &[u8]) -> Vec<u8> {
        let length = (content.len() as u32).to_be_bytes();
        [&length, &name, content, &[0; 4]].concat()
    }

    fn png(colour: u8, depth: u8, chunks: &[Vec<u8>]) -> Vec<u8> {
        let header = [0, 0, 0, 30, 0, 0, 0, 20, depth, colour, 0, 0, 1];
        [
            b"\x89PNG\r\n\x1a\n".to_vec(),
            chunk(*b"IHDR", &header),
            chunks.concat(),
            chunk(*b"IDAT", &[]),
        ]
        .concat()
    }

    #[test]
    fn what_comes_before_the_pixels_counts() {
        let header = read(&png(
            3,
            8,
            &[
                chunk(*b"acTL", &[0, 0, 0, 7, 0, 0, 0, 0]),
                chunk(*b"tRNS", &[0]),
                chunk(*b"eXIf", &block(false, 8)[6..]),
            ],
        ))
        .unwrap();
        assert_eq!((header.seen().width, header.seen().height), (20, 30));
        assert_eq!((header.frames, header.layout), (7, Layout::Rgba));
        assert!(header.palette && header.progressive && !header.wide);
        assert!(read(&png(0, 16, &[])).unwrap().wide);
    }

    #[test]
    fn a_header_may_end_anywhere() {
        let whole = png(6, 8, &[chunk(*b"eXIf", &block(true, 2)[6..])]);
        for end in 0..whole.len() {
            let _ = read(&whole[..end]);
        }
        assert!(read(&png(5, 8, &[])).is_err());
    }
}
