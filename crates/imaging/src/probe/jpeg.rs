//! The segments of a JPEG up to its first scan (ITU-T T.81 Annex B; EXIF and ICC.1 §B.4 in `APPn`).

use super::{Cursor, Header, ended};
use crate::error::Error;
use crate::exif;
use crate::pixels::Layout;
use crate::quality::{Chroma, Written, of_jpeg};
use image_url::Format;

/// An ICC profile comes in at most 255 parts of at most 64 KB each.
const PROFILE: &[u8] = b"ICC_PROFILE\0";

pub(super) fn read(bytes: &[u8]) -> Result<Header, Error> {
    let mut cursor = Cursor { rest: bytes };
    let mut frame = None;
    let mut orientation = None;
    let mut profile = Vec::new();
    let mut tables = [None; 4];
    let mut components = Vec::new();
    let _start = cursor.array::<2>();
    loop {
        let marker = next_marker(&mut cursor).ok_or_else(ended)?;
        match marker {
            0xda => break,
            0xd9 => return Err(Error::Corrupt("it ends before its first scan".to_owned())),
            0x01 | 0xd0..=0xd8 => continue,
            _ => {}
        }
        let length = cursor.array().map(u16::from_be_bytes).ok_or_else(ended)?;
        let length = usize::from(length)
            .checked_sub(2)
            .ok_or_else(|| Error::Corrupt("a segment shorter than its length".to_owned()))?;
        let segment = cursor.take(length).ok_or_else(ended)?;
        match marker {
            0xc0..=0xc2 => {
                frame = Some(read_frame(segment, marker == 0xc2)?);
                let (own, _) = segment.get(6..).unwrap_or_default().as_chunks::<3>();
                components = own.iter().take(4).copied().collect();
            }
            0xdb => read_tables(segment, &mut tables),
            0xc4 | 0xc8 | 0xcc => {}
            0xc3 | 0xc5..=0xcf => {
                return Err(Error::UnsupportedKind(format!(
                    "JPEG of SOF{}",
                    marker - 0xc0
                )));
            }
            0xe1 if segment.starts_with(b"Exif\0\0") => {
                orientation = orientation.or_else(|| exif::orientation(segment));
            }
            0xe2 => {
                if let Some([number, count, part @ ..]) = segment.strip_prefix(PROFILE) {
                    profile.push((*number, *count, part));
                }
            }
            _ => {}
        }
    }
    let written = written(&components, &tables);
    let (width, height, components, progressive) =
        frame.ok_or_else(|| Error::Corrupt("a scan before any frame".to_owned()))?;
    let layout = match components {
        1 => Layout::Grey,
        3 => Layout::Rgb,
        4 => Layout::Cmyk,
        _ => {
            return Err(Error::UnsupportedKind(format!(
                "JPEG of {components} components"
            )));
        }
    };
    let mut header = Header::new(Format::Jpeg, width.into(), height.into(), layout);
    header.written = written;
    header.progressive = progressive;
    header.orientation = orientation.unwrap_or_default();
    header.profile = joined(profile);
    Ok(header)
}

/// Skips what is no marker, as decoders do, and the fill bytes of §B.1.1.2.
fn next_marker(cursor: &mut Cursor<'_>) -> Option<u8> {
    loop {
        while cursor.byte()? != 0xff {}
        let mut marker = cursor.byte()?;
        while marker == 0xff {
            marker = cursor.byte()?;
        }
        if marker != 0 {
            return Some(marker);
        }
    }
}

/// Width, height, components, progressive.
fn read_frame(segment: &[u8], progressive: bool) -> Result<(u16, u16, u8, bool), Error> {
    let &[precision, y0, y1, x0, x1, components, ..] = segment else {
        return Err(ended());
    };
    if precision != 8 {
        return Err(Error::UnsupportedKind(format!("JPEG of {precision} bits")));
    }
    let height = u16::from_be_bytes([y0, y1]);
    if height == 0 {
        return Err(Error::UnsupportedKind(
            "JPEG whose height comes after its pixels".to_owned(),
        ));
    }
    Ok((
        u16::from_be_bytes([x0, x1]),
        height,
        components,
        progressive,
    ))
}

