//! Prediction of luma and chroma as a whole (RFC 6386 §12.2, §12.3).

use crate::{
    modes::Mode,
    transform::STRIDE,
    workspace::{CHROMA, ChromaArea, Edges, LEFT, LumaArea},
};

pub(crate) fn luma(area: &mut LumaArea, mode: Mode, edges: Edges) {
    predict::<16>(area, LEFT, mode, edges);
}

pub(crate) fn chroma(area: &mut ChromaArea, mode: Mode, edges: Edges) {
    for start in CHROMA {
        predict::<8>(area, start, mode, edges);
    }
}

/// A square of `SIDE`, whose first row is the second of the area.
#[inline(always)]
fn predict<const SIDE: usize>(area: &mut [u8], start: usize, mode: Mode, edges: Edges) {
    let (above, rows) = area.split_at_mut(STRIDE);
    let rows = rows.as_chunks_mut::<STRIDE>().0;
    let corner = above[start - 1];
    let Some(&above) = above.get(start..).and_then(|row| row.first_chunk::<SIDE>()) else {
        return;
    };
    let pixels = |row: &mut [u8; STRIDE], pixels: [u8; SIDE]| {
        if let Some(row) = row.get_mut(start..).and_then(|row| row.first_chunk_mut()) {
            *row = pixels;
        }
    };
    match mode {
        Mode::Dc => {
            let of_above: u32 = above.iter().map(|&pixel| u32::from(pixel)).sum();
            let of_left: u32 = rows.iter().map(|row| u32::from(row[start - 1])).sum();
            let side = SIDE as u32;
            let average = match (edges.above, edges.left) {
                (true, true) => (of_above + of_left + side) / (2 * side),
                (true, false) => (of_above + side / 2) / side,
                (false, true) => (of_left + side / 2) / side,
                (false, false) => 128,
            };
            for row in rows {
                pixels(row, [average as u8; SIDE]);
            }
        }
        Mode::Vertical => {
            for row in rows {
                pixels(row, above);
            }
        }
        Mode::Horizontal => {
            for row in rows {
                pixels(row, [row[start - 1]; SIDE]);
            }
        }
        Mode::TrueMotion => {
            for row in rows {
                let difference = i16::from(row[start - 1]) - i16::from(corner);
                pixels(
                    row,
                    above.map(|pixel| (i16::from(pixel) + difference).clamp(0, 255) as u8),
                );
            }
        }
    }
}
