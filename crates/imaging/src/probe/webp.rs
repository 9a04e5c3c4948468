//! The chunks of a WebP. Metadata may come after the pixels, so all are stepped over.

use super::Header;
use crate::container::webp::{Bits, Content, FrameChunks, Summary};
use crate::error::Error;
use crate::exif;
use crate::pixels::Layout;
use crate::quality::{Chroma, Written, of_webp};
use image_url::Format;
use webp_shrink::{Limits, mean_quantizer};

pub(super) fn read(bytes: &[u8]) -> Result<Header, Error> {
    let summary = Summary::of_file(bytes)?;
    let (frames, plays, alpha) = match summary.content {
        Content::Still(image) => (1, None, image.has_alpha()),
        // What its frames do not cover is transparent.
        Content::Animation { frames, plays } => (frames, plays, true),
    };
    let layout = if alpha { Layout::Rgba } else { Layout::Rgb };
    let mut header = Header::new(
        Format::WebP,
        summary.size.width,
        summary.size.height,
        layout,
    );
    header.frames = frames;
    header.plays = plays;
    header.written = quality(bytes, &summary);
    header.profile = summary.profile.map(<[u8]>::to_vec);
    header.orientation = summary.exif.and_then(exif::orientation).unwrap_or_default();
    Ok(header)
}

/// By the first image, if it is lossy.
fn quality(bytes: &[u8], summary: &Summary<'_>) -> Option<Written> {
    let image = match summary.content {
        Content::Still(image) => image,
        Content::Animation { .. } => {
            FrameChunks::of_file(bytes, summary.size)
                .next()?
                .ok()?
                .image
        }
    };
    let Bits::Lossy { frame, .. } = image.bits else {
        return None;
    };
    let limits = Limits {
        max_pixels: u64::MAX,
        max_side: u32::MAX,
    };
    let index = mean_quantizer(frame, &limits).ok()?;
    Some(Written {
        quality: of_webp(index),
        chroma: Chroma::Halved,
    })
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

    const LOSSY: [u8; 10] = [0, 0, 0, 0x9d, 0x01, 0x2a, 30, 0, 20, 0];

    /// A frame of 30x20 pixels that says it is `width` wide and begins at `left`.
    fn frame(left: u8, width: u8, padding: &[u8]) -> Vec<u8> {
        let header = [
            left / 2,
            0,
            0,
            0,
            0,
            0,
            width - 1,
            0,
            0,
            19,
            0,
            0,
            9,
            0,
            0,
            0,
        ];
        let inner = [chunk(*b"what", b"odd"), chunk(*b"VP8 ", &LOSSY)].concat();
        chunk(*b"ANMF", &[&header, &inner[..], padding].concat())
    }

    fn extended(flags: u8) -> Vec<u8> {
        chunk(*b"VP8X", &[flags, 1, 2, 3, 29, 0, 0, 19, 0, 0])
    }

    #[test]
    fn an_animation_is_counted_and_metadata_read_behind_it() {
        let bytes = webp(&[
            extended(0xff),
            chunk(*b"ICCP", b"odd"),
            chunk(*b"ANIM", &[0, 0, 0, 0, 5, 0]),
            frame(0, 30, b""),
            chunk(*b"what", b"odd"),
            frame(0, 30, b"\0"),
            chunk(*b"EXIF", &block(true, 6)),
        ]);
        let header = read(&bytes).unwrap();
        assert_eq!((header.seen().width, header.seen().height), (20, 30));
        assert_eq!((header.frames, header.plays), (2, Some(5)));
        assert_eq!(header.profile.as_deref(), Some(&b"odd"[..]));
        for end in 0..bytes.len() {
            let _ = read(&bytes[..end]);
        }
    }

    #[test]
    fn flags_are_hints() {
        let still = chunk(*b"VP8 ", &LOSSY);
        for flags in [0, 2, 0x10, 0xff] {
            let header = read(&webp(&[extended(flags), still.clone()])).unwrap();
            assert_eq!((header.frames, header.layout), (1, Layout::Rgb));
            let header = read(&webp(&[
                extended(flags),
                chunk(*b"ALPH", b"\0"),
                still.clone(),
            ]))
            .unwrap();
            assert_eq!((header.frames, header.layout), (1, Layout::Rgba));
            let frames = [frame(0, 30, b""), frame(0, 30, b"")].concat();
            let header = read(&webp(&[extended(flags), frames])).unwrap();
            assert_eq!((header.frames, header.layout), (2, Layout::Rgba));
        }
    }

    #[test]
    fn a_frame_has_one_size_and_lies_on_the_canvas() {
        let of = |frames: &[Vec<u8>]| read(&webp(&[extended(2), frames.concat()]));
        assert!(of(&[frame(0, 30, b""), frame(0, 30, b"")]).is_ok());
        assert!(of(&[frame(0, 30, b""), frame(0, 29, b"")]).is_err());
        assert!(of(&[frame(0, 30, b""), frame(2, 30, b"")]).is_err());
    }
}
