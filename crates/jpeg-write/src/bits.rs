//! Bits of entropy-coded segments: the first is the highest of a byte, and a 0 follows each byte of ones (T.81, F.1.2.3).

/// Writes bits at the end of a file.
#[derive(Debug)]
pub(crate) struct BitWriter {
    bytes: Vec<u8>,
    /// The last bits, at the lower end.
    waiting: u64,
    /// Bits of `waiting` which are not taken, 1 to 64.
    free: u32,
}

impl BitWriter {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self {
            bytes,
            waiting: 0,
            free: 64,
        }
    }

    /// Writes the lower `count` bits of `bits`, up to 32; the others are 0.
    #[inline(always)]
    pub(crate) fn put(&mut self, bits: u32, count: u32) {
        let bits = u64::from(bits);
        if count < self.free {
            self.waiting = self.waiting << count | bits;
            self.free -= count;
        } else {
            let over = count - self.free;
            let word = self.waiting << (self.free & 63) | bits >> over;
            // With 64 free nothing waits, and 32 bits would not come here.
            self.push(word);
            self.waiting = bits;
            self.free = 64 - over;
        }
    }

    #[inline(always)]
    fn push(&mut self, word: u64) {
        const HIGH: u64 = 0x8080_8080_8080_8080;
        // A byte of ones is one whose high bit is set and stays so when 1 is added; a carry into it from a byte of ones
        // below is no mistake that matters.
        if word & HIGH & !word.wrapping_add(0x0101_0101_0101_0101) == 0 {
            self.bytes.extend_from_slice(&word.to_be_bytes());
        } else {
            self.push_stuffed(word);
        }
    }

    #[cold]
    #[inline(never)]
    fn push_stuffed(&mut self, word: u64) {
        for byte in word.to_be_bytes() {
            self.bytes.push(byte);
            if byte == 0xFF {
                self.bytes.push(0);
            }
        }
    }

    /// Fills the last byte with ones, and returns the file.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        let taken = 64 - self.free;
        let fill = (8 - taken % 8) % 8;
        self.put((1 << fill) - 1, fill);
        let taken = 64 - self.free;
        for index in (0..taken / 8).rev() {
            let byte = (self.waiting >> (8 * index)) as u8;
            self.bytes.push(byte);
            if byte == 0xFF {
                self.bytes.push(0);
            }
        }
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bits_come_in_order_and_bytes_of_ones_are_stuffed(
            parts in proptest::collection::vec((any::<u32>(), 0_u32..=32, any::<bool>()), 0..200),
        ) {
            let mut writer = BitWriter::new(vec![0xFF]);
            let mut expected = Vec::new();
            for (bits, count, ones) in parts {
                let bits = if ones { u32::MAX } else { bits };
                let bits = (u64::from(bits) & ((1 << count) - 1)) as u32;
                writer.put(bits, count);
                expected.extend((0..count).rev().map(|index| bits >> index & 1));
            }
            while expected.len() % 8 != 0 {
                expected.push(1);
            }
            let mut bytes = vec![0xFF];
            for eight in expected.chunks(8) {
                let byte = eight.iter().fold(0, |byte, bit| byte << 1 | bit) as u8;
                bytes.push(byte);
                if byte == 0xFF {
                    bytes.push(0);
                }
            }
            prop_assert_eq!(writer.finish(), bytes);
        }
    }
}
