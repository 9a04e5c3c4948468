//! The tokens of a block's coefficients (RFC 6386 §13).

use crate::{bool_decoder::BoolDecoder, default_probs::TokenProbs};

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
type Position = [Node; 4];

/// The probabilities of the nodes of `coeff_tree`.
type Node = [u8; 16];

/// The probabilities of a type of block, by position instead of band.
pub(crate) type Positions = [Position; 16];

/// The tables for all types of block.
pub(crate) fn positions(probabilities: &TokenProbs) -> Box<[Positions; 4]> {
    let mut tables = Box::new([[[Node::default(); 4]; 16]; 4]);
    for (table, bands) in tables.iter_mut().zip(probabilities) {
        for (position, band) in table.iter_mut().zip(BANDS) {
            for (to, from) in position.iter_mut().zip(&bands[band]) {
                for (to, &from) in to.iter_mut().zip(from) {
                    *to = from;
                }
            }
        }
    }
    tables
}

/// What was read of a block.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Read {
    /// The position behind the last token; the first position if there was none.
    pub end: usize,
    /// Bits that are set in any magnitude above 1, the DC's included.
    pub magnitudes: u32,
}

/// Reads the coefficients of one block, not dequantised, into their places in a block of zeros.
///
/// It has no room for more variables: with the decoder's they fill the registers of x86-64, and whatever spills from
/// the chain from bit to bit is felt. So it is not to be merged into anything, and dequantisation is not done here.
#[inline(never)]
pub(crate) fn read(
    decoder: &mut BoolDecoder<'_>,
    positions: &Positions,
    first: usize,
    context: usize,
    block: &mut [i16; 16],
) -> Read {
    // A copy, so that its fields are in registers.
    let mut bits = *decoder;
    let read = read_all(&mut bits, positions, first, context, block);
    *decoder = bits;
    read
}

#[inline(always)]
fn read_all(
    bits: &mut BoolDecoder<'_>,
    positions: &Positions,
    first: usize,
    context: usize,
    block: &mut [i16; 16],
) -> Read {
    let mut magnitudes = 0;
    let mut end = first & 15;
    let mut node = &positions[end][context & 3];
    while bits.bit(node[0]) {
        while !bits.bit(node[1]) {
            end += 1;
            if end == 16 {
                return Read { end, magnitudes };
            }
            // No end of block behind a zero.
            node = &positions[end & 15][0];
        }
        let place = usize::from(ZIGZAG[end & 15] & 15);
        end += 1;
        let next = &positions[end & 15];
        let value = if bits.bit(node[2]) {
            let value = large(bits, node);
            magnitudes |= value as u32;
            node = &next[2];
            value
        } else {
            node = &next[1];
            1
        };
        block[place] = bits.signed(value) as i16;
        if end == 16 {
            break;
        }
    }
    Read { end, magnitudes }
}

/// A value above 1: the rest of `coeff_tree`, and the extra bits of its categories.
#[inline(always)]
fn large(bits: &mut BoolDecoder<'_>, node: &Node) -> i32 {
    if !bits.bit(node[3]) {
        if bits.bit(node[4]) {
            3 + i32::from(bits.bit(node[5]))
        } else {
            2
        }
    } else if !bits.bit(node[6]) {
        if bits.bit(node[7]) {
            7 + extra(bits, &[165, 145])
        } else {
            5 + i32::from(bits.bit(159))
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
