//! The coefficients of a macroblock (RFC 6386 §13, §14.2, §14.3): 16 blocks of luma, 4 of each chroma, and the block
//! Y2 of the lumas' DCs.

use crate::{
    bool_decoder::BoolDecoder,
    quantizer::Quantizer,
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
    /// Coefficients small enough for the whole transform in 16 bits.
    Small,
    /// Coefficients such as only a file made to overflow has.
    Large,
}

impl Content {
    /// No sum of 16 that are smaller can leave 16 bits: the transform multiplies by 1.31 at most, each way.
    const LARGE_AC: u32 = 1024;
    const LARGE_DC: u32 = 4096;

    fn of(read: Read, dc: i32) -> Self {
        if read.magnitudes >= Self::LARGE_AC || dc.unsigned_abs() >= Self::LARGE_DC {
            Self::Large
        } else if read.magnitudes != 0 {
            Self::Small
        } else if dc != 0 {
            Self::Dc
        } else {
            Self::Nothing
        }
    }
}

/// The blocks of a macroblock, zero where nothing else is written, and made so again by those who use them.
#[derive(Debug)]
pub(crate) struct Residual {
    pub luma: [[i32; 16]; 16],
    /// U in the first four, V in the others.
    pub chroma: [[i32; 16]; 8],
    pub luma_content: [Content; 16],
    pub chroma_content: [Content; 8],
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
            luma: [[0; 16]; 16],
            chroma: [[0; 16]; 8],
            luma_content: [Content::Nothing; 16],
            chroma_content: [Content::Nothing; 8],
        })
    }

    /// Reads the blocks of a macroblock, and says whether any has something coded. `whole` says that its luma is
    /// predicted as a whole.
    pub(crate) fn read(
        &mut self,
        decoder: &mut BoolDecoder<'_>,
        tables: &[Positions; 4],
        quantizer: &Quantizer,
        whole: bool,
        above: &mut Beside,
        left: &mut Beside,
    ) -> bool {
        let mut bits = *decoder;
        let mut coded = false;
        let (kind, first) = if whole {
            self.read_y2(&mut bits, tables, quantizer, above, left);
            (BlockType::YAfterY2, 1)
        } else {
            (BlockType::Y, 0)
        };
        let positions = &tables[kind as usize];
        let (blocks, contents) = (
            self.luma.as_chunks_mut::<4>().0,
            self.luma_content.as_chunks_mut::<4>().0,
        );
        for ((blocks, contents), left) in blocks.iter_mut().zip(contents).zip(&mut left.luma) {
            for ((block, content), above) in blocks.iter_mut().zip(contents).zip(&mut above.luma) {
                let context = usize::from(*above + *left);
                let read = tokens::read(&mut bits, positions, first, context, quantizer.y, block);
                *above = u8::from(read.end > first);
                *left = *above;
                *content = Content::of(read, block[0]);
                coded |= read.end > first || block[0] != 0;
            }
        }
        let positions = &tables[BlockType::Chroma as usize];
        let (blocks, contents) = (
            self.chroma.as_chunks_mut::<2>().0,
            self.chroma_content.as_chunks_mut::<2>().0,
        );
        for (row, (blocks, contents)) in blocks.iter_mut().zip(contents).enumerate() {
            let left = &mut left.chroma[row >> 1 & 1][row & 1];
            for ((block, content), above) in blocks
                .iter_mut()
                .zip(contents)
                .zip(&mut above.chroma[row >> 1 & 1])
            {
                let context = usize::from(*above + *left);
                let read = tokens::read(&mut bits, positions, 0, context, quantizer.uv, block);
                *above = u8::from(read.end > 0);
                *left = *above;
                *content = Content::of(read, block[0]);
                coded |= read.end > 0;
            }
        }
        *decoder = bits;
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
        let mut y2 = [0; 16];
        let context = usize::from(above.y2 + left.y2);
        let positions = &tables[BlockType::Y2 as usize];
        let read = tokens::read(bits, positions, 0, context, quantizer.y2, &mut y2);
        above.y2 = u8::from(read.end > 0);
        left.y2 = above.y2;
        if read.end > 0 {
            let dcs = transform::inverse_walsh_hadamard(&y2);
            for (block, dc) in self.luma.iter_mut().zip(dcs) {
                block[0] = dc;
            }
        }
    }

    /// No block has anything.
    pub(crate) fn clear_contents(&mut self) {
        self.luma_content = [Content::Nothing; 16];
        self.chroma_content = [Content::Nothing; 8];
    }
}
