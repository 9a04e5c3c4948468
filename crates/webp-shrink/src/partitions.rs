//! The partitions of a frame (RFC 6386 §9.5).

use crate::{bool_decoder::BoolDecoder, frame_header::Tag};

/// Decoders of the tokens' partitions, of which the rows of macroblocks use one after the other.
#[derive(Debug)]
pub(crate) struct Partitions<'a> {
    decoders: Vec<BoolDecoder<'a>>,
    /// Some bytes that the frame declares are missing.
    pub cut: bool,
}

/// The first partition, and what is behind it.
pub(crate) fn first<'a>(tag: &Tag<'a>) -> (BoolDecoder<'a>, &'a [u8]) {
    let (first, rest) = tag
        .data
        .split_at_checked(tag.first_partition)
        .unwrap_or((tag.data, &[]));
    (BoolDecoder::new(first), rest)
}

impl<'a> Partitions<'a> {
    /// Finds the partitions by the table of their sizes: three bytes each, but for the last, which has the rest.
    pub(crate) fn new(bytes: &'a [u8], count: usize) -> Self {
        let mut cut = false;
        let (table, mut rest) = bytes.split_at_checked(3 * (count - 1)).unwrap_or_else(|| {
            cut = true;
            (bytes, &[])
        });
        let mut decoders = Vec::with_capacity(count);
        for &[a, b, c] in table.as_chunks::<3>().0 {
            let length = u32::from_le_bytes([a, b, c, 0]) as usize;
            let (partition, behind) = rest.split_at_checked(length).unwrap_or_else(|| {
                cut = true;
                (rest, &[])
            });
            decoders.push(BoolDecoder::new(partition));
            rest = behind;
        }
        decoders.resize(count - 1, BoolDecoder::new(&[]));
        decoders.push(BoolDecoder::new(rest));
        Self { decoders, cut }
    }

    /// The one of a row.
    pub(crate) fn of_row(&mut self, row: usize) -> Option<&mut BoolDecoder<'a>> {
        let count = self.decoders.len();
        self.decoders.get_mut(row % count)
    }

    /// Whether one was read beyond its end.
    pub(crate) fn ended(&self) -> bool {
        self.cut || self.decoders.iter().any(BoolDecoder::ended)
    }
}
