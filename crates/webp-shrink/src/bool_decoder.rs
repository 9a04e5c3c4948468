//! The boolean entropy decoder (RFC 6386 §7), over a window of 64 bits.

/// Reads bits of given probabilities.
///
/// The RFC keeps the range between 128 and 255 by shifting it *after* each bit. Here that is put off to the beginning
/// of the next one, where the multiplication of the range by the probability does not have to wait for it: what a bit
/// costs is the chain of operations from one range to the next.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BoolDecoder<'a> {
    rest: &'a [u8],
    /// The bits read and not used up, the next one at the top. The upper eight are compared with the range.
    value: u64,
    /// At least 1, at most 255.
    range: u32,
    /// How many bits of `value` there are beside the upper eight.
    bits: i32,
    /// More was read than there was: zeros since.
    ended: bool,
}

/// Where in `value` the range is.
const TOP: u32 = 56;

impl<'a> BoolDecoder<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            value: 0,
            range: 255,
            // Not even those.
            bits: -8,
            ended: false,
        }
    }

    /// Whether more was read than there was.
    pub(crate) fn ended(&self) -> bool {
        self.ended
    }

    /// A bit that is 0 with a probability of `probability` / 256.
    #[inline(always)]
    pub(crate) fn bit(&mut self, probability: u8) -> bool {
        let shift = self.normalise();
        let probability = u32::from(probability);
        // 1 + (((range - 1) * probability) >> 8) for the shifted range.
        let product = (self.range * probability) << shift;
        let split = 1 + ((product - probability) >> 8);
        let threshold = u64::from(split) << TOP;
        if self.value >= threshold {
            self.value -= threshold;
            self.range = (self.range << shift) - split;
            true
        } else {
            self.range = split;
            false
        }
    }

    /// `magnitude`, or less than 0 by it where the next bit, of equal chances, is 1. Without a branch, since nothing
    /// could foretell it.
    #[inline(always)]
    pub(crate) fn signed(&mut self, magnitude: i32) -> i32 {
        let shift = self.normalise();
        let range = self.range << shift;
        let split = (range + 1) >> 1;
        let threshold = u64::from(split) << TOP;
        let negative = self.value >= threshold;
        let mask = u64::from(negative).wrapping_neg();
        self.value -= threshold & mask;
        // range - split, or split: they differ by the lowest bit only.
        self.range = split - (u32::from(negative) & range & 1);
        (magnitude ^ mask as i32).wrapping_add(i32::from(negative))
    }

    /// Brings the range to between 128 and 255 (but for the shifting of itself), and says by which shift.
    #[inline(always)]
    fn normalise(&mut self) -> u32 {
        let shift = self.range.leading_zeros() ^ 24;
        self.value <<= shift;
        self.bits -= shift as i32;
        if self.bits < 0 {
            self.fill();
        }
        shift
    }

    #[inline(always)]
    fn fill(&mut self) {
        if let Some((bytes, _)) = self.rest.split_first_chunk::<8>() {
            // Seven bytes, and a part of the eighth, which comes to the same place once more with the next seven.
            self.value |= u64::from_be_bytes(*bytes) >> ((8 + self.bits) & 7);
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
        let mut bytes = [0; 8];
        for (to, from) in bytes.iter_mut().zip(self.rest) {
            *to = *from;
        }
        self.value |= u64::from_be_bytes(bytes) >> ((8 + self.bits) & 7);
        // Of nothing, or the last bytes, as many zeros as there would be bytes.
        let filled = if self.ended {
            7
        } else {
            self.rest.len().min(7)
        };
        self.bits += filled as i32 * 8;
        self.rest = self.rest.get(filled..).unwrap_or_default();
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
        let mut decoder = BoolDecoder::new(&[0xff; 3]);
        assert!(decoder.flag());
        assert!(!decoder.ended());
        for _ in 0..1000 {
            decoder.flag();
        }
        assert!(decoder.ended());
        assert_eq!(BoolDecoder::new(&[]).literal(8), 0);
    }
}
