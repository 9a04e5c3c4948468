//! Chunks, read and written (PNG third edition, §5).

use crate::container::Cursor;

/// The first eight bytes (§5.2).
pub(crate) const SIGNATURE: &[u8; 8] = b"\x89PNG\r\n\x1a\n";

/// A chunk, as far as the file goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chunk<'a> {
    pub(crate) name: [u8; 4],
    pub(crate) content: &'a [u8],
    /// The stored checksum; `None` where the file ends before it.
    pub(super) checksum: Option<u32>,
}

impl Chunk<'_> {
    /// Whether it is all there, and its checksum is right.
    pub(crate) fn is_intact(&self) -> bool {
        let mut own = crc32fast::Hasher::new();
        own.update(&self.name);
        own.update(self.content);
        self.checksum == Some(own.finalize())
    }

    /// Whether an image cannot be shown without it (§5.4).
    pub(super) fn is_critical(&self) -> bool {
        self.name[0].is_ascii_uppercase()
    }
}

/// Chunks in the order of the file.
#[derive(Clone, Debug)]
pub(crate) struct Chunks<'a> {
    cursor: Cursor<'a>,
}

impl<'a> Chunks<'a> {
    /// The chunks behind the signature.
    pub(crate) fn of_file(bytes: &'a [u8]) -> Self {
        let mut cursor = Cursor { rest: bytes };
        let _signature = cursor.array::<8>();
        Self { cursor }
    }

    /// The next chunk, and those behind it.
    pub(super) fn split_first(&self) -> Option<(Chunk<'a>, Self)> {
        let mut behind = self.clone();
        let chunk = behind.next()?;
        Some((chunk, behind))
    }
}

impl<'a> Iterator for Chunks<'a> {
    type Item = Chunk<'a>;

    /// The next chunk. Behind bytes that are no name nothing is looked for.
    fn next(&mut self) -> Option<Chunk<'a>> {
        let length = u32::from_be_bytes(self.cursor.array()?) as usize;
        let name: [u8; 4] = self.cursor.array()?;
        if !name.iter().all(u8::is_ascii_alphabetic) {
            self.cursor.rest = &[];
            return None;
        }
        let whole = length <= self.cursor.rest.len();
        let content = self.cursor.take(length.min(self.cursor.rest.len()))?;
        let checksum = self.cursor.array().map(u32::from_be_bytes);
        if checksum.is_none() {
            self.cursor.rest = &[];
        }
        Some(Chunk {
            name,
            content,
            checksum: checksum.filter(|_| whole),
        })
    }
}

/// Writes a chunk.
pub(crate) fn write_chunk(out: &mut Vec<u8>, name: [u8; 4], content: &[u8]) {
    let mut checksum = crc32fast::Hasher::new();
    checksum.update(&name);
    checksum.update(content);
    out.extend((content.len() as u32).to_be_bytes());
    out.extend(name);
    out.extend_from_slice(content);
    out.extend(checksum.finalize().to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_of_a_file_end_with_it_or_with_what_is_no_name() {
        let mut file = SIGNATURE.to_vec();
        write_chunk(&mut file, *b"tEXt", b"abc");
        write_chunk(&mut file, *b"IEND", b"");
        let names = |bytes: &[u8]| -> Vec<([u8; 4], bool)> {
            Chunks::of_file(bytes)
                .map(|chunk| (chunk.name, chunk.is_intact()))
                .collect()
        };
        assert_eq!(names(&file), [(*b"tEXt", true), (*b"IEND", true)]);
        for end in 0..file.len() {
            assert!(
                names(&file[..end])
                    .iter()
                    .filter(|(_, intact)| *intact)
                    .count()
                    < 2
            );
        }
        file[17] ^= 1;
        assert_eq!(names(&file), [(*b"tEXt", false), (*b"IEND", true)]);
        file[13] = 0;
        assert_eq!(names(&file), []);
    }
}
