//! The one thing of EXIF that a picture needs: its orientation. The rest of the block is never read.

use crate::orient::Orientation;

/// The orientation in a TIFF block (EXIF 2.32 §4.6.4, tag 0x0112). A damaged block is no reason to show nothing.
pub(crate) fn orientation(block: &[u8]) -> Option<Orientation> {
    // JPEG and some WebP writers put this before the TIFF header.
    let tiff = block.strip_prefix(b"Exif\0\0").unwrap_or(block);
    let little = match tiff.get(..4)? {
        b"II*\0" => true,
        b"MM\0*" => false,
        _ => return None,
    };
    let short = |at: usize| {
        let bytes = tiff.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if little {
            u16::from_le_bytes(bytes)
        } else {
            u16::from_be_bytes(bytes)
        })
    };
    let long = |at: usize| {
        let bytes = tiff.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if little {
            u32::from_le_bytes(bytes)
        } else {
            u32::from_be_bytes(bytes)
        })
    };
    let directory = long(4)? as usize;
    let entries = usize::from(short(directory)?);
    (0..entries)
        .map_while(|entry| {
            let at = directory + 2 + entry * 12;
            Some((at, short(at)?))
        })
        .find(|&(_, tag)| tag == 0x0112)
        .and_then(|(at, _)| {
            // Type 3 is SHORT; some writers say LONG.
            match short(at + 2)? {
                3 => short(at + 8).map(u32::from),
                4 => long(at + 8),
                _ => None,
            }
        })
        .and_then(Orientation::from_exif)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A block with an orientation, for the tests of other modules too.
    pub(crate) fn block(little: bool, value: u16) -> Vec<u8> {
        let mut block = b"Exif\0\0".to_vec();
        let short = |v: u16| {
            if little {
                v.to_le_bytes()
            } else {
                v.to_be_bytes()
            }
        };
        let long = |v: u32| {
            if little {
                v.to_le_bytes()
            } else {
                v.to_be_bytes()
            }
        };
        block.extend(if little { b"II*\0" } else { b"MM\0*" });
        block.extend(long(8));
        block.extend(short(2));
        for (tag, value) in [(0x0100, 7), (0x0112, value)] {
            block.extend(short(tag));
            block.extend(short(3));
            block.extend(long(1));
            block.extend(short(value));
            block.extend(short(0));
        }
        block.extend(long(0));
        block
    }

    #[test]
    fn both_byte_orders_are_read() {
        for little in [true, false] {
            for value in 1..=8 {
                assert_eq!(
                    orientation(&block(little, value)),
                    Orientation::from_exif(value.into())
                );
            }
            assert_eq!(orientation(&block(little, 9)), None);
        }
    }

    #[test]
    fn a_damaged_block_says_nothing() {
        let whole = block(true, 6);
        for end in 0..whole.len() {
            let _ = orientation(&whole[..end]);
        }
        let mut far = whole;
        far[10..14].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(orientation(&far), None);
    }
}
