//! The macroblock in the making, and the edges that it is predicted from (RFC 6386 §12.2, §12.3).
//!
//! Prediction is from pixels as they were *before* the loop filter, which runs over the frame as a whole afterwards
//! (§15). So the edges are kept here, and a decode that does not need the filter can leave it out.

use crate::{
    modes::{Luma, MacroblockHeader},
    predict, predict_subblock,
    residual::Residual,
    tile::Tile,
    transform::{self, STRIDE, Square},
};

/// Where the pixels of a row begin; before them is the column to the left.
pub(crate) const LEFT: usize = 8;

/// 16 rows of luma below the row above, which has four pixels of the next macroblock at its end.
pub(crate) type LumaArea = [u8; STRIDE * 17];
/// 8 rows of U and of V, each with its column to the left, below the row above.
pub(crate) type ChromaArea = [u8; STRIDE * 9];

/// Where U and V begin in a row.
pub(crate) const CHROMA: [usize; 2] = [8, 24];

/// What is left of the row above where there is none, and to the left.
const ABOVE: u8 = 127;
const BESIDE: u8 = 129;

/// The last row of a macroblock, for the one below.
#[derive(Debug, Clone, Copy)]
struct Bottom {
    luma: [u8; 16],
    /// U, V
    chroma: [[u8; 8]; 2],
}

/// The macroblock in the making.
#[derive(Debug)]
pub(crate) struct Workspace {
    luma: LumaArea,
    chroma: ChromaArea,
    /// The last rows of the macroblocks above, and to the left of this one.
    bottoms: Vec<Bottom>,
}

impl Workspace {
    pub(crate) fn new(columns: usize) -> Self {
        let bottom = Bottom {
            luma: [ABOVE; 16],
            chroma: [[ABOVE; 8]; 2],
        };
        Self {
            luma: [0; STRIDE * 17],
            chroma: [0; STRIDE * 9],
            bottoms: vec![bottom; columns],
        }
    }

    /// Predicts the macroblock and adds what it differs by.
    pub(crate) fn reconstruct(
        &mut self,
        (column, row): (usize, usize),
        header: &MacroblockHeader,
        residual: &mut Residual,
        coded: bool,
    ) {
        let edges = Edges {
            above: row > 0,
            left: column > 0,
        };
        self.load_edges(column, edges);
        match &header.luma {
            Luma::Whole(mode) => {
                predict::luma(&mut self.luma, *mode, edges);
                if coded {
                    for (index, block) in residual.luma.iter_mut().enumerate() {
                        if let Some(square) = square(&mut self.luma, luma_place(index)) {
                            transform::add(block, square);
                        }
                    }
                }
            }
            Luma::Subblocks(modes) => {
                self.repeat_above_right();
                let blocks = residual.luma.iter_mut().zip(modes.as_flattened());
                for (index, (block, &mode)) in blocks.enumerate() {
                    let place = luma_place(index);
                    predict_subblock::predict(&mut self.luma, place, mode);
                    if coded && let Some(square) = square(&mut self.luma, place) {
                        transform::add(block, square);
                    }
                }
            }
        }
        predict::chroma(&mut self.chroma, header.chroma, edges);
        if coded {
            for (index, block) in residual.chroma.iter_mut().enumerate() {
                if let Some(square) = square(&mut self.chroma, chroma_place(index)) {
                    transform::add(block, square);
                }
            }
        }
        self.keep_bottom(column);
    }

    /// Puts the edges of the macroblock beside its area. The area still has the one to the left.
    fn load_edges(&mut self, column: usize, edges: Edges) {
        if edges.left {
            for row in self.luma.as_chunks_mut::<STRIDE>().0 {
                row[LEFT - 1] = row[LEFT + 15];
            }
            for row in self.chroma.as_chunks_mut::<STRIDE>().0 {
                for start in CHROMA {
                    row[start - 1] = row[start + 7];
                }
            }
        } else {
            for row in self.luma.as_chunks_mut::<STRIDE>().0 {
                row[LEFT - 1] = BESIDE;
            }
            for row in self.chroma.as_chunks_mut::<STRIDE>().0 {
                for start in CHROMA {
                    row[start - 1] = BESIDE;
                }
            }
            if !edges.above {
                self.luma[LEFT - 1] = ABOVE;
                for start in CHROMA {
                    self.chroma[start - 1] = ABOVE;
                }
            }
        }
        let Some(bottom) = self.bottoms.get(column) else {
            return;
        };
        let (_, luma) = self.luma.split_at_mut(LEFT);
        if let Some(luma) = luma.first_chunk_mut() {
            *luma = bottom.luma;
        }
        let next = match self.bottoms.get(column + 1) {
            Some(next) => next.luma,
            // libwebp: the last pixel repeated.
            None => [bottom.luma[15]; 16],
        };
        for (to, from) in self.luma[LEFT + 16..LEFT + 20].iter_mut().zip(next) {
            *to = from;
        }
        for (start, bottom) in CHROMA.into_iter().zip(bottom.chroma) {
            if let Some(chroma) = self.chroma[start..].first_chunk_mut() {
                *chroma = bottom;
            }
        }
    }

    /// The last subblocks of the lower rows have no macroblock to their right yet: what is above it stands for it.
    fn repeat_above_right(&mut self) {
        let mut above_right = [0; 4];
        above_right.copy_from_slice(&self.luma[LEFT + 16..LEFT + 20]);
        for row in [4, 8, 12] {
            self.luma[row * STRIDE + LEFT + 16..][..4].copy_from_slice(&above_right);
        }
    }

    fn keep_bottom(&mut self, column: usize) {
        let Some(bottom) = self.bottoms.get_mut(column) else {
            return;
        };
        bottom
            .luma
            .copy_from_slice(&self.luma[16 * STRIDE + LEFT..][..16]);
        for (bottom, start) in bottom.chroma.iter_mut().zip(CHROMA) {
            bottom.copy_from_slice(&self.chroma[8 * STRIDE + start..][..8]);
        }
    }

    /// The pixels of the macroblock.
    pub(crate) fn store(&self, tile: &mut Tile) {
        let rows = self.luma.as_chunks::<STRIDE>().0.iter().skip(1);
        for (to, from) in tile.luma.iter_mut().zip(rows) {
            to.copy_from_slice(&from[LEFT..LEFT + 16]);
        }
        let rows = self.chroma.as_chunks::<STRIDE>().0.iter().skip(1);
        for (to, from) in tile.chroma.iter_mut().zip(rows) {
            let [u, v] = CHROMA;
            to[..8].copy_from_slice(&from[u..u + 8]);
            to[8..].copy_from_slice(&from[v..v + 8]);
        }
    }
}

/// Which sides of a macroblock have another one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Edges {
    pub above: bool,
    pub left: bool,
}

fn luma_place(index: usize) -> usize {
    (1 + (index >> 2 & 3) * 4) * STRIDE + LEFT + (index & 3) * 4
}

fn chroma_place(index: usize) -> usize {
    (1 + (index >> 1 & 1) * 4) * STRIDE + CHROMA[index >> 2 & 1] + (index & 1) * 4
}

fn square(area: &mut [u8], place: usize) -> Option<&mut Square> {
    area.get_mut(place..)?.first_chunk_mut()
}
