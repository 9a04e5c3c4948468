//! GIF: images with their controls, and the loop count (`GIF89a` §17 to §27).

use super::converted;
use crate::container::Cursor;
use crate::probe::Header;

const LOOPS: [&[u8]; 2] = [b"NETSCAPE2.0", b"ANIMEXTS1.0"];

/// `None` for files that only look right to lenient readers. Browsers ignore a profile in a GIF, so one that is
/// converted must not be left to them.
pub(super) fn strip(original: &[u8], header: &Header) -> Option<Vec<u8>> {
    if converted(header).is_some() {
        return None;
    }
    let mut cursor = Cursor { rest: original };
    let mut kept = Vec::with_capacity(original.len());
    let mut global = false;
    kept.extend(cursor.array::<6>()?);
    let screen = cursor.array::<7>()?;
    kept.extend(screen);
    let [w0, w1, h0, h1, flags, ..] = screen;
    let side = |bytes| u32::from(u16::from_le_bytes(bytes));
    if (side([w0, w1]), side([h0, h1])) != (header.stored.width, header.stored.height) {
        return None;
    }
    if let Some(bytes) = table(flags) {
        global = true;
        kept.extend(cursor.take(bytes)?);
    }
    loop {
        match cursor.byte()? {
            0x21 => {
                let label = cursor.byte()?;
                let blocks = sub_blocks(&mut cursor)?;
                match (label, blocks) {
                    (0xf9, &[4, _, _, _, _, 0]) => {
                        kept.extend([0x21, label]);
                        kept.extend(blocks);
                    }
                    (0xff, &[11, ref rest @ ..]) => {
                        if let Some((name, &[3, 1, n0, n1, 0])) = rest.split_at_checked(11)
                            && LOOPS.contains(&name)
                        {
                            kept.extend([0x21, label, 11]);
                            kept.extend(name);
                            kept.extend([3, 1, n0, n1, 0]);
                        } else if LOOPS.iter().any(|name| rest.starts_with(name)) {
                            return None;
                        }
                    }
                    (0xf9, _) => return None,
                    _ => {}
                }
            }
            0x2c => {
                let descriptor = cursor.array::<9>()?;
                kept.push(0x2c);
                kept.extend(descriptor);
                match table(descriptor[8]) {
                    Some(bytes) => kept.extend(cursor.take(bytes)?),
                    // Browsers differ on an image without colours.
                    None if !global => return None,
                    None => {}
                }
                kept.push(cursor.byte()?);
                kept.extend(sub_blocks(&mut cursor)?);
            }
            0x3b => {
                kept.push(0x3b);
                return Some(kept);
            }
            _ => return None,
        }
    }
}

/// The bytes of a colour table, if there is one.
fn table(flags: u8) -> Option<usize> {
    (flags & 0x80 != 0).then(|| 6 << (flags & 7))
}

/// Sub-blocks with their lengths and their end.
fn sub_blocks<'a>(cursor: &mut Cursor<'a>) -> Option<&'a [u8]> {
    let start = cursor.rest;
    loop {
        let length = usize::from(cursor.byte()?);
        if length == 0 {
            return start.get(..start.len() - cursor.rest.len());
        }
        cursor.take(length)?;
    }
}
