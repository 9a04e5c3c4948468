//! Where in a WebP file its frame is (RFC 9649 §2).

use crate::Error;

/// The frame of a still lossy picture, in the simple or the extended form. As much of it as there is, where the file
/// ends early.
///
/// # Errors
/// [`Error::NotLossyWebP`] where the picture is lossless or animated. An alpha channel beside the frame is passed over.
pub fn find_frame(webp: &[u8]) -> Result<&[u8], Error> {
    let Some((&[b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P'], mut rest)) =
        webp.split_first_chunk::<12>()
    else {
        return Err(Error::NotLossyWebP);
    };
    while let Some((&[a, b, c, d, l0, l1, l2, l3], behind)) = rest.split_first_chunk::<8>() {
        let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        let (content, behind) = behind.split_at_checked(length).unwrap_or((behind, &[]));
        match &[a, b, c, d] {
            b"VP8 " => return Ok(content),
            b"VP8L" | b"ANMF" => break,
            _ => {}
        }
        rest = behind.get(length % 2..).unwrap_or_default();
    }
    Err(Error::NotLossyWebP)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(name: [u8; 4], content: &[u8]) -> Vec<u8> {
        let length = (content.len() as u32).to_le_bytes();
        let padding = &[0][..content.len() % 2];
        [&name, &length, content, padding].concat()
    }

    fn webp(chunks: &[Vec<u8>]) -> Vec<u8> {
        [b"RIFF", &[0; 4], b"WEBP", &chunks.concat()[..]].concat()
    }

    #[test]
    fn the_frame_is_found_behind_other_chunks() {
        let frame = chunk(*b"VP8 ", b"frame");
        let extended = [
            chunk(*b"VP8X", &[0; 10]),
            chunk(*b"ICCP", b"odd"),
            frame.clone(),
        ];
        assert_eq!(find_frame(&webp(&[frame])), Ok(&b"frame"[..]));
        let extended = webp(&extended);
        assert_eq!(find_frame(&extended), Ok(&b"frame"[..]));
        assert_eq!(find_frame(&extended[..extended.len() - 3]), Ok(&b"fra"[..]));
    }

    #[test]
    fn other_pictures_have_none() {
        for name in [*b"VP8L", *b"ANMF", *b"junk"] {
            let file = webp(&[chunk(name, b""), chunk(*b"VP8 ", b"")]);
            assert_eq!(find_frame(&file).is_ok(), name == *b"junk");
        }
        assert_eq!(find_frame(b"RIFF"), Err(Error::NotLossyWebP));
        assert_eq!(find_frame(&webp(&[])), Err(Error::NotLossyWebP));
    }
}
