//! Vectors of sixteen bytes, or eight words of 16 bits, and the few operations on them that the loop filter, the
//! transform and the conversion of colours are made of.
//!
//! Each operation is a loop of its own over all lanes, of which the compiler makes one instruction. Of a loop over all
//! that happens to one lane it makes vectors of 32 bits, and the filter takes three times as long.

/// Sixteen bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bytes([u8; 16]);

/// Eight words.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Words([i16; 8]);

impl Bytes {
    #[inline(always)]
    pub(crate) fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    #[inline(always)]
    pub(crate) fn get(self) -> [u8; 16] {
        self.0
    }

    #[inline(always)]
    pub(crate) fn splat(byte: u8) -> Self {
        Self([byte; 16])
    }

    /// The first halves of both, in turn.
    #[inline(always)]
    pub(crate) fn interleave_low(self, other: Self) -> Self {
        let (a, b) = (self.0, other.0);
        Self(std::array::from_fn(|i| {
            if i % 2 == 0 { a[i / 2] } else { b[i / 2] }
        }))
    }

    /// The second halves of both, in turn.
    #[inline(always)]
    pub(crate) fn interleave_high(self, other: Self) -> Self {
        let (a, b) = (self.0, other.0);
        Self(std::array::from_fn(|i| {
            if i % 2 == 0 {
                a[8 + i / 2]
            } else {
                b[8 + i / 2]
            }
        }))
    }

    /// The sum, at most 255.
    #[inline(always)]
    pub(crate) fn add_saturating(self, other: Self) -> Self {
        let (a, b) = (self.0, other.0);
        Self(std::array::from_fn(|i| a[i].saturating_add(b[i])))
    }

    /// The difference, at least 0.
    #[inline(always)]
    pub(crate) fn sub_saturating(self, other: Self) -> Self {
        let (a, b) = (self.0, other.0);
        Self(std::array::from_fn(|i| a[i].saturating_sub(b[i])))
    }

    /// The sum of numbers with a sign, held within -128 to 127.
    #[inline(always)]
    pub(crate) fn add_signed(self, other: Self) -> Self {
        let (a, b) = (self.0, other.0);
        Self(std::array::from_fn(|i| {
            (a[i] as i8).saturating_add(b[i] as i8) as u8
        }))
    }

    /// The difference of numbers with a sign, likewise.
    #[inline(always)]
    pub(crate) fn sub_signed(self, other: Self) -> Self {
        let (a, b) = (self.0, other.0);
        Self(std::array::from_fn(|i| {
            (a[i] as i8).saturating_sub(b[i] as i8) as u8
        }))
    }

    /// The difference, wrapping.
    #[inline(always)]
    pub(crate) fn sub(self, other: Self) -> Self {
        let (a, b) = (self.0, other.0);
        Self(std::array::from_fn(|i| a[i].wrapping_sub(b[i])))
    }

    /// The larger.
    #[inline(always)]
    pub(crate) fn max(self, other: Self) -> Self {
        let (a, b) = (self.0, other.0);
        Self(std::array::from_fn(|i| a[i].max(b[i])))
    }

    /// The bits of both.
    #[inline(always)]
    pub(crate) fn and(self, other: Self) -> Self {
        let (a, b) = (self.0, other.0);
        Self(std::array::from_fn(|i| a[i] & b[i]))
    }

    /// The bits of either.
    #[inline(always)]
    pub(crate) fn or(self, other: Self) -> Self {
        let (a, b) = (self.0, other.0);
        Self(std::array::from_fn(|i| a[i] | b[i]))
    }

    /// The bits of one.
    #[inline(always)]
    pub(crate) fn xor(self, other: Self) -> Self {
        let (a, b) = (self.0, other.0);
        Self(std::array::from_fn(|i| a[i] ^ b[i]))
    }

    /// All bits where both are the same, none elsewhere.
    #[inline(always)]
    pub(crate) fn equals(self, other: Self) -> Self {
        let (a, b) = (self.0, other.0);
        Self(std::array::from_fn(|i| if a[i] == b[i] { 255 } else { 0 }))
    }

