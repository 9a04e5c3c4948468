//! Vectors of bytes, sixteen lanes each, in a form of which the compiler makes vector instructions.

pub(crate) type Bytes = [u8; 16];

/// The bytes of both in turn: those of the first halves, and those of the second halves.
#[inline(always)]
pub(crate) fn interleave(a: Bytes, b: Bytes) -> (Bytes, Bytes) {
    let mut low = [0; 16];
    let mut high = [0; 16];
    for i in 0..8 {
        low[2 * i] = a[i];
        low[2 * i + 1] = b[i];
        high[2 * i] = a[8 + i];
        high[2 * i + 1] = b[8 + i];
    }
    (low, high)
}

/// Moves each byte to where the bits of its place, of vector and lane, are rotated left by one.
///
/// A few rounds of it turn columns into rows: of sixteen vectors four, since the place is then `lane, vector` instead
/// of `vector, lane`.
#[inline(always)]
pub(crate) fn rotate<const VECTORS: usize>(vectors: [Bytes; VECTORS]) -> [Bytes; VECTORS] {
    let mut rotated = [[0; 16]; VECTORS];
    for i in 0..VECTORS / 2 {
        (rotated[2 * i], rotated[2 * i + 1]) = interleave(vectors[i], vectors[i + VECTORS / 2]);
    }
    rotated
}
