//! The boolean entropy decoder (RFC 6386 §7), over a window of 64 bits.

/// Reads bits of given probabilities.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BoolDecoder<'a> {
    rest: &'a [u8],
    /// The bits read and not used up. Its upper part, from bit `bits` on, is compared with the range.
    value: u64,
    /// The RFC's range less one: 127 to 254.
    range: u32,
    /// How many bits of `value` are below those compared with the range; less than none, where some must be read first.
    bits: i32,
    /// More was read than there was: zeros since. Or what there is comes from no coder.
    ended: bool,
}

impl<'a> BoolDecoder<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            value: 0,
            range: 254,
            // None, and the first byte is compared with the range.
            bits: -8,
            // The first byte is below the range, of whatever coder: nothing that is read here means anything.
            ended: bytes.first() == Some(&0xff),
        }
    }

    /// Whether more was read than there was, or what there was is no code.
    pub(crate) fn ended(&self) -> bool {
        self.ended
    }

    /// A bit that is 0 with a probability of `probability` / 256.
    #[inline(always)]
    pub(crate) fn bit(&mut self, probability: u8) -> bool {
        if self.bits < 0 {
            self.fill();
        }
        let split = (self.range * u32::from(probability)) >> 8;
        let bit = (self.value >> self.bits) as u32 > split;
        if bit {
            self.value -= u64::from(split + 1) << self.bits;
            self.normalise(self.range - split);
        } else {
            self.normalise(split + 1);
        }
        bit
    }

    /// `magnitude`, or less than 0 by it where the next bit, of equal chances, is 1. Without a branch, since nothing
    /// could foretell it.
    #[inline(always)]
    pub(crate) fn signed(&mut self, magnitude: i32) -> i32 {
        if self.bits < 0 {
            self.fill();
        }
        let split = self.range >> 1;
        let negative = (self.value >> self.bits) as u32 > split;
        let mask = u64::from(negative).wrapping_neg();
        self.value -= (u64::from(split + 1) << self.bits) & mask;
        // Both halves are shifted by one; they differ, by the lowest bit, where the range less one is even.
        self.bits -= 1;
        self.range = (self.range - u32::from(negative)) | 1;
        (magnitude ^ mask as i32).wrapping_add(i32::from(negative))
    }

    /// Takes this range, and shifts it to between 128 and 255.
    #[inline(always)]
    fn normalise(&mut self, range: u32) {
        let shift = range.leading_zeros() ^ 0x18;
        // In 64 bits, for which the compiler knows that the shift is within them.
        self.range = (u64::from(range) << shift) as u32 - 1;
        self.bits -= shift as i32;
    }

    #[inline(always)]
    fn fill(&mut self) {
        if let Some((bytes, _)) = self.rest.split_first_chunk::<8>() {
            self.value = self.value << 56 | u64::from_be_bytes(*bytes) >> 8;
            self.bits += 56;
            self.rest = self.rest.get(7..).unwrap_or_default();
        } else {
            *self = self.filled_with_rest();
        }
    }

    /// What comes last, and zeros behind it.
    #[cold]
    #[inline(never)]
    fn filled_with_rest(mut self) -> Self {
        self.ended |= self.rest.is_empty();
        let count = if self.ended {
            7
        } else {
            self.rest.len().min(7)
        };
        for index in 0..count {
            let byte = self.rest.get(index).copied().unwrap_or_default();
            self.value = self.value << 8 | u64::from(byte);
            self.bits += 8;
        }
        self.rest = self.rest.get(count..).unwrap_or_default();
        self
    }

    /// A bit of equal chances.
    pub(crate) fn flag(&mut self) -> bool {
        self.bit(128)
    }

    /// An unsigned number of `bits` bits.
    pub(crate) fn literal(&mut self, bits: u32) -> u8 {
        (0..bits).fold(0, |number, _| number << 1 | u8::from(self.flag()))
    }

    /// A number of `bits` bits with its sign, where a flag says that there is one.
    pub(crate) fn optional_signed(&mut self, bits: u32) -> Option<i8> {
        self.flag().then(|| {
            let magnitude = self.literal(bits) as i8;
            if self.flag() { -magnitude } else { magnitude }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// §7.3, word for word.
    struct Encoder {
        output: Vec<u8>,
        range: u32,
        bottom: u32,
        bit_count: i32,
    }

    impl Encoder {
        fn put(&mut self, probability: u8, bit: bool) {
            let split = 1 + (((self.range - 1) * u32::from(probability)) >> 8);
            if bit {
                self.bottom = self.add(split);
                self.range -= split;
            } else {
                self.range = split;
            }
            while self.range < 128 {
                self.range <<= 1;
                if self.bottom & 1 << 31 != 0 {
                    self.carry();
                }
                self.bottom <<= 1;
                self.bit_count -= 1;
                if self.bit_count == 0 {
                    self.output.push((self.bottom >> 24) as u8);
                    self.bottom &= (1 << 24) - 1;
                    self.bit_count = 8;
                }
            }
        }

        fn add(&self, split: u32) -> u32 {
            self.bottom.wrapping_add(split)
        }

        fn carry(&mut self) {
            for byte in self.output.iter_mut().rev() {
                *byte = byte.wrapping_add(1);
                if *byte != 0 {
                    break;
                }
            }
        }
    }

    #[test]
    fn what_was_put_in_comes_out() {
        let mut encoder = Encoder {
            output: Vec::new(),
            range: 255,
            bottom: 0,
            bit_count: 24,
        };
        let mut state = 1_u32;
        let bits: Vec<(u8, bool)> = (0..20_000)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let probability = ((state >> 8) as u8).max(1);
                (probability, (state >> 16) as u8 >= probability)
            })
            .collect();
        for &(probability, bit) in &bits {
            encoder.put(probability, bit);
        }
        for _ in 0..32 {
            encoder.put(128, false);
        }
        let mut decoder = BoolDecoder::new(&encoder.output);
        for (index, &(probability, bit)) in bits.iter().enumerate() {
            if probability == 128 {
                let negative = decoder.signed(5) == -5;
                assert_eq!(negative, bit, "{index}");
            } else {
                assert_eq!(decoder.bit(probability), bit, "{index}");
            }
        }
        assert!(!decoder.ended());
    }

    #[test]
    fn behind_the_end_are_zeros() {
        let mut decoder = BoolDecoder::new(&[0xfe; 3]);
        assert!(decoder.flag());
        assert!(!decoder.ended());
        for _ in 0..1000 {
            decoder.flag();
        }
        assert!(decoder.ended());
        assert_eq!(BoolDecoder::new(&[]).literal(8), 0);
    }
}