    /// Of the bytes of both, the first, the third, and so on.
    #[inline(always)]
    pub(crate) fn evens(self, other: Self) -> Self {
        let (a, b) = (self.0, other.0);
        Self(std::array::from_fn(|i| {
            if i < 8 { a[2 * i] } else { b[2 * i - 16] }
        }))
    }

    /// Of the bytes of both, the second, the fourth, and so on.
    #[inline(always)]
    pub(crate) fn odds(self, other: Self) -> Self {
        let (a, b) = (self.0, other.0);
        Self(std::array::from_fn(|i| {
            if i < 8 { a[2 * i + 1] } else { b[2 * i - 15] }
        }))
    }

    /// An eighth of numbers with a sign, rounded down.
    #[inline(always)]
    pub(crate) fn eighth(self) -> Self {
        Self(self.0.map(|byte| (byte as i8 >> 3) as u8))
    }

    /// Half of numbers with a sign, likewise.
    #[inline(always)]
    pub(crate) fn half(self) -> Self {
        Self(self.0.map(|byte| (byte as i8 >> 1) as u8))
    }

    /// The first half, of numbers with a sign, as words.
    #[inline(always)]
    pub(crate) fn low_signed(self) -> Words {
        self.low_raised().shift::<8>()
    }

    /// The second half, likewise.
    #[inline(always)]
    pub(crate) fn high_signed(self) -> Words {
        self.high_raised().shift::<8>()
    }

    /// The first half as the upper bytes of words.
    #[inline(always)]
    pub(crate) fn low_raised(self) -> Words {
        Words(std::array::from_fn(|i| i16::from_le_bytes([0, self.0[i]])))
    }

    /// The second half, likewise.
    #[inline(always)]
    pub(crate) fn high_raised(self) -> Words {
        Words(std::array::from_fn(|i| {
            i16::from_le_bytes([0, self.0[8 + i]])
        }))
    }
}

impl Words {
    #[inline(always)]
    pub(crate) fn splat(word: i16) -> Self {
        Self([word; 8])
    }

    /// The sum.
    #[inline(always)]
    pub(crate) fn add(self, other: Self) -> Self {
        let (a, b) = (self.0, other.0);
        Self(std::array::from_fn(|i| a[i].wrapping_add(b[i])))
    }

    /// The lower half of the product.
    #[inline(always)]
    pub(crate) fn mul(self, other: Self) -> Self {
        let (a, b) = (self.0, other.0);
        Self(std::array::from_fn(|i| a[i].wrapping_mul(b[i])))
    }

    /// Shifted right, with their sign.
    #[inline(always)]
    pub(crate) fn shift<const BITS: i32>(self) -> Self {
        Self(self.0.map(|word| word >> BITS))
    }

    /// Both as bytes with a sign, held within -128 to 127.
    #[inline(always)]
    pub(crate) fn pack_signed(self, other: Self) -> Bytes {
        let (a, b) = (self.0, other.0);
        let byte = |word: i16| word.clamp(-128, 127) as u8;
        Bytes(std::array::from_fn(|i| {
            byte(if i < 8 { a[i] } else { b[i - 8] })
        }))
    }
}

/// Moves each byte to where the bits of its place, of vector and lane, are rotated left by one.
///
/// A few rounds of it turn columns into rows: of sixteen vectors four, since the place is then `lane, vector` instead
/// of `vector, lane`.
#[inline(always)]
pub(crate) fn rotate<const VECTORS: usize>(vectors: [Bytes; VECTORS]) -> [Bytes; VECTORS] {
    let mut rotated = vectors;
    for i in 0..VECTORS / 2 {
        let (a, b) = (vectors[i], vectors[i + VECTORS / 2]);
        rotated[2 * i] = a.interleave_low(b);
        rotated[2 * i + 1] = a.interleave_high(b);
    }
    rotated
}
