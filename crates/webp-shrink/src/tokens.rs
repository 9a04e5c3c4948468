//! The tokens of a block's coefficients (RFC 6386 §13).

use crate::{bool_decoder::BoolDecoder, default_probs::TokenProbs, quantizer::Factors};

/// `coeff_bands`: which probabilities hold at a position.
const BANDS: [usize; 16] = [0, 1, 2, 3, 6, 4, 5, 6, 6, 6, 6, 6, 6, 6, 6, 7];

/// `zigzag`: where in the block the coefficient of a position is.
const ZIGZAG: [u8; 16] = [0, 1, 4, 8, 5, 2, 3, 6, 9, 12, 13, 10, 7, 11, 14, 15];

/// The types of block (§13.3), in the order of their probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BlockType {
    /// Luma whose DC is in the macroblock's Y2 block.
    YAfterY2,
    Y2,
    Chroma,
    /// Luma with its DC.
    Y,
}

/// The probabilities of one position: for each context, and at powers of two so that they are found by shifts.
type Position = [[u8; 16]; 4];

/// The probabilities of a type of block, by position instead of band.
pub(crate) type Positions = [Position; 16];

/// The tables for all types of block.
pub(crate) fn positions(probabilities: &TokenProbs) -> Box<[Positions; 4]> {
    let mut tables = Box::new([[[[0; 16]; 4]; 16]; 4]);
    for (table, bands) in tables.iter_mut().zip(probabilities) {
        for (position, band) in table.iter_mut().zip(BANDS) {
            for (to, from) in position.iter_mut().zip(&bands[band]) {
                if let Some(to) = to.first_chunk_mut() {
                    *to = *from;
                }
            }
        }
    }
    tables
}

/// What was read of a block.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Read {
    /// The position behind the last token, 0 if there was none.
    pub end: usize,
    /// Bits that are set in the magnitude of any coefficient but the DC.
    pub magnitudes: u32,
}

/// Reads the coefficients of one block, dequantised, into their places in a block of zeros.
#[inline(always)]
pub(crate) fn read(
    decoder: &mut BoolDecoder<'_>,
    positions: &Positions,
    first: usize,
    context: usize,
    factors: Factors,
    block: &mut [i32; 16],
) -> Read {
    // A copy, so that its fields are in registers.
    let mut bits = *decoder;
    let read = read_all(&mut bits, positions, first, context, factors, block);
    *decoder = bits;
    read
}

#[inline(always)]
fn read_all(
    bits: &mut BoolDecoder<'_>,
    positions: &Positions,
    first: usize,
    context: usize,
    factors: Factors,
    block: &mut [i32; 16],
) -> Read {
    let mut magnitudes = 0;
    let mut factor = if first == 0 { factors.dc } else { factors.ac };
    let mut place = first & 15;
    let mut node = &positions[place][context & 3];
    loop {
        if !bits.bit(node[0]) {
            return Read {
                end: place,
                magnitudes,
            };
        }
        while !bits.bit(node[1]) {
            place += 1;
            factor = factors.ac;
            if place == 16 {
                return Read {
                    end: 16,
                    magnitudes,
                };
            }
            // No end of block behind a zero.
            node = &positions[place & 15][0];
        }
        let (value, context) = if bits.bit(node[2]) {
            (large(bits, node), 2)
        } else {
            (1, 1)
        };
        let coefficient = value * factor;
        if place > 0 {
            magnitudes |= coefficient as u32;
        }
        block[usize::from(ZIGZAG[place & 15] & 15)] = bits.signed(coefficient);
        place += 1;
        factor = factors.ac;
        if place == 16 {
            return Read {
                end: 16,
                magnitudes,
            };
        }
        node = &positions[place & 15][context];
    }
}

/// A value above 1: the rest of `coeff_tree`, and the extra bits of its categories.
#[inline(always)]
fn large(bits: &mut BoolDecoder<'_>, node: &[u8; 16]) -> i32 {
    if !bits.bit(node[3]) {
        if !bits.bit(node[4]) {
            2
        } else {
            3 + i32::from(bits.bit(node[5]))
        }
    } else if !bits.bit(node[6]) {
        if !bits.bit(node[7]) {
            5 + i32::from(bits.bit(159))
        } else {
            7 + extra(bits, &[165, 145])
        }
    } else if !bits.bit(node[8]) {
        if bits.bit(node[9]) {
            19 + extra(bits, &[176, 155, 140, 135])
        } else {
            11 + extra(bits, &[173, 148, 140])
        }
    } else if bits.bit(node[10]) {
        67 + extra(
            bits,
            &[254, 254, 243, 230, 196, 177, 153, 140, 133, 130, 129],
        )
    } else {
        35 + extra(bits, &[180, 157, 141, 134, 130])
    }
}

fn extra<const BITS: usize>(bits: &mut BoolDecoder<'_>, probabilities: &[u8; BITS]) -> i32 {
    let mut number = 0;
    for &probability in probabilities {
        number = number << 1 | i32::from(bits.bit(probability));
    }
    number
}
