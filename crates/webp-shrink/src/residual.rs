//! The coefficients of a macroblock (RFC 6386 §13, §14.2, §14.3): 16 blocks of luma, 4 of each chroma, and the block
//! Y2 of the lumas' DCs.

use crate::{
    bool_decoder::BoolDecoder,
    quantizer::{Factors, Quantizer},
    tokens::{self, BlockType, Positions, Read},
    transform,
};

/// What is in a block, and so which transform it needs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Content {
    #[default]
    Nothing,
    /// The first coefficient only.
    Dc,
    /// The first three in their order: those beside and below the first too.
    Corner,
    /// Coefficients small enough for the whole transform in 16 bits.
    Small,
    /// Coefficients such as only a file made to overflow has.
    Large,
}

impl Content {
    /// No sum of 16 that are smaller can leave 16 bits: the transform multiplies by 1.31 at most, each way.
    const LARGE_AC: u32 = 1024;
    const LARGE_DC: u32 = 4096;

    fn of(read: Read, dc: i32, factors: Factors) -> Self {
        // At least as large as any.
        let ac = (read.magnitudes | 1) * factors.ac as u32;
        if ac >= Self::LARGE_AC || dc.unsigned_abs() >= Self::LARGE_DC {
            Self::Large
        } else if read.end > 3 {
            Self::Small
        } else if read.end > 1 {
            Self::Corner
        } else if dc != 0 {
            Self::Dc
        } else {
            Self::Nothing
        }
    }
}

/// A block of coefficients.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Block {
    pub content: Content,
    /// What the AC are to be multiplied by.
    pub factor: i16,
    /// The first coefficient, dequantised.
    pub dc: i32,
    /// The others, in their places, not dequantised.
    pub ac: [i16; 16],
}

impl Block {
    /// Reads the tokens of a block, whose DC is among them if its position is not passed over.
    #[inline(always)]
    fn read(
        &mut self,
        bits: &mut BoolDecoder<'_>,
        positions: &Positions,
        first: usize,
        beside: [&mut u8; 2],
        factors: Factors,
    ) -> bool {
        let [above, left] = beside;
        let read = tokens::read(
            bits,
            positions,
            first,
            usize::from(*above + *left),
            &mut self.ac,
        );
        *above = u8::from(read.end > first);
        *left = *above;
        if first == 0 {
            self.dc = i32::from(self.ac[0]) * factors.dc;
        }
        self.content = Content::of(read, self.dc, factors);
        self.factor = factors.ac as i16;
        self.content != Content::Nothing
    }
}

/// The blocks of a macroblock, zero where nothing else is written, and made so again by those who use them.
#[derive(Debug)]
pub(crate) struct Residual {
    pub luma: [Block; 16],
    /// U in the first four, V in the others.
    pub chroma: [Block; 8],
}

/// Which blocks beside the next ones have coefficients: 0 or 1 each.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Beside {
    luma: [u8; 4],
    /// U, V
    chroma: [[u8; 2]; 2],
    y2: u8,
}

impl Beside {
    /// Behind a macroblock without coefficients. What is not predicted as a whole has no Y2, and leaves that of those
    /// before in force.
    pub(crate) fn skip(&mut self, whole: bool) {
        *self = Self {
            y2: if whole { 0 } else { self.y2 },
            ..Self::default()
        };
    }
}

impl Residual {
    pub(crate) fn new() -> Box<Self> {
        Box::new(Self {
            luma: [Block::default(); 16],
            chroma: [Block::default(); 8],
        })
    }

    /// Reads the blocks of a macroblock, and says whether any has something coded. `whole` says that its luma is
    /// predicted as a whole.
    pub(crate) fn read(
        &mut self,
        bits: &mut BoolDecoder<'_>,
        tables: &[Positions; 4],
        quantizer: &Quantizer,
        whole: bool,
        above: &mut Beside,
        left: &mut Beside,
    ) -> bool {
        let mut coded = false;
        let (kind, first) = if whole {
            self.read_y2(bits, tables, quantizer, above, left);
            (BlockType::YAfterY2, 1)
        } else {
            (BlockType::Y, 0)
        };
        let positions = &tables[kind as usize];
        for (blocks, left) in self
            .luma
            .as_chunks_mut::<4>()
            .0
            .iter_mut()
            .zip(&mut left.luma)
        {
            for (block, above) in blocks.iter_mut().zip(&mut above.luma) {
                coded |= block.read(bits, positions, first, [above, left], quantizer.y);
            }
        }
        let positions = &tables[BlockType::Chroma as usize];
        let planes = above.chroma.iter_mut().zip(&mut left.chroma);
        for (blocks, (above, left)) in self.chroma.as_chunks_mut::<4>().0.iter_mut().zip(planes) {
            for (blocks, left) in blocks.as_chunks_mut::<2>().0.iter_mut().zip(left) {
                for (block, above) in blocks.iter_mut().zip(above.iter_mut()) {
                    coded |= block.read(bits, positions, 0, [above, left], quantizer.uv);
                }
            }
        }
        coded
    }

    fn read_y2(
        &mut self,
        bits: &mut BoolDecoder<'_>,
        tables: &[Positions; 4],
        quantizer: &Quantizer,
        above: &mut Beside,
        left: &mut Beside,
    ) {
        let mut values = [0; 16];
        let context = usize::from(above.y2 + left.y2);
        let positions = &tables[BlockType::Y2 as usize];
        let read = tokens::read(bits, positions, 0, context, &mut values);
        above.y2 = u8::from(read.end > 0);
        left.y2 = above.y2;
        let mut y2 = values.map(|value| i32::from(value) * quantizer.y2.ac);
        y2[0] = i32::from(values[0]) * quantizer.y2.dc;
        let dcs = transform::inverse_walsh_hadamard(&y2);
        for (block, dc) in self.luma.iter_mut().zip(dcs) {
            block.dc = dc;
        }
    }
}