/// Quantisation tables of 8 or 16 bits (§B.2.4.1), in zigzag order.
fn read_tables(segment: &[u8], tables: &mut [Option<[u16; 64]>; 4]) {
    let mut cursor = Cursor { rest: segment };
    while let Some(kind) = cursor.byte() {
        let table = if kind >> 4 == 0 {
            cursor.array::<64>().map(|steps| steps.map(u16::from))
        } else {
            cursor.array::<128>().map(|steps| {
                let (pairs, _) = steps.as_chunks::<2>();
                std::array::from_fn(|at| pairs.get(at).map_or(1, |&pair| u16::from_be_bytes(pair)))
            })
        };
        let (Some(table), Some(slot)) = (table, tables.get_mut(usize::from(kind & 15))) else {
            return;
        };
        *slot = Some(table);
    }
}

/// By the tables of the first two components, which are brightness and colour in most files.
fn written(components: &[[u8; 3]], tables: &[Option<[u16; 64]>; 4]) -> Option<Written> {
    let table = |component: &[u8; 3]| tables.get(usize::from(component[2]))?.as_ref();
    let (luma, chroma) = (components.first()?, components.get(1));
    let chroma_factors = chroma.map_or(luma[1], |chroma| chroma[1]);
    let ratio = |shift: u8| {
        let part = |factors: u8| factors >> shift & 15;
        (part(luma[1]), part(chroma_factors))
    };
    let ((across, chroma_across), (down, chroma_down)) = (ratio(4), ratio(0));
    Some(Written {
        quality: of_jpeg(table(luma)?, chroma.and_then(table)),
        chroma: if across == chroma_across && down == chroma_down {
            Chroma::Full
        } else if across >= chroma_across * 2 && down >= chroma_down * 2 {
            Chroma::Halved
        } else {
            Chroma::Other
        },
    })
}

/// The profile, if all its parts are there.
fn joined(mut parts: Vec<(u8, u8, &[u8])>) -> Option<Vec<u8>> {
    parts.sort_by_key(|(number, ..)| *number);
    let whole = !parts.is_empty()
        && (1..).zip(&parts).all(|(expected, &(number, count, _))| {
            u16::from(number) == expected && usize::from(count) == parts.len()
        });
    whole.then(|| parts.iter().flat_map(|(.., part)| *part).copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exif::tests::block;

    fn segment(marker: u8, content: &[u8]) -> Vec<u8> {
        let length = (content.len() as u16 + 2).to_be_bytes();
        [&[0xff, marker], &length[..], content].concat()
    }

    fn jpeg(segments: &[Vec<u8>]) -> Vec<u8> {
        [vec![0xff, 0xd8], segments.concat(), segment(0xda, &[])].concat()
    }

    const FRAME: &[u8] = &[8, 0, 20, 0, 30, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1];

    #[test]
    fn size_and_orientation_and_profile_are_read() {
        let part = |number, text: &[u8]| segment(0xe2, &[PROFILE, &[number, 2], text].concat());
        let header = read(&jpeg(&[
            segment(0xe1, &block(true, 6)),
            part(2, b"world"),
            part(1, b"hello "),
            vec![0xff, 0xff], // fill
            segment(0xc2, FRAME),
        ]))
        .unwrap();
        assert_eq!((header.stored.width, header.stored.height), (30, 20));
        assert_eq!((header.seen().width, header.seen().height), (20, 30));
        assert!(header.progressive);
        assert_eq!(header.profile.unwrap(), b"hello world");
    }

    #[test]
    fn a_profile_with_a_part_missing_is_none() {
        let header = read(&jpeg(&[
            segment(0xe2, &[PROFILE, &[1, 2], b"hello"].concat()),
            segment(0xc0, FRAME),
        ]));
        assert_eq!(header.unwrap().profile, None);
    }

    #[test]
    fn kinds_that_are_not_read_are_named() {
        let twelve: Vec<u8> = [&[12][..], &FRAME[1..]].concat();
        for bytes in [
            jpeg(&[segment(0xc3, FRAME)]),
            jpeg(&[segment(0xc9, FRAME)]),
            jpeg(&[segment(0xc1, &twelve)]),
        ] {
            assert!(matches!(read(&bytes), Err(Error::UnsupportedKind(_))));
        }
    }

    #[test]
    fn a_header_may_end_anywhere() {
        let whole = jpeg(&[segment(0xe1, &block(false, 3)), segment(0xc0, FRAME)]);
        for end in 0..whole.len() {
            let _ = read(&whole[..end]);
        }
        assert!(read(&jpeg(&[])).is_err());
    }
}
