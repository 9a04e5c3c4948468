//! Reads the bits of entropy-coded data, most significant first, and takes out the stuffed zeros (ITU-T T.81, F.1.2.3).

/// A window of up to 64 bits on the data. It never goes past a marker: beyond it, zeros are read and counted.
#[derive(Debug)]
pub(crate) struct BitReader<'a> {
    data: &'a [u8],
    position: usize,
    /// The next bits, left-aligned. Below the `count` valid ones there may be the first bits of the byte at
    /// `position`; they are put there again, the same, when that byte is read.
    window: u64,
    count: u32,
    /// How many of the bits ever put into the window are zeros which are not in the data.
    padding: u32,
}

impl<'a> BitReader<'a> {
    pub(crate) fn new(data: &'a [u8], position: usize) -> Self {
        Self {
            data,
            position,
            window: 0,
            count: 0,
            padding: 0,
        }
    }

    /// At or before the marker that ends the data being read; never past it.
    pub(crate) fn position(&self) -> usize {
        self.position
    }

    /// All the data, of which the scan is a part.
    pub(crate) fn data(&self) -> &'a [u8] {
        self.data
    }

    /// Drops what is left in the window and goes on at `position`.
    pub(crate) fn restart(&mut self, position: usize) {
        *self = Self::new(self.data, position);
    }

    /// Whether bits were consumed which the data do not have.
    #[inline]
    pub(crate) fn overrun(&self) -> bool {
        self.count < self.padding
    }

    /// Makes at least 56 bits available.
    #[inline(always)]
    pub(crate) fn refill(&mut self) {
        if let Some(chunk) = self
            .data
            .get(self.position..)
            .and_then(<[u8]>::first_chunk::<8>)
        {
            let word = u64::from_be_bytes(*chunk);
            if !has_ff(word) {
                self.window |= word >> self.count;
                // As many whole bytes as fit, which leaves 56 to 63 valid bits.
                self.position += ((63 - self.count) >> 3) as usize;
                self.count |= 0b11_1000;
                return;
            }
        }
        self.refill_slowly();
    }

    /// Makes at least `bits` (up to 56) available, and does nothing if they are.
    #[inline(always)]
    pub(crate) fn ensure(&mut self, bits: u32) {
        if self.count < bits {
            self.refill();
        }
    }

    #[inline(never)]
    fn refill_slowly(&mut self) {
        while self.count < 56 {
            let byte = match self.data.get(self.position) {
                Some(0xFF) => {
                    while self.data.get(self.position + 1) == Some(&0xFF) {
                        self.position += 1;
                    }
                    if self.data.get(self.position + 1) == Some(&0) {
                        self.position += 2;
                        0xFF
                    } else {
                        self.padding += 8;
                        0
                    }
                }
                Some(&byte) => {
                    self.position += 1;
                    byte
                }
                None => {
                    self.padding += 8;
                    0
                }
            };
            self.window |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
    }

    /// The next `bits` bits, 1 to 32, without consuming them.
    #[inline(always)]
    pub(crate) fn peek(&self, bits: u32) -> u32 {
        (self.window >> (64 - bits)) as u32
    }

    /// Consumes bits which [`Self::refill`] or [`Self::ensure`] made available.
    #[inline(always)]
    pub(crate) fn consume(&mut self, bits: u32) {
        debug_assert!(bits <= self.count, "{bits} of {}", self.count);
        self.window <<= bits & 63;
        self.count = self.count.wrapping_sub(bits);
    }

    /// Consumes one bit, made available before.
    #[inline(always)]
    pub(crate) fn bit(&mut self) -> bool {
        let bit = self.window >> 63 == 1;
        self.consume(1);
        bit
    }

    /// Consumes `bits` bits, 0 to 15, made available before.
    #[inline(always)]
    pub(crate) fn take(&mut self, bits: u32) -> u32 {
        let value = ((self.window >> 1) >> (63 - bits)) as u32;
        self.consume(bits);
        value
    }

    /// Consumes `size` bits, 0 to 15, as a signed value (EXTEND in F.2.2.1).
    #[inline(always)]
    pub(crate) fn signed(&mut self, size: u32) -> i32 {
        extend(self.take(size), size)
    }
}

/// The signed value that `bits` of length `size` stand for (ITU-T T.81, figure F.12).
#[inline(always)]
pub(crate) fn extend(bits: u32, size: u32) -> i32 {
    let value = bits as i32;
    let half = (1 << size) >> 1;
    if value < half {
        value - (1 << size) + 1
    } else {
        value
    }
}

/// Whether one of the eight bytes is 0xFF.
#[inline(always)]
fn has_ff(word: u64) -> bool {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // The usual test for a zero byte, on the complement.
    (!word).wrapping_sub(LOW) & word & HIGH != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(data: &[u8], bits: usize) -> Vec<bool> {
        let mut reader = BitReader::new(data, 0);
        (0..bits)
            .map(|_| {
                reader.ensure(1);
                reader.bit()
            })
            .collect()
    }

    fn bits_of(bytes: &[u8]) -> Vec<bool> {
        bytes
            .iter()
            .flat_map(|&byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1))
            .collect()
    }

    #[test]
    fn stuffed_zeros_are_taken_out_wherever_they_are() {
        for at in 0..40 {
            let mut plain: Vec<u8> = (0..40_u16).map(|byte| (byte * 37 % 251) as u8).collect();
            plain[at] = 0xFF;
            let mut stuffed = plain.clone();
            stuffed.insert(at + 1, 0);
            assert_eq!(read_all(&stuffed, 320), bits_of(&plain), "{at}");
        }
    }

    #[test]
    fn beyond_a_marker_there_are_zeros_and_an_overrun() {
        let mut reader = BitReader::new(&[0xA5, 0xFF, 0xFF, 0xD9, 0x77], 0);
        reader.refill();
        assert_eq!(reader.take(8), 0xA5);
        assert!(!reader.overrun());
        assert_eq!(reader.take(8), 0);
        assert!(reader.overrun());
        assert_eq!(reader.position(), 2);
        for _ in 0..50 {
            reader.refill();
            assert_eq!(reader.take(15), 0);
        }
    }

    #[test]
    fn the_test_for_ff_sees_each_byte_and_nothing_else() {
        for shift in (0..64).step_by(8) {
            assert!(has_ff(0xFF << shift));
            assert!(!has_ff(0xFE << shift));
            assert!(!has_ff(!(0xFF << shift) & 0x7F7F_7F7F_7F7F_7F7F));
            assert!(has_ff(!(1 << shift)));
        }
        assert!(!has_ff(0));
        assert!(!has_ff(0x80_80_80_80_80_80_80_80));
        assert!(!has_ff(0xFE_FE_FE_FE_FE_FE_FE_FE));
    }

    #[test]
    fn values_are_extended_as_in_figure_f12() {
        let table = [
            (0, 0, 0),
            (0, 1, -1),
            (1, 1, 1),
            (0, 2, -3),
            (1, 2, -2),
            (2, 2, 2),
            (3, 2, 3),
            (0, 15, -32767),
        ];
        for (bits, size, value) in table {
            assert_eq!(extend(bits, size), value);
        }
    }
}
