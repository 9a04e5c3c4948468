//! The picture at full size, growing line by line behind the loop filter.

use crate::{colour, tile::Tile, upsample};

/// How many lines of chroma, from the last one of a row of macroblocks, the filter of the next row may still change:
/// three, and a fourth so that lines of luma come in pairs.
const UNSETTLED: usize = 4;

#[derive(Debug)]
pub(crate) struct Canvas {
    height: usize,
    /// Lines painted.
    done: usize,
    rgb: Vec<u8>,
    lines: Lines,
}

/// Lines put together from tiles.
#[derive(Debug)]
struct Lines {
    luma: Vec<u8>,
    /// The nearest and the second nearest, of U and of V.
    chroma: [[Vec<u8>; 2]; 2],
    /// At luma's width.
    upsampled: [Vec<u8>; 2],
    sums: Vec<u16>,
    /// Of pixels; for to write to the picture at once would need it to be filled with something first.
    rgb: Vec<u8>,
}

impl Canvas {
    pub(crate) fn new(width: usize, height: usize) -> Self {
        let columns = width.div_ceil(16);
        let of_luma = || vec![0; columns * 16];
        let of_chroma = || vec![0; columns * 8];
        Self {
            height,
            done: 0,
            rgb: Vec::with_capacity(width * height * 3),
            lines: Lines {
                luma: of_luma(),
                chroma: std::array::from_fn(|_| std::array::from_fn(|_| of_chroma())),
                upsampled: std::array::from_fn(|_| of_luma()),
                // Those within the picture, and one before and behind them.
                sums: vec![0; width.div_ceil(2) + 2],
                rgb: vec![0; width * 3],
            },
        }
    }

    /// Paints what the rows of macroblocks allow, of which `row` is the last one.
    pub(crate) fn paint(&mut self, above: &[Tile], tiles: &[Tile], row: usize) {
        let settled = if (row + 1) * 16 >= self.height {
            self.height
        } else {
            // The last line needs chroma from both sides.
            ((row + 1) * 8 - UNSETTLED) * 2 - 1
        };
        let last_chroma = self.height.div_ceil(2) - 1;
        for y in self.done..settled {
            let of_row = |line: usize, height: usize| {
                let tiles = if line / height == row { tiles } else { above };
                (tiles, line % height)
            };
            let (tiles, line) = of_row(y, 16);
            for (to, tile) in self
                .lines
                .luma
                .as_chunks_mut::<16>()
                .0
                .iter_mut()
                .zip(tiles)
            {
                *to = tile.luma[line & 15];
            }
            let near = y / 2;
            let far = if y % 2 == 0 {
                near.saturating_sub(1)
            } else {
                (near + 1).min(last_chroma)
            };
            for (index, line) in [near, far].into_iter().enumerate() {
                let (tiles, line) = of_row(line, 8);
                let [u, v] = &mut self.lines.chroma;
                let u = u[index].as_chunks_mut::<8>().0.iter_mut();
                let v = v[index].as_chunks_mut::<8>().0.iter_mut();
                for ((u, v), tile) in u.zip(v).zip(tiles) {
                    let row = &tile.chroma[line & 7];
                    u.copy_from_slice(&row[..8]);
                    v.copy_from_slice(&row[8..]);
                }
            }
            for ([near, far], upsampled) in self.lines.chroma.iter().zip(&mut self.lines.upsampled)
            {
                upsample::line(near, far, &mut self.lines.sums, upsampled);
            }
            let [u, v] = &self.lines.upsampled;
            colour::line(&self.lines.luma, u, v, &mut self.lines.rgb);
            self.rgb.extend_from_slice(&self.lines.rgb);
        }
        self.done = self.done.max(settled);
    }

    pub(crate) fn into_rgb(self) -> Vec<u8> {
        self.rgb
    }
}
