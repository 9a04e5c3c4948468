//! How each macroblock is predicted (RFC 6386 §8, §10, §11), read from the first partition.

use crate::{
    bool_decoder::BoolDecoder,
    frame_header::{FrameHeader, Segmentation},
    mode_probs::SUBBLOCK_MODES,
};

/// How a macroblock's luma, or its chroma, is predicted as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// `DC_PRED`: the average of the edges.
    Dc,
    /// `V_PRED`: the row above.
    Vertical,
    /// `H_PRED`: the column to the left.
    Horizontal,
    /// `TM_PRED`: both, by their difference to the corner.
    TrueMotion,
}

/// How a 4x4 subblock of luma is predicted; the names are those of the RFC without `B_` and `_PRED`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum SubblockMode {
    #[default]
    Dc,
    Tm,
    Ve,
    He,
    Ld,
    Rd,
    Vr,
    Vl,
    Hd,
    Hu,
}

impl From<Mode> for SubblockMode {
    /// What a macroblock predicted as a whole counts as beside subblocks (§11.3).
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Dc => Self::Dc,
            Mode::Vertical => Self::Ve,
            Mode::Horizontal => Self::He,
            Mode::TrueMotion => Self::Tm,
        }
    }
}

/// Luma of a macroblock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Luma {
    Whole(Mode),
    /// `B_PRED`
    Subblocks([[SubblockMode; 4]; 4]),
}

/// The header of a macroblock (§19.3).
#[derive(Debug, Clone, Copy)]
pub(crate) struct MacroblockHeader {
    pub segment: usize,
    /// Has no coefficients.
    pub skip: bool,
    pub luma: Luma,
    pub chroma: Mode,
}

/// The modes that the next macroblocks' are coded by.
#[derive(Debug)]
pub(crate) struct ModeContext {
    above: Vec<[SubblockMode; 4]>,
    left: [SubblockMode; 4],
}

impl ModeContext {
    pub(crate) fn new(macroblocks: usize) -> Self {
        Self {
            above: vec![<[SubblockMode; 4]>::default(); macroblocks],
            left: <[SubblockMode; 4]>::default(),
        }
    }

    pub(crate) fn start_row(&mut self) {
        self.left = <[SubblockMode; 4]>::default();
    }

    /// Reads the header of the macroblock in this column.
    pub(crate) fn read(
        &mut self,
        first: &mut BoolDecoder<'_>,
        frame: &FrameHeader,
        column: usize,
    ) -> MacroblockHeader {
        let segment = segment(first, frame.segmentation);
        let skip = frame
            .no_skip
            .is_some_and(|probability| first.bit(probability));
        let mut outside = <[SubblockMode; 4]>::default();
        let above = self.above.get_mut(column).unwrap_or(&mut outside);
        let luma = if first.bit(145) {
            let mode = whole(first);
            *above = [mode.into(); 4];
            self.left = [mode.into(); 4];
            Luma::Whole(mode)
        } else {
            let mut modes = <[[SubblockMode; 4]; 4]>::default();
            for (row, left) in modes.iter_mut().zip(&mut self.left) {
                for (mode, above) in row.iter_mut().zip(above.iter_mut()) {
                    *mode = subblock(first, *above, *left);
                    *above = *mode;
                    *left = *mode;
                }
            }
            Luma::Subblocks(modes)
        };
        MacroblockHeader {
            segment,
            skip,
            luma,
            chroma: chroma(first),
        }
    }
}

/// `mb_segment_tree`
fn segment(first: &mut BoolDecoder<'_>, segmentation: Segmentation) -> usize {
    if !segmentation.map {
        return 0;
    }
    let [root, lower, upper] = segmentation.probabilities;
    if first.bit(root) {
        2 + usize::from(first.bit(upper))
    } else {
        usize::from(first.bit(lower))
    }
}

/// `kf_ymode_tree` behind its first node
fn whole(first: &mut BoolDecoder<'_>) -> Mode {
    if first.bit(156) {
        if first.bit(128) {
            Mode::TrueMotion
        } else {
            Mode::Horizontal
        }
    } else if first.bit(163) {
        Mode::Vertical
    } else {
        Mode::Dc
    }
}

/// `uv_mode_tree`
fn chroma(first: &mut BoolDecoder<'_>) -> Mode {
    if !first.bit(142) {
        Mode::Dc
    } else if !first.bit(114) {
        Mode::Vertical
    } else if first.bit(183) {
        Mode::TrueMotion
    } else {
        Mode::Horizontal
    }
}

/// `bmode_tree`
fn subblock(first: &mut BoolDecoder<'_>, above: SubblockMode, left: SubblockMode) -> SubblockMode {
    let probabilities = &SUBBLOCK_MODES[above as usize][left as usize];
    let mut bit = |node: usize| first.bit(probabilities[node]);
    if !bit(0) {
        SubblockMode::Dc
    } else if !bit(1) {
        SubblockMode::Tm
    } else if !bit(2) {
        SubblockMode::Ve
    } else if !bit(3) {
        if !bit(4) {
            SubblockMode::He
        } else if bit(5) {
            SubblockMode::Vr
        } else {
            SubblockMode::Rd
        }
    } else if !bit(6) {
        SubblockMode::Ld
    } else if !bit(7) {
        SubblockMode::Vl
    } else if bit(8) {
        SubblockMode::Hu
    } else {
        SubblockMode::Hd
    }
}
