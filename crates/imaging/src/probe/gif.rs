//! The blocks of a GIF, stepped over to count its frames (GIF89a §17 to §27).

use super::{Cursor, Header, ended};
use crate::error::Error;
use crate::pixels::Layout;
use image_url::Format;

pub(super) fn read(bytes: &[u8]) -> Result<Header, Error> {
    let mut cursor = Cursor { rest: bytes };
    let _signature = cursor.array::<6>();
    let [w0, w1, h0, h1, flags, _background, _aspect] = cursor.array().ok_or_else(ended)?;
    let (width, height) = (u16::from_le_bytes([w0, w1]), u16::from_le_bytes([h0, h1]));
    let mut header = Header::new(Format::Gif, width.into(), height.into(), Layout::Rgba);
    header.palette = true;
    header.frames = count_frames(&mut cursor, flags).max(1);
    Ok(header)
}

/// As many as there are whole or begun; a file that is cut short has as many as it has.
fn count_frames(cursor: &mut Cursor<'_>, flags: u8) -> u32 {
    let mut frames = 0;
    let mut walk = || {
        skip_palette(cursor, flags)?;
        loop {
            match cursor.byte()? {
                0x21 => {
                    let _label = cursor.byte()?;
                }
                0x2c => {
                    frames += 1;
                    let [.., flags] = cursor.array::<9>()?;
                    skip_palette(cursor, flags)?;
                    let _code_size = cursor.byte()?;
                }
                _ => return None::<()>,
            }
            loop {
                let length = cursor.byte()?;
                if length == 0 {
                    break;
                }
                cursor.take(length.into())?;
            }
        }
    };
    walk();
    frames
}

fn skip_palette(cursor: &mut Cursor<'_>, flags: u8) -> Option<()> {
    if flags & 0x80 != 0 {
        cursor.take(3 << ((flags & 7) + 1))?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_counted_without_decoding_them() {
        let mut bytes = Vec::new();
        let mut encoder = gif::Encoder::new(&mut bytes, 30, 20, &[0, 0, 0, 255, 255, 255]).unwrap();
        for _ in 0..3 {
            let frame = gif::Frame::from_indexed_pixels(30, 20, vec![1; 600], None);
            encoder.write_frame(&frame).unwrap();
        }
        drop(encoder);
        let header = read(&bytes).unwrap();
        assert_eq!((header.stored.width, header.stored.height), (30, 20));
        assert_eq!(header.frames, 3);
        for end in 0..bytes.len() {
            assert!(read(&bytes[..end]).is_err() || end >= 13);
        }
    }
}
