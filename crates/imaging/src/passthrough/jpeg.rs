//! JPEG: the segments that decoders need, up to the end of the first image (ITU-T T.81 Annex B).

use super::converted;
use crate::container::Cursor;
use crate::probe::Header;

const PROFILE: &[u8] = b"ICC_PROFILE\0";

/// `None` for what browsers may decode in another way than we do.
pub(super) fn strip(original: &[u8], header: &Header) -> Option<Vec<u8>> {
    let keep_profile = converted(header).is_some();
    let mut cursor = Cursor { rest: original };
    let mut kept = Vec::with_capacity(original.len());
    if cursor.array()? != [0xff, 0xd8] {
        return None;
    }
    kept.extend([0xff, 0xd8]);
    let (mut frames, mut tables, mut jfif, mut adobe) = (0, false, false, false);
    loop {
        let marker = next_marker(&mut cursor)?;
        match marker {
            0xd9 => {
                kept.extend([0xff, 0xd9]);
                return (frames == 1 && tables).then_some(kept);
            }
            // Segments without content have no place here.
            0x01 | 0xd0..=0xd8 => return None,
            _ => {}
        }
        let length = usize::from(u16::from_be_bytes(cursor.array()?)).checked_sub(2)?;
        let content = cursor.take(length)?;
        match marker {
            0xc0..=0xc2 => {
                frames += 1;
                if frames > 1 || !has_whole_factors(content) {
                    return None;
                }
                segment(&mut kept, marker, content)?;
            }
            0xc4 => {
                tables = true;
                segment(&mut kept, marker, content)?;
            }
            0xdb | 0xdd => segment(&mut kept, marker, content)?,
            0xda => {
                segment(&mut kept, marker, content)?;
                kept.extend(entropy_coded(&mut cursor));
            }
            // Density may not be square, which browsers ignore. A thumbnail goes.
            0xe0 if content.starts_with(b"JFIF\0") && !jfif => {
                jfif = true;
                let mut plain = *content.first_chunk::<14>()?;
                (plain[12], plain[13]) = (0, 0);
                segment(&mut kept, marker, &plain)?;
            }
            0xe2 if keep_profile && content.starts_with(PROFILE) => {
                segment(&mut kept, marker, content)?;
            }
            // It says what the components stand for.
            0xee if content.starts_with(b"Adobe") && !adobe => {
                adobe = true;
                segment(&mut kept, marker, content.first_chunk::<12>()?)?;
            }
            0xe0..=0xef | 0xfe => {}
            _ => return None,
        }
    }
}

fn segment(kept: &mut Vec<u8>, marker: u8, content: &[u8]) -> Option<()> {
    let length = u16::try_from(content.len() + 2).ok()?;
    kept.extend([0xff, marker]);
    kept.extend(length.to_be_bytes());
    kept.extend(content);
    Some(())
}

/// Marker after marker, with fill bytes before it at most (§B.1.1.2).
fn next_marker(cursor: &mut Cursor<'_>) -> Option<u8> {
    if cursor.byte()? != 0xff {
        return None;
    }
    loop {
        match cursor.byte()? {
            0xff => {}
            0 => return None,
            marker => return Some(marker),
        }
    }
}

/// A scan's data up to the marker that ends it, with the restart markers within.
fn entropy_coded<'a>(cursor: &mut Cursor<'a>) -> &'a [u8] {
    let data = cursor.rest;
    let mut end = 0;
    while let Some(&[first, second]) = data.get(end..).and_then(|rest| rest.first_chunk()) {
        if first == 0xff && !matches!(second, 0 | 0xd0..=0xd7) {
            break;
        }
        end += 1;
    }
    cursor.take(end).unwrap_or_default()
}

/// Whether no component is sampled at a fraction of another's, which libjpeg does not decode.
fn has_whole_factors(frame: &[u8]) -> bool {
    let Some((&[_, _, _, _, _, count], components)) = frame.split_first_chunk() else {
        return false;
    };
    let factors = || {
        let (components, _) = components.as_chunks::<3>();
        components
            .iter()
            .map(|&[_, factors, _]| (factors >> 4, factors & 15))
    };
    let across = factors().map(|(across, _)| across).max().unwrap_or(0);
    let down = factors().map(|(_, down)| down).max().unwrap_or(0);
    components.len() == usize::from(count) * 3
        && factors().all(|(own_across, own_down)| {
            across.checked_rem(own_across) == Some(0) && down.checked_rem(own_down) == Some(0)
        })
}
