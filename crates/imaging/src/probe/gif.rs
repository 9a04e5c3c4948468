//! The blocks of a GIF, stepped over to count its frames.

use super::{Header, ended};
use crate::container::gif::{Gif, Summary};
use crate::error::Error;
use crate::pixels::Layout;
use image_url::Format;

pub(super) fn read(bytes: &[u8]) -> Result<Header, Error> {
    let summary = Summary::of(Gif::read(bytes).ok_or_else(ended)?);
    let (width, height) = (summary.size.width, summary.size.height);
    let mut header = Header::new(Format::Gif, width, height, Layout::Rgba);
    header.palette = true;
    header.frames = summary.frames.max(1);
    header.plays = summary.plays;
    header.profile = summary.profile;
    Ok(header)
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

    /// A file of one frame at 3, 4 of 5x6 pixels.
    fn at(screen: [u8; 4]) -> Vec<u8> {
        [
            b"GIF89a",
            &screen[..],
            &[0, 0, 0],
            &[0x2c, 3, 0, 4, 0, 5, 0, 6, 0, 0, 2, 0, 0x3b],
        ]
        .concat()
    }

    #[test]
    fn the_screen_grows_to_hold_the_first_frame() {
        for (screen, size) in [
            ([0, 0, 0, 0], (8, 10)),
            ([9, 0, 3, 0], (9, 10)),
            ([7, 0, 20, 0], (8, 20)),
            ([30, 0, 20, 0], (30, 20)),
        ] {
            let stored = read(&at(screen)).unwrap().stored;
            assert_eq!((stored.width, stored.height), size, "{screen:?}");
        }
    }
}
