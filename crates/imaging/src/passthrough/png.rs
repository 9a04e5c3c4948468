//! PNG: the chunks of pixels, frames and colours (PNG 3rd edition, §11).

use crate::container::Cursor;

/// `None` where a chunk is cut or unknown but critical, where `IEND` is missing, and for high dynamic range, which is
/// tone-mapped at other sizes.
pub(super) fn strip(original: &[u8], animated: bool) -> Option<Vec<u8>> {
    let mut cursor = Cursor { rest: original };
    let mut kept = Vec::with_capacity(original.len());
    kept.extend(cursor.array::<8>()?);
    loop {
        let whole = cursor.rest;
        let length = u32::from_be_bytes(cursor.array()?) as usize;
        let name = cursor.array::<4>()?;
        let content = cursor.take(length)?;
        let _checksum = cursor.array::<4>()?;
        let chunk = whole.get(..length.checked_add(12)?)?;
        match &name {
            b"IHDR" | b"PLTE" | b"IDAT" | b"tRNS" | b"iCCP" | b"sRGB" | b"gAMA" | b"cHRM" => {
                kept.extend(chunk);
            }
            b"cICP" => {
                // PQ and HLG (ITU-T H.273, table 3).
                if matches!(content, [_, 16 | 18, ..]) {
                    return None;
                }
                kept.extend(chunk);
            }
            b"acTL" | b"fcTL" | b"fdAT" if animated => kept.extend(chunk),
            b"IEND" => {
                kept.extend(chunk);
                return (length == 0).then_some(kept);
            }
            // Bit 5 of the first byte is set in ancillary chunks.
            [first, ..] if first & 0x20 == 0 => return None,
            _ => {}
        }
    }
}
