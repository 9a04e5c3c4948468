//! The chunks of a PNG up to its first pixels, and those of its frames (PNG third edition, §11).

use super::Header;
use crate::container::png::{Colour, Png};
use crate::error::Error;
use crate::exif;
use crate::pixels::Layout;
use image_url::Format;

pub(super) fn read(bytes: &[u8]) -> Result<Header, Error> {
    let png = Png::read(bytes)?;
    let translucent = png.transparency.is_some();
    let layout = match png.image.colour {
        Colour::Grey if !translucent => Layout::Grey,
        Colour::Grey | Colour::GreyAlpha => Layout::GreyAlpha,
        Colour::Rgb | Colour::Palette if !translucent => Layout::Rgb,
        Colour::Rgb | Colour::Palette | Colour::Rgba => Layout::Rgba,
    };
    let size = png.image.size;
    let mut header = Header::new(Format::Png, size.width, size.height, layout);
    header.wide = png.image.depth == 16;
    header.progressive = png.image.interlaced;
    header.palette = png.image.colour == Colour::Palette;
    header.orientation = png.exif.and_then(exif::orientation).unwrap_or_default();
    if let Some(animation) = png.animation() {
        header.frames = animation.count;
        header.plays = animation.plays;
        if animation.count > 1 {
            // Frames are drawn on a canvas that shows nothing at first.
            header.layout = Layout::Rgba;
        }
    }
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::png::{SIGNATURE, write_chunk};
    use crate::exif::tests::block;

    fn png(colour: u8, depth: u8, chunks: &[([u8; 4], &[u8])]) -> Vec<u8> {
        let header = [0, 0, 0, 30, 0, 0, 0, 20, depth, colour, 0, 0, 1];
        let mut bytes = SIGNATURE.to_vec();
        write_chunk(&mut bytes, *b"IHDR", &header);
        for (name, content) in chunks {
            write_chunk(&mut bytes, *name, content);
        }
        bytes
    }

    /// A frame as large as the canvas, less its last `fewer` columns.
    fn control(sequence: u8, left: u8, fewer: u8) -> Vec<u8> {
        let width = 30 - fewer;
        [
            &[0, 0, 0, sequence, 0, 0, 0, width, 0, 0, 0, 20],
            &[0, 0, 0, left, 0, 0, 0, 0, 0, 1, 0, 10, 0, 0][..],
        ]
        .concat()
    }

    #[test]
    fn what_comes_before_the_pixels_counts() {
        let header = read(&png(
            3,
            8,
            &[
                (*b"PLTE", &[1, 2, 3]),
                (*b"tRNS", &[0]),
                (*b"eXIf", &block(false, 8)[6..]),
                (*b"IDAT", &[]),
            ],
        ))
        .unwrap();
        assert_eq!((header.seen().width, header.seen().height), (20, 30));
        assert_eq!((header.frames, header.layout), (1, Layout::Rgba));
        assert!(header.palette && header.progressive && !header.wide);
        assert!(read(&png(0, 16, &[])).unwrap().wide);
    }

    #[test]
    fn frames_are_counted_where_they_have_no_fault() {
        let frames = |chunks: &[([u8; 4], &[u8])]| read(&png(6, 8, chunks)).unwrap().frames;
        let (first, second, third) = (control(0, 0, 0), control(1, 3, 4), control(3, 0, 29));
        let data = |sequence: u8| [0, 0, 0, sequence, 9, 9];
        let actl: &[u8] = &[0, 0, 0, 3, 0, 0, 0, 0];
        let whole: Vec<([u8; 4], &[u8])> = vec![
            (*b"acTL", actl),
            (*b"fcTL", &first),
            (*b"IDAT", &[1]),
            (*b"IDAT", &[1]),
            (*b"fcTL", &second),
            (*b"fdAT", &[0, 0, 0, 2, 9, 9]),
            (*b"fcTL", &third),
            (*b"fdAT", &[0, 0, 0, 4, 9, 9]),
            (*b"fdAT", &[0, 0, 0, 5, 9, 9]),
            (*b"IEND", &[]),
        ];
        assert_eq!(frames(&whole), 3);
        // What is announced is a bound, and what is cut off is not there.
        let mut fewer = whole.clone();
        fewer[0].1 = &[0, 0, 0, 2, 0, 0, 0, 0];
        assert_eq!(frames(&fewer), 2);
        assert_eq!(frames(&whole[..6]), 2);
        assert_eq!(frames(&whole[..5]), 1);
        // Without `acTL` there is no animation, nor with one behind the pixels.
        assert_eq!(frames(&whole[1..]), 1);
        let mut none = whole.clone();
        none[0].1 = &[0x80, 0, 0, 3, 0, 0, 0, 0];
        assert_eq!(frames(&none), 1);
        for twice in [0, 1] {
            let mut more = whole.clone();
            more.insert(twice, whole[twice]);
            assert_eq!(frames(&more), 1);
        }
        let outside = control(1, 5, 4);
        let short = [0, 0, 0, 1];
        let wrong = data(7);
        for (at, (name, content)) in [
            (4, (*b"fcTL", &outside[..])),
            (4, (*b"fcTL", &short)),
            (5, (*b"fdAT", &wrong)),
            (5, (*b"tEXt", &wrong)),
            (1, (*b"fcTL", &second)),
        ] {
            let mut faulty = whole.clone();
            faulty[at] = (name, content);
            assert_eq!(frames(&faulty), 1, "{at} {content:?}");
        }
    }

    #[test]
    fn a_header_may_end_anywhere() {
        let whole = png(6, 8, &[(*b"eXIf", &block(true, 2)[6..]), (*b"IDAT", &[])]);
        for end in 0..whole.len() {
            assert_eq!(read(&whole[..end]).is_ok(), end >= 33, "{end}");
        }
        assert!(read(&png(5, 8, &[])).is_err());
        assert!(read(&png(3, 16, &[])).is_err());
    }
}
