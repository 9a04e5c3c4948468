//! The chunks of a WebP (RFC 9649 §2). Metadata may come after the pixels, so all are stepped over.

use super::{Cursor, Header, ended};
use crate::error::Error;
use crate::exif;
use crate::pixels::Layout;
use image_url::Format;

const ANIMATED: u8 = 0x02;
const ALPHA: u8 = 0x10;

pub(super) fn read(bytes: &[u8]) -> Result<Header, Error> {
    let mut cursor = Cursor { rest: bytes };
    let _riff = cursor.array::<12>();
    let (name, chunk) = next_chunk(&mut cursor).ok_or_else(ended)?;
    let (width, height, alpha, flags) = match &name {
        b"VP8 " => {
            let (width, height) = lossy(chunk).ok_or_else(ended)?;
            (width, height, false, 0)
        }
        b"VP8L" => {
            let (width, height, alpha) = lossless(chunk).ok_or_else(ended)?;
            (width, height, alpha, 0)
        }
        b"VP8X" => {
            let &[flags, _, _, _, w0, w1, w2, h0, h1, h2, ..] = chunk else {
                return Err(ended());
            };
            let side = |bytes: [u8; 3]| {
                let [a, b, c] = bytes;
                u32::from_le_bytes([a, b, c, 0]) + 1
            };
            (
                side([w0, w1, w2]),
                side([h0, h1, h2]),
                flags & ALPHA != 0,
                flags,
            )
        }
        _ => return Err(Error::Corrupt("it does not begin with pixels".to_owned())),
    };
    let layout = if alpha { Layout::Rgba } else { Layout::Rgb };
    let mut header = Header::new(Format::WebP, width, height, layout);
    let mut frames = 0;
    while let Some((name, chunk)) = next_chunk(&mut cursor) {
        match &name {
            b"ANMF" => frames += 1,
            b"ICCP" => header.profile = Some(chunk.to_vec()),
            b"EXIF" => header.orientation = exif::orientation(chunk).unwrap_or_default(),
            _ => {}
        }
    }
    if flags & ANIMATED != 0 {
        header.frames = frames.max(1);
    }
    Ok(header)
}

fn next_chunk<'a>(cursor: &mut Cursor<'a>) -> Option<([u8; 4], &'a [u8])> {
    let name = cursor.array()?;
    let length = u32::from_le_bytes(cursor.array()?) as usize;
    let content = cursor.take(length.min(cursor.rest.len()))?;
    if length % 2 == 1 {
        let _padding = cursor.byte();
    }
    Some((name, content))
}

/// RFC 6386 §9.1
fn lossy(chunk: &[u8]) -> Option<(u32, u32)> {
    let &[_, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1, ..] = chunk else {
        return None;
    };
    let side = |bytes| u32::from(u16::from_le_bytes(bytes) & 0x3fff);
    Some((side([w0, w1]), side([h0, h1])))
}

/// RFC 9649 §3.3
fn lossless(chunk: &[u8]) -> Option<(u32, u32, bool)> {
    let &[0x2f, b0, b1, b2, b3, ..] = chunk else {
        return None;
    };
    let bits = u32::from_le_bytes([b0, b1, b2, b3]);
    Some((
        (bits & 0x3fff) + 1,
        (bits >> 14 & 0x3fff) + 1,
        bits >> 28 & 1 == 1,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exif::tests::block;

    fn chunk(name: [u8; 4], content: &[u8]) -> Vec<u8> {
        let length = (content.len() as u32).to_le_bytes();
        let padding = &[0][..content.len() % 2];
        [&name, &length, content, padding].concat()
    }

    fn webp(chunks: &[Vec<u8>]) -> Vec<u8> {
        let body = chunks.concat();
        let length = (body.len() as u32 + 4).to_le_bytes();
        [b"RIFF", &length, b"WEBP", &body[..]].concat()
    }

    #[test]
    fn both_codecs_say_their_size() {
        for lossless in [false, true] {
            let pixels = [90; 30 * 20 * 4];
            let bytes = ::webp::Encoder::from_rgba(&pixels, 30, 20)
                .encode_simple(lossless, 80.0)
                .unwrap();
            let header = read(&bytes).unwrap();
            assert_eq!((header.stored.width, header.stored.height), (30, 20));
            assert_eq!((header.layout, header.frames), (Layout::Rgba, 1));
        }
    }

    #[test]
    fn an_animation_is_counted_and_metadata_read_behind_it() {
        let extended = chunk(*b"VP8X", &[ANIMATED | ALPHA, 0, 0, 0, 29, 0, 0, 19, 0, 0]);
        let bytes = webp(&[
            extended,
            chunk(*b"ICCP", b"odd"),
            chunk(*b"ANIM", &[0; 6]),
            chunk(*b"ANMF", &[0; 16]),
            chunk(*b"ANMF", &[0; 16]),
            chunk(*b"EXIF", &block(true, 6)),
        ]);
        let header = read(&bytes).unwrap();
        assert_eq!((header.seen().width, header.seen().height), (20, 30));
        assert_eq!(header.frames, 2);
        assert_eq!(header.profile.as_deref(), Some(&b"odd"[..]));
        for end in 0..bytes.len() {
            let _ = read(&bytes[..end]);
        }
    }
}
